"""Cases stay what they were when their file was read, under one fingerprint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import suite
from harness.errors import BadInput, HarnessError
from harness.suite import Case, Task, load_task
from tests.conftest import Row, cases, write_rows


def folder(home: Path, rows: list[Row]) -> Path:
    """A suite with these cases."""
    write_rows(home / "cases.jsonl", rows)
    (home / "suite.toml").write_text('metric = "exact_match"\n')
    return home


@pytest.mark.parametrize("kept", [suite.KEPT, 0])
def test_a_line_is_a_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(suite, "KEPT", kept)
    rows = [
        {"id": "a", "input": "?", "reference": "!", "split": "dev", "cluster": "k", "tags": {"page": 3}},
        {"id": "b", "input": "half a pair: \ud83d", "reference": ""},
    ]
    task = load_task(folder(tmp_path, rows))
    assert list(task.cases) == [
        Case("a", "?", "!", "dev", "k", (), (), {"page": 3}),
        Case("b", "half a pair: \ud83d", "", "test", "b"),
    ]
    assert len(task.cases) == 2
    assert task.counts == {"dev": 1, "test": 1}
    assert [case.id for case in task.split("test")] == ["b"]


def test_an_identity_is_of_what_is_asked_and_expected(tmp_path: Path) -> None:
    first = load_task(folder(tmp_path, cases()))
    content = first.content
    assert Task(first.suite, tuple(first.cases)).content == content, "in memory or not"
    assert load_task(folder(tmp_path, [{**row, "tags": {"new": 1}} for row in cases()])).content == content
    assert load_task(folder(tmp_path, [dict(reversed(row.items())) for row in cases()])).content == content
    for key, value in (("input", "1"), ("reference", "1"), ("id", "x"), ("split", "dev"), ("cluster", "x")):
        changed = cases()
        changed[1][key] = value
        assert load_task(folder(tmp_path, changed)).content != content, key


def test_a_file_may_be_edited_while_its_cases_are_worked_on(tmp_path: Path) -> None:
    task = load_task(folder(tmp_path, cases()))
    before = list(task.cases)
    write_rows(tmp_path / "cases.jsonl", cases(30))
    assert list(task.cases) == before


def test_a_large_file_that_was_changed_is_not_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "KEPT", 0)
    task = load_task(folder(tmp_path, cases()))
    write_rows(tmp_path / "cases.jsonl", cases(30))
    with pytest.raises(HarnessError, match=r"cases\.jsonl: was changed while it was being worked on: run again"):
        list(task.cases)


def test_a_large_file_that_changes_under_the_reader_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "KEPT", 0)
    task = load_task(folder(tmp_path, cases()))
    reader = iter(task.cases)
    next(reader)
    with (tmp_path / "cases.jsonl").open("a") as file:
        file.write(json.dumps({"id": "late", "input": "?", "reference": "!"}) + "\n")
    with pytest.raises(HarnessError, match="was changed"):
        list(reader)


def test_what_is_wrong_names_its_line(tmp_path: Path) -> None:
    twice = [*cases(3), {"id": "s1", "input": "?", "reference": "!"}]
    with pytest.raises(BadInput, match=r"cases\.jsonl:4: duplicate id 's1': it stands on line 2 too"):
        load_task(folder(tmp_path, twice))
