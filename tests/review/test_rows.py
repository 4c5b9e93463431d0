"""What becomes of reviews: rows of people, that decide a suite or correct its judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.matrix import Cell
from harness.trial import Trial
from tests.conftest import Project, Ran, write_rows
from tests.review.reviewed import JUDGE, SUITE, answer, brief, grade, prefer, say, sit

DECIDES = SUITE.replace('"exact_match"', '"pairwise:zero_shot"')


def people(project: Project, metric: str | None = None) -> list[dict[str, Any]]:
    with evidence(load_experiment(project.experiment)) as found:
        rows = found.rows(found.models[0]).to_pylist()
    return [row for row in rows if row["source"] == "human" and metric in {None, row["metric"]}]


def beside(cell: Cell, trial: Trial) -> str:
    """The tuned one is brief on three test cases in four, and else as long as the others, who always are as long."""
    short = cell.seed is not None and int(trial.case_id[1:]) % 6 != 1
    return f"{cell.contender.name:<10}{trial.case_id}{'' if short else ' and so on, it might be said'}"


def test_a_comparison_is_a_row_of_the_one_under_the_others_name(ready: Project) -> None:
    prefer(sit(ready), brief)
    ours, theirs = (
        [row for row in people(ready, "pairwise:few_shot") if row["contender"] == name] for name in ("sft", "few_shot")
    )
    assert {row["score"] for row in ours} == {1.0}
    assert {row["training_seed"] for row in ours} == {1000}
    assert {row["score"] for row in theirs} == {0.5}, "as good as itself"
    assert len(ours) == len(theirs) == 10
    assert {row["split"] for row in people(ready)} == {"test"}


def test_reviewers_are_repeats_and_a_skip_is_nothing(ready: Project) -> None:
    prefer(sit(ready, "Ada"), brief)
    prefer(sit(ready, "Bo"), lambda answers: "tie")
    prefer(sit(ready, "Cy"), lambda answers: "skip")
    ours = [row for row in people(ready) if row["contender"] == "sft"]
    assert sorted(row["repeat"] for row in ours) == [0] * 10 + [1] * 10
    assert len(ours) == 20
    assert sum(row["score"] for row in ours) == 15.0
    assert len([row for row in people(ready) if row["contender"] == "few_shot"]) == 10


def test_both_ways_where_the_suite_declares_it(project: Project) -> None:
    say(project, suite=SUITE + 'metrics = ["pairwise:sft"]\n')
    session = sit(project, between=("zero_shot", "sft"))
    prefer(session, brief)
    assert {row["score"] for row in people(project, "pairwise:sft") if row["contender"] == "zero_shot"} == {0.0}
    assert {row["score"] for row in people(project, "pairwise:sft") if row["contender"] == "sft"} == {0.5}


def test_what_was_chosen_for_its_scores_does_not_count(ready: Project) -> None:
    prefer(sit(ready, drawn="disagree"), brief)
    assert not people(ready)


def test_of_another_answer_nobody_has_said_anything(ready: Project) -> None:
    prefer(sit(ready), brief)
    assert people(ready)
    ready.replace("experiment.toml", 'method = "sft"', 'method = "sft"\nlearning_rate = 0.01')
    answer(ready)
    assert not people(ready), "the contender was trained anew"
    assert sit(ready).view()["progress"]["done"] == 0


def test_a_leaked_case_is_flagged_in_peoples_rows_too(project: Project) -> None:
    say(project)
    asked = "What is fifty-two and fifty-two if you please, and say it in words"
    lesson = [{"role": "user", "content": asked}, {"role": "assistant", "content": "104"}]
    write_rows(project.folder / "suites/sums/train.jsonl", [{"messages": lesson}])
    project.replace("suites/sums/cases.jsonl", "52 + 52", asked)
    answer(project)
    prefer(sit(project, cases=72), brief)
    flagged = {(row["contender"], row["case_id"]) for row in people(project) if row["flagged"]}
    assert flagged == {("sft", "s52"), ("few_shot", "s52")}


def test_people_decide(project: Project, harness: Callable[..., Ran]) -> None:
    say(project, beside, suite=DECIDES)
    undecided = harness("verdict", project.experiment)
    assert undecided.code == 3
    assert (
        "suite 'sums' is decided by people (pairwise:zero_shot), and nobody has reviewed it yet: run `harness review"
        in undecided.err
    )
    prefer(sit(project, cases=72, trainings=3), brief)
    ran = harness("verdict", project.experiment, "--json")
    verdict = json.loads(ran.out)["suites"]["sums"]
    assert verdict["verdict"] == "JUSTIFIED", ran.out
    gain = next(claim for claim in verdict["claims"] if claim["name"] == "gain:zero_shot")
    assert gain["seeds"] == 3
    assert gain["n"] == 71, "all but the one that stands in the training rows"
    assert gain["estimate"] == pytest.approx(54 / 71 / 2), "better on three cases in four, a tie on the others"
    assert harness("report", project.experiment, "--out", project.folder / "out").code == 0
    assert "pairwise:zero_shot" in (project.folder / "out/report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(("cases", "state"), [(0, "locked"), (3, "late")])
def test_what_was_reviewed_was_seen_before_a_lock(
    project: Project, harness: Callable[..., Ran], cases: int, state: str
) -> None:
    say(project, suite=DECIDES)
    prefer(sit(project, cases=cases or 3), brief if cases else lambda answers: "skip")
    assert json.loads(harness("lock", project.experiment, "--json").out)["locked"][0]["state"] == state


@pytest.mark.parametrize(("choose", "verdict"), [(brief, "JUSTIFIED"), (lambda answers: "tie", "INVALID")])
def test_people_beside_a_judge_that_compares(
    project: Project, harness: Callable[..., Ran], choose: Any, verdict: str
) -> None:
    """The judge prefers the tuned one; people see it so too, or no difference at all."""

    def worth(cell: Cell, trial: Trial) -> float:
        return 0.5 if cell.seed is None else float(int(trial.case_id[1:]) % 6 != 1)

    say(project, beside, suite=DECIDES, more=JUDGE, score=worth)
    alone = json.loads(harness("verdict", project.experiment, "--json").out)["suites"]["sums"]
    assert alone["verdict"] == "INVALID", "a judge alone justifies nothing"
    prefer(sit(project, cases=60), choose)
    found = json.loads(harness("verdict", project.experiment, "--json").out)["suites"]["sums"]
    assert found["verdict"] == verdict, found["gates"]


def test_ratings_are_labels_beside_a_judge(project: Project) -> None:
    suite = 'metric = "rubric"\nrubric = "rubric.md"\ntrain = "train.jsonl"\n'
    say(project, suite=suite, more=JUDGE)
    grade(sit(project, rates=True, cases=6), lambda answer: {"right": 2, "short": int(answer.endswith("so."))})
    rated = people(project, "rubric")
    assert {(row["contender"], row["score"]) for row in rated} == {("sft", 1.0), ("few_shot", 0.75)}
    assert len(rated) == 12
    with evidence(load_experiment(project.experiment)) as found:
        trial = found.reviews[0].trial
    label = {"trial": trial, "reviewer": "b", "score": 0.5}
    write_rows(project.folder / "suites/sums/labels.jsonl", [label])
    project.write("suites/sums/suite.toml", f'{suite}labels = "labels.jsonl"\n')
    assert sorted(row["repeat"] for row in people(project, "rubric")) == [0] * 12 + [1], "together with the file's"
    project.replace("suites/sums/rubric.md", "Nearly", "Almost")
    assert len(people(project, "rubric")) == 1, "rated by other words"
