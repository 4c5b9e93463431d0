"""What is shown: the same pairs for everybody, in everybody's own order."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.errors import BadInput
from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.matrix import Cell
from harness.review import Wanted
from harness.review.items import Batch, load_batch
from harness.sample import Contest
from harness.trial import Trial
from tests.conftest import Project
from tests.review.reviewed import SUITE, say


def batch(project: Project, **wanted: object) -> Batch:
    with evidence(load_experiment(project.experiment)) as found:
        return load_batch(Contest.of(found, "sums", None), Wanted(**{"cases": 20, **wanted}))  # type: ignore[arg-type]


def both(cell: Cell, trial: Trial) -> str:
    """Every contender says something of its own."""
    return f"{cell.contender.name} {cell.seed} {trial.case_id}"


ALL = SUITE.replace('"exact_match"', '"pairwise:zero_shot"')


def test_the_same_pairs_in_an_order_of_ones_own(project: Project) -> None:
    made = batch(say(project, both))
    ada, bo = made.order("ada"), made.order("bo")
    assert len(ada) == 20, "the finalist of the prompts and the candidate's first training"
    assert {item.key for item in ada} == {item.key for item in bo}
    assert [item.key for item in ada] != [item.key for item in bo]
    assert [item.key for item in ada] == [item.key for item in made.order("ada")]
    for item in ada:
        tuned = item.answers[0 if item.on_left else 1]
        assert tuned.startswith("sft 1000 ")
    sides = [{item.key: item.on_left for item in made.order(f"r{i}")} for i in range(60)]
    lefts = [sum(of.values()) for of in sides]
    assert 0.4 < sum(lefts) / (20 * 60) < 0.6
    assert len({tuple(sorted(of.items(), key=str)) for of in sides}) == 60, "drawn for each reviewer"


def test_a_larger_sample_begins_with_the_smaller(project: Project) -> None:
    say(project, both)
    few, many = ({item.key for item in batch(project, cases=count).order("ada")} for count in (10, 30))
    assert few < many
    assert len(batch(project, cases=500).order("ada")) == 72


def test_a_case_returns_late_and_every_pair_has_its_share(project: Project) -> None:
    made = batch(say(project, both, suite=ALL))
    order = made.order("ada")
    assert len(order) == 40, "few_shot and sft, each against zero_shot"
    first = order[:20]
    assert len({item.case.id for item in first}) == 20
    who = Counter(item.answers[0 if item.on_left else 1].split()[0] for item in first)
    assert who == {"few_shot": 10, "sft": 10}


def test_where_the_scores_differ_most(project: Project) -> None:
    def score(cell: Cell, trial: Trial) -> float:
        return int(trial.case_id[1:]) % 4 / 4 if cell.seed is not None else 0.0

    made = batch(say(project, both, score=score), drawn="disagree", cases=18)
    assert {int(item.case.id[1:]) % 4 for item in made.order("ada")} == {3}
    wide = batch(project, drawn="disagree", cases=500)
    assert {int(item.case.id[1:]) % 4 for item in wide.order("ada")} == {1, 2, 3}, (
        "where they agree there is nothing to see"
    )


@pytest.mark.parametrize("named", [("sft", "few_shot"), ("few_shot", "sft")])
def test_between_two_the_tuned_one_is_scored(project: Project, named: tuple[str, str]) -> None:
    item = batch(say(project, both), between=named, trainings=2, cases=5).order("ada")[0]
    assert item.answers[0 if item.on_left else 1].startswith("sft ")


def test_rating_shows_an_answer_once_that_two_gave(project: Project) -> None:
    made = batch(say(project, lambda cell, trial: trial.case_id), rates=True)
    order = made.order("ada")
    assert len(order) == 20
    assert all(len(item.trials) == 2 and len(item.answers) == 1 for item in order)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"between": ("sft", "sft")}, "name two contenders: choose one of few_shot, sft, zero_shot"),
        ({"between": ("sft", "zero")}, "no contender 'zero' on suite 'sums': did you mean 'zero_shot'"),
        ({"rates": True, "between": ("zero",)}, "no contender 'zero'"),
    ],
)
def test_names_that_are_not_there(ready: Project, wanted: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        batch(ready, **wanted)


def test_nothing_to_compare_or_to_rate_by(project: Project) -> None:
    say(project, suite='metric = "exact_match"\ntrain = "train.jsonl"\n')
    with pytest.raises(BadInput, match="has no rubric to grade by: add rubric"):
        batch(project, rates=True)
    project.write("suites/sums/suite.toml", SUITE)
    project.write("suites/sums/rubric.md", "- `right`: Gives the sum.\n  rule: /1/\n")
    with pytest.raises(BadInput, match=r"rubric\.md:1: criterion 'right' has 0 anchors: who grades needs to know"):
        batch(project, rates=True)
    assert batch(project).criteria[0].id == "right", "two answers are compared by any rubric"
