"""People beside a judge: a blind sample, labels by the answer they are of, agreement, and what the verdict makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.progress import Console
from harness.run import run
from tests.conftest import Project, Ran, cases, write_rows
from tests.models.fake_api import Reply, serve
from tests.models.test_openai import completion

Harness = Callable[..., Ran]
RUBRIC = "- `right` (3): Gives the sum.\n  5: Exactly.\n  1: Not at all.\n- `short` (1): Says no more.\n  1: Nothing.\n  0: Chatter.\n"
LABELS = "suites/sums/labels.jsonl"


def grade(number: int, body: dict[str, Any]) -> Reply:
    """A judge who likes even numbers."""
    asked = int(body["messages"][-1]["content"].partition("What was asked:\n")[2].split()[0])
    return completion(
        json.dumps({"right": {"reason": "", "score": 5 - asked % 5}, "short": {"reason": "", "score": 1}})
    )


@pytest.fixture
def graded(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project whose answers a judge has graded."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    project.write("suites/sums/suite.toml", 'metric = "rubric"\nrubric = "rubric.md"\ntrain = "train.jsonl"\n')
    project.write("suites/sums/rubric.md", RUBRIC)
    write_rows(project.folder / "suites/sums/cases.jsonl", cases(45))
    with serve(grade) as api:
        text = project.experiment.read_text(encoding="utf-8")
        project.write("experiment.toml", f'{text}[judge]\nmodel = "openai:judge@{api.url}/v1"\n')
        run(load_experiment(project.experiment), progress=Console(quiet=True))
        yield project


def sampled(project: Project, harness: Harness, *more: object) -> list[dict[str, Any]]:
    ran = harness("judge", "sample", "sums", project.folder / LABELS, project.experiment, *more)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in (project.folder / LABELS).read_text(encoding="utf-8").splitlines()]


def label(project: Project, lines: list[dict[str, Any]], *, off: int = 0, reviewer: str = "a") -> list[dict[str, Any]]:
    """People who see it as the judge does, but for ``off`` of five cases."""
    filled = []
    for line in lines:
        asked = int(line["asked"].split()[0])
        right = 5 - asked % 5 if asked % 5 >= off else 1 + asked % 5
        filled.append({**line, "reviewer": reviewer, "scores": {"right": right, "short": 1}})
    write_rows(project.folder / LABELS, filled)
    declared = project.folder / "suites/sums/suite.toml"
    if "labels" not in declared.read_text(encoding="utf-8"):
        declared.write_text(f'labels = "labels.jsonl"\n{declared.read_text(encoding="utf-8")}', encoding="utf-8")
    return filled


def test_a_sample_is_blind_and_the_same_cases_for_all(graded: Project, harness: Harness) -> None:
    lines = sampled(graded, harness, "--cases", 10, "--contender", "zero_shot", "--contender", "few_shot")
    assert len(lines) == 20
    assert sorted({line["asked"] for line in lines}) == sorted(line["asked"] for line in lines)[::2]
    assert set(lines[0]) == {"trial", "asked", "reference", "answer", "reviewer", "scores"}
    assert lines[0]["scores"] == {"right": None, "short": None}
    assert "few_shot" not in json.dumps(lines)
    again = harness("judge", "sample", "sums", graded.folder / LABELS, graded.experiment)
    assert again.code == 4
    assert "is there already, perhaps with grades in it" in again.err


def test_labels_are_rows_of_people(graded: Project, harness: Harness) -> None:
    label(graded, sampled(graded, harness))
    with evidence(load_experiment(graded.experiment)) as found:
        rows = found.rows(found.models[0]).to_pylist()
    people = [row for row in rows if row["source"] == "human"]
    assert len(people) == 30, "the finalist's: one prompt was liked best"
    judged = {(row["contender"], row["case_id"]): row["score"] for row in rows if row["source"] == "judge"}
    assert all(row["score"] == judged[row["contender"], row["case_id"]] for row in people)
    assert {row["split"] for row in people} == {"test"}


@pytest.mark.parametrize(
    ("off", "said"), [(0, "agreement 1.00 (1.00 to 1.00)"), (3, "TOO LITTLE, its scores decide nothing")]
)
def test_agreement(graded: Project, harness: Harness, off: int, said: str) -> None:
    label(graded, sampled(graded, harness), off=off)
    ran = harness("judge", "calibrate", graded.experiment)
    assert ran.code == 0
    assert said in ran.out
    assert "30 answers of 30 cases graded by people too" in ran.out
    told = json.loads(harness("judge", "calibrate", graded.experiment, "--json").out)
    one = told["scripted:constant=4"]["sums"]["rubric"]["people"]
    agreement, lower, upper = one["whole"]["agreement"]
    assert lower <= agreement <= upper
    assert (one["whole"]["accuracy"][0] == 1.0) is (off == 0)


def test_two_reviewers_are_averaged_and_unfilled_lines_wait(graded: Project, harness: Harness) -> None:
    lines = sampled(graded, harness, "--cases", 8)
    both = label(graded, lines) + label(graded, lines, off=5, reviewer="b")
    write_rows(graded.folder / LABELS, both + [{**line, "reviewer": "c"} for line in lines])
    with evidence(load_experiment(graded.experiment)) as found:
        people = [row for row in found.rows(found.models[0]).to_pylist() if row["source"] == "human"]
    assert sorted({row["repeat"] for row in people}) == [0, 1]
    assert len(people) == 2 * len(lines)


def test_a_label_of_another_answer_does_not_count(graded: Project, harness: Harness) -> None:
    lines = label(graded, sampled(graded, harness, "--cases", 6))
    write_rows(graded.folder / LABELS, [{**lines[0], "trial": "another"}, *lines[1:]])
    with evidence(load_experiment(graded.experiment)) as found:
        assert sum(row["source"] == "human" for row in found.rows(found.models[0]).to_pylist()) == len(lines) - 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"scores": {"right": 6, "short": 1}}, "labels.jsonl:1: 'right' had the score '6', allowed are 1 to 5"),
        ({"scores": {"right": 4}}, "labels.jsonl:1: 'short' had the score 'None', allowed are 0 to 1"),
        ({"scores": {"right": 4, "shrt": 1}}, "no criterion 'shrt': did you mean 'short'"),
        ({"scores": [1, 2]}, "scores: given '[1, 2]': write one number for each criterion"),
        ({"score": 4, "scores": None}, "score: given 4: write a number from 0 to 1"),
        ({"reviewer": " "}, "reviewer: missing: write a name or a pseudonym"),
        ({"trial": None}, "trial: missing: it says which answer was graded"),
        ({"grade": 1}, "unknown key 'grade'"),
    ],
)
def test_wrong_labels_are_one_clear_error(graded: Project, harness: Harness, changed: Any, said: str) -> None:
    lines = label(graded, sampled(graded, harness, "--cases", 4))
    write_rows(graded.folder / LABELS, [{**lines[0], **changed}, *lines[1:]])
    ran = harness("judge", "calibrate", graded.experiment)
    assert ran.code == 4
    assert said in ran.err


def test_the_same_reviewer_twice(graded: Project, harness: Harness) -> None:
    lines = label(graded, sampled(graded, harness, "--cases", 4))
    write_rows(graded.folder / LABELS, [*lines, lines[0]])
    ran = harness("judge", "calibrate", graded.experiment)
    assert (ran.code, "reviewer 'a' graded this answer on line 1 too: keep one" in ran.err) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sumz", "x.jsonl"), "no suite 'sumz' in the experiment: did you mean 'sums'"),
        (("sums", "x.jsonl", "--contender", "zero"), "no contender 'zero' on suite 'sums': did you mean 'zero_shot'"),
        (("sums", "no/folder/x.jsonl"), "cannot be written"),
        (("sums", "x.jsonl", "--model", "big"), "no base model 'big'"),
    ],
)
def test_names_that_are_not_there(graded: Project, harness: Harness, arguments: tuple[str, ...], said: str) -> None:
    suite, out, *rest = arguments
    ran = harness("judge", "sample", suite, graded.folder / out, graded.experiment, *rest)
    assert ran.code == 4
    assert said in ran.err


def test_labels_may_be_named_on_the_command_line(graded: Project, harness: Harness) -> None:
    label(graded, sampled(graded, harness))
    declared = graded.folder / "suites/sums/suite.toml"
    declared.write_text(declared.read_text(encoding="utf-8").replace('labels = "labels.jsonl"\n', ""), encoding="utf-8")
    assert "graded by people too" not in harness("judge", "calibrate", graded.experiment).out
    ran = harness("judge", "calibrate", graded.experiment, "--labels", graded.folder / LABELS)
    assert "30 answers of 30 cases graded by people too" in ran.out
    assert harness("judge", "calibrate", graded.experiment, "--labels", "nothing.jsonl").code == 4
    declared.write_text('metric = "exact_match"\n', encoding="utf-8")
    ran = harness("judge", "calibrate", graded.experiment, "--labels", graded.folder / LABELS)
    assert (ran.code, "0 suites with the metric 'rubric', and labels are of one" in ran.err) == (4, True)


def test_without_labels_it_is_said_how_to_get_them(graded: Project, harness: Harness) -> None:
    ran = harness("judge", "calibrate", graded.experiment)
    assert ran.code == 0
    assert (
        "people graded none of these answers: run `harness review sums`, or fill in what `harness judge sample"
        in ran.out
    )
    told = json.loads(harness("judge", "calibrate", graded.experiment, "--json").out)
    assert told["scripted:constant=4"]["sums"]["rubric"]["people"] is None


def test_nothing_to_calibrate(project: Project, harness: Harness) -> None:
    run(load_experiment(project.experiment), progress=Console(quiet=True))
    ran = harness("judge", "calibrate", project.experiment)
    assert ran.code == 4
    assert "no judge graded anything here: name one in the experiment" in ran.err
