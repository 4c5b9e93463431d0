"""MMLU as a suite: what is written, and what is said where it cannot be downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput, HarnessError
from harness.regression.mmlu import write_mmlu, write_suite
from harness.suite import load_task


def rows() -> list[dict[str, Any]]:
    """Three questions of each of two subjects, as ``cais/mmlu`` has them."""
    return [
        {"question": f"{subject} {i}? ", "subject": subject, "choices": ["a", "b", "c", "d"], "answer": i}
        for i in range(3)
        for subject in ("law", "anatomy")
    ]


def test_suite_that_loads(tmp_path: Path) -> None:
    folder = write_suite(tmp_path / "mmlu", rows(), per_subject=2)
    task = load_task(folder)
    assert (task.suite.role, task.suite.form, task.suite.metric) == ("guard", "choice", "exact_match")
    assert [case.id for case in task.cases] == ["anatomy-000", "anatomy-001", "law-000", "law-001"]
    second = list(task.cases)[1]
    assert (second.input, second.reference) == ("anatomy 1?", "b")
    assert second.choices == ("a", "b", "c", "d")
    assert second.tags == {"subject": "anatomy"}


def test_question_with_equal_choices_is_left_out(tmp_path: Path) -> None:
    doubled = {**rows()[0], "choices": ["a", "a", "c", "d"]}
    task = load_task(write_suite(tmp_path / "mmlu", [doubled, *rows()], per_subject=1))
    assert all(len(set(case.choices)) == 4 for case in task.cases)


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")

    def offline(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(HarnessError, match=r"MMLU \(cais/mmlu\) cannot be downloaded: ConnectionError"):
        write_mmlu(tmp_path / "mmlu")
    assert not (tmp_path / "mmlu").exists()


def test_suite_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "suite.toml").write_text("")
    with pytest.raises(BadInput, match="holds a suite already"):
        write_mmlu(tmp_path)
