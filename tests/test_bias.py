"""What a judge likes besides quality, found on judges whose taste is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.bias import FILLER, lengthened
from harness.experiment import load_experiment
from harness.family import family
from harness.matrix import expand
from harness.metrics.juror import Subject
from harness.store import open_store
from harness.suite import Case
from tests.conftest import Project, Ran, write_rows
from tests.judged_project import fill, judged, juror

Harness = Callable[..., Ran]
BOTH = '"rubric", "pairwise:thinking"'


def probed(project: Project, harness: Harness, *more: object) -> dict[str, Any]:
    ran = harness("judge", "probe", "sums", project.experiment, "--json", *more)
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_a_judge_who_likes_length_is_found(project: Project, harness: Harness) -> None:
    fill(judged(project, "wordy", metrics=BOTH))
    found = probed(project, harness)["rubric"]
    change, lower, _ = found["lengthened"]
    assert change > lower > 0
    assert found["slope"][1] > 0
    assert (found["answers"], found["cases"]) == (48, 16)


def test_a_fair_judge_is_not(project: Project, harness: Harness) -> None:
    fill(judged(project, "fair", metrics=BOTH))
    found = probed(project, harness)
    assert found["rubric"]["lengthened"][0] == 0
    assert found["pairwise:thinking"]["first"][0] == 0.5
    assert found["pairwise:thinking"]["lengthened"] is None


def test_a_taste_for_the_first_place_is_found(project: Project, harness: Harness) -> None:
    fill(judged(project, "forward", metrics=BOTH))
    found = probed(project, harness)["pairwise:thinking"]
    assert found["first"] == [1.0, 1.0, 1.0]
    assert found["decided"] == 2 * 2 * 16
    ran = harness("judge", "probe", "sums", project.experiment)
    assert "the answer that stood first won 100% (100% to 100%) of the 64 comparisons that had a winner" in ran.out


def test_a_dry_run_says_how_many_and_asks_nobody(project: Project, harness: Harness) -> None:
    fill(judged(project, "fair", more="repeats = 2\n"))
    before = len(stored(project))
    ran = harness("judge", "probe", "sums", project.experiment, "--cases", 10, "--dry-run")
    assert len(stored(project)) == before
    count = int(ran.out.split()[0].replace(",", ""))
    assert ran.out == f"{count} gradings to ask for\n"
    told = harness("judge", "probe", "sums", project.experiment, "--cases", 10, "--dry-run", "--json")
    assert json.loads(told.out) == {"gradings": count}
    probed(project, harness, "--cases", 10)
    assert len(stored(project)) == before + count, "what was graded already is not asked about again"
    assert harness("judge", "probe", "sums", project.experiment, "--cases", 10, "--dry-run").out.startswith(
        "0 gradings"
    )
    assert probed(project, harness, "--cases", 10)["rubric"]["cases"] == 10


def stored(project: Project) -> list[str]:
    with open_store(project.folder / ".harness", write=False) as store:
        return [name for (name,) in store._database.run("SELECT trial_id FROM generations")]


def family_of(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["rubric"]["families"] if one["juror"] == juror(name))


def test_whether_it_likes_its_own_is_told_against_other_jurors(project: Project, harness: Harness) -> None:
    """Scripts of one folder are one family by their name here: ``judges.py`` and ``model.py`` are not."""
    fill(judged(project, "fair", "kind", "strict"))
    found = probed(project, harness)
    said = family_of(found, "kind")
    assert (said["own"], said["missing"]) == (None, "no answer here is by a model of its family")


@pytest.mark.parametrize("labelled", [True, False])
def test_whether_it_likes_its_own_is_told_against_people(project: Project, harness: Harness, labelled: bool) -> None:
    judged(project, "kind")
    models = project.folder / "judges.py"
    models.write_text((project.folder / "model.py").read_text(encoding="utf-8"), encoding="utf-8")
    project.replace("experiment.toml", "/model.py:adder", "/judges.py:adder")
    fill(project)
    if labelled:
        matrix = expand(load_experiment(project.experiment))
        trials = [trial for cell in matrix.cells for trial in cell.trials() if trial.split == "test"]
        lines = {trial.id: {"trial": trial.id, "reviewer": "a", "score": 0.75} for trial in trials}
        write_rows(project.folder / "suites/sums/labels.jsonl", lines.values())
        declared = (project.folder / "suites/sums/suite.toml").read_text(encoding="utf-8")
        project.write("suites/sums/suite.toml", f'labels = "labels.jsonl"\n{declared}')
    said = family_of(probed(project, harness), "kind")
    ran = harness("judge", "probe", "sums", project.experiment)
    if labelled:
        assert said["own"][0] == pytest.approx(0.25)
        assert said["reference"] == "people"
        assert "of its own family (judges) +0.25 (" in ran.out
    else:
        assert said["own"] is None
        assert (
            "cannot be told: nobody else graded its family's answers: let people grade some, or add a juror" in ran.out
        )


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("openai:gpt-5-mini", "gpt"),
        ("openai:chatgpt-4o-latest", "gpt"),
        ("openai:o4-mini", "gpt"),
        ("anthropic:claude-haiku-4-5", "claude"),
        ("anthropic:claude-haiku-4-5@https://gateway/v1", "claude"),
        ("openai:qwen3-8b@http://localhost:8000/v1", "qwen"),
        ("Qwen/Qwen3-8B", "qwen"),
        ("meta-llama/Llama-3.1-8B", "llama"),
        ("mistralai/Mixtral-8x7B", "mistral"),
        ("/models/phi-4/", "phi"),
        ("embedded:tiny", "tiny"),
        ("openai:7b", "7b"),
    ],
)
def test_a_family_is_told_by_the_name(model: str, name: str) -> None:
    assert family(model) == name


@pytest.mark.parametrize("text", ["", "2", "We will send a technician on Tuesday, Mira. " * 9])
def test_lengthening_keeps_the_answer_and_adds_nothing_but_filler(text: str) -> None:
    longer = lengthened(Subject("t1", Case("c1", "?", ""), text)).text
    assert longer.startswith(text)
    assert len(longer) >= 2 * len(text)
    rest = longer.removeprefix(text)
    for sentence in FILLER:
        rest = rest.replace(sentence, "")
    assert rest.strip() == ""


@pytest.mark.parametrize(
    ("suite", "said"),
    [("sumz", "no suite 'sumz' in the experiment: did you mean 'sums'")],
)
def test_a_suite_that_is_not_there(project: Project, harness: Harness, suite: str, said: str) -> None:
    fill(judged(project, "fair"))
    ran = harness("judge", "probe", suite, project.experiment)
    assert (ran.code, said in ran.err) == (4, True)


def test_nothing_to_probe(project: Project, harness: Harness) -> None:
    ran = harness("judge", "probe", "sums", project.experiment)
    assert (ran.code, "no results yet" in ran.err) == (3, True)
    fill(project)
    ran = harness("judge", "probe", "sums", project.experiment)
    assert (ran.code, "suite 'sums' has no metric that a judge grades" in ran.err) == (4, True)
