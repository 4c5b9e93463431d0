"""What is asked: one trial a case, with everything that can change the answer in its id."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from harness.experiment import load_experiment
from harness.matrix import Cell, expand
from harness.store import database
from tests.conftest import Project


def cell(project: Project, contender: str = "zero_shot") -> Cell:
    matrix = expand(load_experiment(project.experiment))
    return next(cell for cell in matrix.cells if cell.contender.name == contender)


def asked(project: Project) -> dict[str, Any]:
    """The second trial without its id."""
    values = asdict(list(cell(project).trials())[1])
    assert len(values.pop("id")) == 20
    return values


def test_a_trial_says_where_it_stands_and_what_is_asked(project: Project) -> None:
    assert asked(project) == {
        "suite": "sums",
        "contender": "zero_shot",
        "technique": "prompt",
        "model": "scripted:constant=4",
        "case_id": "s1",
        "split": "test",
        "cluster": "s1",
        "messages": ({"role": "system", "content": "Add."}, {"role": "user", "content": "1 + 1"}),
        "max_new_tokens": 64,
        "training_seed": None,
        "repeat": 0,
        "temperature": 0.0,
        "adapter": None,
        "documents": (),
        "choices": (),
        "choice_by": "letter",
        "schema": None,
        "reference": None,
    }


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("suites/sums/suite.toml", '"Add."', '"Add up."'),
        ("suites/sums/suite.toml", 'metric = "exact_match"', 'metric = "exact_match"\nmax_new_tokens = 8'),
        ("suites/sums/cases.jsonl", '"1 + 1"', '"1 + 1 = ?"'),
        ("suites/sums/cases.jsonl", '"1 + 1", "reference": "2"', '"1 + 1", "reference": "two"'),
        ("experiment.toml", "constant=4", "constant=5"),
    ],
)
def test_what_can_change_an_answer_or_its_score_changes_the_id(project: Project, file: str, old: str, new: str) -> None:
    before = [trial.id for trial in cell(project).trials()]
    project.replace(file, old, new)
    after = [trial.id for trial in cell(project).trials()]
    assert before[1] != after[1]
    assert (before[0] == after[0]) == ("cases" in file), "another case's trial only where it is meant too"


def test_a_name_changes_no_id(project: Project) -> None:
    before = [trial.id for trial in cell(project).trials()]
    (project.folder / "baselines/zero_shot.toml").rename(project.folder / "baselines/plain.toml")
    assert [trial.id for trial in cell(project, "plain").trials()] == before


def test_chunks_are_the_same_trials(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(cell(project, "few_shot").trials())
    monkeypatch.setattr(database, "BATCH", 10)
    chunks = list(cell(project, "few_shot").chunks())
    assert [len(trials) for _, trials in chunks] == [10, 10, 4]
    assert [trial for _, trials in chunks for trial in trials] == whole
    assert [case.id for cases, _ in chunks for case in cases] == [trial.case_id for trial in whole]
