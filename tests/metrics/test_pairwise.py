"""Comparing pairs: both orders, identity by the opponent's answers, errors and what the judge is asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.experiment import Model, load_experiment
from harness.matrix import expand
from harness.metrics import load_metric
from harness.metrics.juror import Grader, Juror, Subject
from harness.metrics.pairwise import load_pairwise
from harness.scoring import metrics_of
from harness.store import open_store
from harness.suite import Case, Suite
from harness.trial import Generation
from tests.conftest import Project, Ran
from tests.judged_project import fill, judged, scores
from tests.judges import answers

Harness = Callable[..., Ran]
METRIC = "pairwise:zero_shot"
CASE = Case("c1", "1 + 1", "2")


@pytest.fixture
def comparer(tmp_path: Path) -> Juror:
    (tmp_path / "rubric.md").write_text("- `right`: Gives the sum.\n", encoding="utf-8")
    suite = Suite(name="t", folder=tmp_path, metric=METRIC, rubric="rubric.md")
    return load_pairwise(suite, [Grader(Model(id="scripted:echo"), "h", repeats=2)], "zero_shot").jurors[0]


def said(winner: str) -> str:
    return json.dumps({"reason": "", "winner": winner})


@pytest.mark.parametrize(
    ("first", "second", "score"),
    [
        ("A", "B", 1.0),
        ("B", "A", 0.0),
        ("tie", "tie", 0.5),
        ("A", "A", 0.5),
        ("B", "B", 0.5),
        ("A", "tie", 0.5),
        ("tie", "A", 0.5),
    ],
)
def test_two_orders_make_one_score(comparer: Juror, first: str, second: str, score: float) -> None:
    read = [comparer.read(said(first)), comparer.read(said(second))]
    assert comparer.gradings(read) == [score]
    assert comparer.gradings([*read, 1.0, 0.0]) == [score, 1.0], "each repeat is compared in both orders"


def test_both_orders_are_asked(comparer: Juror) -> None:
    subject = Subject("t", CASE, "two", rival="three")
    trials = [comparer.ask(subject, number) for number in range(comparer.questions)]
    assert [answers(trial) for trial in trials] == [["two", "three"], ["three", "two"]] * 2
    assert len({trial.id for trial in trials}) == 4
    assert [trial.repeat for trial in trials] == [0, 0, 1, 1]
    assert json.loads(trials[0].schema or "")["properties"]["winner"]["enum"] == ["A", "B", "tie"]
    assert "- right: Gives the sum." in trials[0].messages[1]["content"]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("A", "it was not JSON"),
        (said("C"), "the winner was 'C', allowed are A, B and tie"),
        ('{"winner": ["A"]}', "the winner was"),
        ('{"reason": ""}', "the winner was 'None'"),
        ('{"winner": "B", "winner": "A"}', "it said 'winner' twice"),
    ],
)
def test_what_cannot_be_read(comparer: Juror, reply: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        comparer.read(reply)


def test_a_run_compares_everybody_with_the_opponent(project: Project) -> None:
    fill(judged(project, "fair", metrics=f'"{METRIC}"'))
    found = scores(project, METRIC)
    assert len(found) == 3 * 24
    assert {found["zero_shot", f"s{i}"] for i in range(24)} == {(0.5, None)}
    assert {found["lost", f"s{i}"] for i in range(24)} == {(0.0, None)}
    # thinking is right, and so as good, where the sum is no multiple of four
    assert [found["thinking", f"s{i}"][0] for i in range(4)] == [0.0, 0.5, 0.0, 0.5]
    assert fill(project).generated == 0


def test_a_taste_for_the_first_place_is_a_tie(project: Project) -> None:
    fill(judged(project, "forward", metrics=f'"{METRIC}"'))
    assert set(scores(project, METRIC).values()) == {(0.5, None)}


def test_the_contender_itself_and_the_same_words_cost_nothing(project: Project, harness: Harness) -> None:
    judged(project, "fair", metrics=f'"{METRIC}"')
    assert "96 gradings by scripted:" in harness("run", project.experiment, "--dry-run").out
    assert fill(project).generated == 3 * 24 + 96
    assert "gradings" not in harness("run", project.experiment, "--dry-run").out


def test_scores_against_former_answers_do_not_survive(project: Project) -> None:
    """The opponent is told something else, so that it answers otherwise: every score is made anew, and the same words of an
    answer that it is compared with are not asked about again.
    """
    judged(project, "fair", metrics='"pairwise:lost"')
    fill(project)
    before = metrics_of(expand(load_experiment(project.experiment)))["sums"]["pairwise:lost"].hash
    assert {score for (name, _), (score, _) in scores(project, "pairwise:lost").items() if name == "zero_shot"} == {1.0}
    project.replace("suites/sums/suite.toml", 'lost = "Guess."', 'lost = "Add."')
    assert metrics_of(expand(load_experiment(project.experiment)))["sums"]["pairwise:lost"].hash != before
    fill(project)
    assert {score for (name, _), (score, _) in scores(project, "pairwise:lost").items() if name == "zero_shot"} == {0.5}


def test_another_contender_changes_nothing(project: Project) -> None:
    judged(project, "fair", metrics=f'"{METRIC}"')
    before = metrics_of(expand(load_experiment(project.experiment)))["sums"][METRIC].hash
    project.write("baselines/extra.toml", 'technique = "prompt"\nprompt = "lost"\n')
    assert metrics_of(expand(load_experiment(project.experiment)))["sums"][METRIC].hash == before


def test_without_the_opponents_answer_there_is_an_error_and_the_next_run_tries_again(project: Project) -> None:
    judged(project, "fair", metrics=f'"{METRIC}"', model="shaky")
    text = (project.folder / "model.py").read_text(encoding="utf-8")
    project.write(
        "model.py",
        f'{text}\ndef shaky(trial):\n    if trial.contender == "zero_shot" and trial.case_id == "s4":\n'
        '        raise TimeoutError("too slow")\n    return adder(trial)\n',
    )
    fill(project)
    found = scores(project, METRIC)
    assert found["thinking", "s4"] == (None, "zero_shot has no answer to this case")
    assert found["zero_shot", "s4"][1] == "TimeoutError: too slow"
    assert found["thinking", "s5"] == (0.5, None)
    missing = next(c for c in expand(load_experiment(project.experiment)).cells if c.contender.name == "zero_shot")
    trial = next(trial for trial in missing.trials() if trial.case_id == "s4")
    with open_store(project.folder / ".harness", write=True) as store:
        store.add_generations([Generation(trial.id, "8")])
    fill(project)
    assert scores(project, METRIC)["thinking", "s4"] == (0.0, None)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("pairwise:zero_shto", "no contender 'zero_shto': did you mean 'zero_shot'"),
        ("pairwise:", "name the contender to compare with: pairwise:zero_shot"),
        ("pairwise", "name the contender to compare with: pairwise:zero_shot"),
        ("rubric:strict", "'rubric' takes no argument, given 'strict'"),
    ],
)
def test_a_wrong_metric_is_said_before_anything_is_paid_for(
    project: Project, harness: Harness, metric: str, said: str
) -> None:
    ran = harness("run", judged(project, "fair", metrics=f'"{metric}"').experiment)
    assert ran.code == 4
    assert said in ran.err
    assert not (project.folder / ".harness").exists()


def test_a_judge_needs_a_rubric(tmp_path: Path) -> None:
    bare = Suite(name="t", folder=tmp_path, metric=METRIC)
    assert load_metric(METRIC, bare).people, "without a judge people alone compare"
    with pytest.raises(BadInput, match="needs a rubric: add rubric"):
        load_metric(METRIC, bare, graders=[Grader(Model(id="scripted:echo"), "h")])
