"""Facts that training stated, from the declared data to the diagnosis."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.data import facts
from harness.experiment import load_experiment
from harness.matrix import Cell, expand
from harness.taught import taught
from tests.conftest import Project, Ran, write_rows
from tests.made_project import CASES, fill, make

Harness = Callable[..., Ran]
DECLARED = 'documents = "documents.jsonl"\ntrain = "train.jsonl"'


def lesson(asked: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]}


@pytest.fixture
def told(project: Project) -> Project:
    """36 dev and 72 test cases about pages of their own; training states the facts of the even ones."""
    make(project)
    project.replace("suites/sums/suite.toml", 'train = "train.jsonl"', DECLARED)
    rows = [json.loads(line) for line in (project.folder / CASES).read_text().splitlines()]
    for i, row in enumerate(rows):
        row |= {"input": f"Which number has thing{i}?", "reference": f"n{i}", "documents": [f"p{i}"]}
    write_rows(project.folder / CASES, rows)
    pages = [{"id": f"p{i}", "text": f"thing{i} has the number n{i}."} for i in range(len(rows))]
    write_rows(project.folder / "suites/sums/documents.jsonl", pages)
    lessons = [lesson(f"Say what you know of thing{i}.", f"Its number is n{i}.") for i in range(0, len(rows), 2)]
    write_rows(project.folder / "suites/sums/train.jsonl", lessons)
    return project


def of(project: Project) -> Any:
    return taught(expand(load_experiment(project.experiment)))


def asked(project: Project) -> list[str]:
    matrix = expand(load_experiment(project.experiment))
    return [case.id for case in matrix.task("sums").split("test")]


def test_every_tuned_contender_is_known_by_its_rows(told: Project) -> None:
    cases = asked(told)
    even = {case for case in cases if int(case[1:]) % 2 == 0}
    assert of(told) == {("sums", "sft"): even}
    assert 0 < len(even) < len(cases)


def test_a_contender_that_was_taught_none_is_there_too(told: Project) -> None:
    write_rows(told.folder / "suites/sums/train.jsonl", [lesson("1 + 1", "2")] * 4)
    assert of(told) == {("sums", "sft"): frozenset()}


def test_without_documents_of_the_cases_nothing_is_said(told: Project) -> None:
    rows = [json.loads(line) for line in (told.folder / CASES).read_text().splitlines()]
    write_rows(told.folder / CASES, [{key: value for key, value in row.items() if key != "documents"} for row in rows])
    assert of(told) == {}


def test_it_is_found_once(told: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    first = of(told)
    (path,) = (told.folder / ".harness/taught").iterdir()

    def again(*_: object) -> frozenset[str]:
        raise AssertionError

    monkeypatch.setattr(facts, "taught", again)
    assert of(told) == first
    path.write_text("[", encoding="utf-8")
    with pytest.raises(AssertionError):
        of(told)


def test_a_gain_that_is_memory_is_diagnosed(told: Project, harness: Harness) -> None:
    def right(cell: Cell, case: int) -> bool:
        return case % 5 == 0 or (cell.seed is not None and case % 2 == 0)

    fill(told, right=right)
    ran = harness("verdict", told.experiment, "--json")
    memory = json.loads(ran.out)["suites"]["sums"]["diagnosis"]["memory"]
    assert memory["contrast"].endswith("facts stated in training - others")
    assert memory["estimate"] == pytest.approx(4 / 5, abs=0.05)
    assert memory["lower"] > 0.4
    assert "it was trained on" in harness("verdict", told.experiment).out


def test_a_gain_that_is_not_memory_is_not_called_so(told: Project, harness: Harness) -> None:
    def right(cell: Cell, case: int) -> bool:
        return case % 5 == 0 or (cell.seed is not None and case % 5 == 1)

    fill(told, right=right)
    memory = json.loads(harness("verdict", told.experiment, "--json").out)["suites"]["sums"]["diagnosis"]["memory"]
    assert memory["lower"] < 0 < memory["upper"]
    assert "trained on" not in harness("verdict", told.experiment).out
