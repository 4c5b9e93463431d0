"""``harness plan``: what a test set can decide, with a store, without one, and without anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.machine import gpus
from harness.matrix import Cell
from harness.stats.power import gain_shown, power
from harness.store import open_store
from harness.trial import Training
from tests.conftest import Project, Ran, cases, write_rows
from tests.made_project import fill, make

Harness = Callable[..., Ran]


@pytest.fixture
def tuned(project: Project) -> Project:
    return make(project)


def planned(harness: Harness, *arguments: object) -> dict[str, Any]:
    ran = harness("plan", *arguments, "--json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    return found


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_anything(nowhere: Path, harness: Harness) -> None:
    found = planned(harness, "--cases", 300, "--seeds", 3, "--margin", 0.03)
    (suite,) = found["suites"]
    known = {"margin": 0.03, "v_case": 0.25, "v_seed": 0.0004}
    assert suite["justifiable_gain"] == gain_shown(cases=300, seeds=3, power=0.8, **known)
    assert suite["chance"] == pytest.approx(power(gain=0.08, cases=300, seeds=3, **known))
    assert [way["seeds"] for way in suite["ways"]] == [3, 5, 10]
    assert suite["ways"][0]["cases"] > suite["ways"][1]["cases"] > suite["ways"][2]["cases"]
    assert found["run"] is None
    assert {row["seeds"] for row in suite["table"]} == {3, 5}


def test_it_reads_well(nowhere: Path, harness: Harness) -> None:
    lines = harness("plan", "--cases", 300, "--seeds", 3, "--margin", 0.03).out.splitlines()
    assert lines[0] == (
        "any suite: with 300 cases and 3 seeds you can justify gains of 11.6 points or more "
        "(power 80%, margin 3.0, alpha 0.05)."
    )
    assert lines[1].startswith("  A gain of 8.0 points would be shown 40 times in 100; it takes 3,6")
    assert lines[2] == "  Per-case SD 0.50, seed SD 0.020 (assumed: one answer in four changes)."
    assert lines[3] == "  3 seeds            100     200     400     800  cases"
    assert lines[4].split()[:2] == ["gain", "5.0"]


def test_what_is_said_counts(nowhere: Path, harness: Harness) -> None:
    given = ("--cases", 300, "--seeds", 5)
    (plain,) = planned(harness, *given)["suites"]
    for more in (("--case-sd", 0.3), ("--seed-sd", 0.0), ("--gain", 0.12), ("--alpha", 0.1), ("--margin", 0.01)):
        (said,) = planned(harness, *given, *more)["suites"]
        assert said["chance"] > plain["chance"], more
    (sure,) = planned(harness, *given, "--power", 0.95)["suites"]
    assert sure["justifiable_gain"] > plain["justifiable_gain"]


def test_seeds_not_cases(nowhere: Path, harness: Harness) -> None:
    ran = harness("plan", "--cases", 300, "--seeds", 3, "--seed-sd", 0.05)
    assert "; seeds, not cases: " in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no experiment here: say --cases and --seeds, or name an experiment.toml"),
        (("--cases", 1), "--cases: given 1: 2 or more is asked"),
        (("--cases", 100, "--seeds", 1), "--seeds: given 1: 2 or more is asked"),
        (("--cases", 100, "--margin", 3), "--margin: given 3: 0 to 1 is asked, 0.03 for 3 points"),
        (("--cases", 100, "--case-sd", -1), "--case-sd: given -1"),
        (("--cases", 100, "--power", 1), "--power: given 1: more than 0 and less than 1"),
        (("--cases", 100, "--gain", 0.02), "--gain: given 0.02: plan for a gain above the margin, which is 0.03"),
        (("absent.toml",), "absent.toml: no such file"),
    ],
)
def test_bad_numbers(nowhere: Path, harness: Harness, arguments: tuple[object, ...], said: str) -> None:
    ran = harness("plan", *arguments)
    assert (ran.code, ran.out) == (4, "")
    assert said in ran.err


def test_an_experiment_without_a_store(tuned: Project, harness: Harness) -> None:
    found = planned(harness, tuned.experiment)
    (suite,) = found["suites"]
    assert (suite["suite"], suite["cases"], suite["seeds"], suite["margin"]) == ("sums", 72, 3, 0.03)
    assert suite["spread_from"].startswith("assumed")
    assert (found["run"]["trainings"], found["run"]["answers"]) == (3, 108 * 5)
    assert found["run"]["seconds"] is None
    assert planned(harness, tuned.experiment, "--cases", 500)["suites"][0]["cases"] == 500


def test_the_spread_of_dev_is_taken_where_it_was_measured(tuned: Project, harness: Harness) -> None:
    fill(tuned)
    (suite,) = planned(harness, tuned.experiment)["suites"]
    assert suite["spread_from"] == "from 36 dev cases"
    assert 0.1 < suite["case_sd"] < 0.6
    assert suite["seed_sd"] == 0.0, "the made trainings all answer alike"
    assert harness("plan", tuned.experiment).out.splitlines()[-1] == "nothing is missing to run"


def test_test_answers_are_not_looked_at(tuned: Project, harness: Harness) -> None:
    """Whatever test says, a deciding suite is planned from dev."""
    fill(tuned)
    before = planned(harness, tuned.experiment)["suites"][0]
    assert before["case_sd"] > 0.1
    rows = [row if row["split"] == "dev" else row | {"input": f"{row['input']}!"} for row in cases(108)]
    write_rows(tuned.folder / "suites/sums/cases.jsonl", rows)
    fill(tuned, gain=1)
    with evidence(load_experiment(tuned.experiment)) as found:
        claim = found.verdicts["embedded:tiny"].suites["sums"].claims[0]
    assert (claim.name[:5], claim.estimate) == ("gain:", 0.0)
    after = planned(harness, tuned.experiment)["suites"][0]
    assert {key: before[key] for key in ("case_sd", "seed_sd")} == {key: after[key] for key in ("case_sd", "seed_sd")}


def test_guards_are_planned_for(tuned: Project, harness: Harness) -> None:
    write_rows(
        tuned.folder / "suites/general/cases.jsonl",
        [{"id": f"g{i}", "input": f"{i}?", "reference": "a", "choices": ["a", "b"]} for i in range(50)],
    )
    tuned.write("suites/general/suite.toml", 'role = "guard"\nform = "choice"\nmetric = "exact_match"\n')
    tuned.replace("experiment.toml", '["suites/sums"]', '["suites/*"]')
    ran = harness("plan", tuned.experiment)
    assert "general guards: with 50 cases and 3 seeds no loss is shown to be under 3.0 points " in ran.out
    found = {suite["suite"]: suite for suite in planned(harness, tuned.experiment)["suites"]}
    assert (found["general"]["role"], found["general"]["margin"], found["general"]["table"]) == ("guard", -0.03, [])


def test_the_cost_route_plans_for_no_loss(tuned: Project, harness: Harness) -> None:
    more = 'margin = 0.03\nroute = "cost"\ncost = { requests_per_month = 10, input_cost_per_token = 1e-6, output_cost_per_token = 1e-6 }'
    tuned.replace("experiment.toml", "margin = 0.03", more)
    (suite,) = planned(harness, tuned.experiment)["suites"]
    assert (suite["margin"], suite["planned_gain"]) == (-0.03, 0.0)


# --- several candidates


SECOND = '[candidates.long]\nmethod = "sft"\nepochs = 6\n[policy]'


@pytest.fixture
def several(tuned: Project) -> Project:
    """Two recipes, one of which takes twice the steps."""
    tuned.replace("experiment.toml", "[policy]", SECOND)
    return tuned


def test_each_candidates_trainings_are_counted(several: Project, harness: Harness) -> None:
    found = planned(harness, several.experiment)
    short, long = found["candidates"]
    assert [(one["recipe"], one["trainings"], one["todo"]) for one in (short, long)] == [("sft", 3, 3), ("long", 3, 3)]
    assert long["steps"] == 2 * short["steps"] > 0
    assert found["run"]["trainings"] == 6
    assert (short["seconds"], short["usd"]) == (None, None)
    out = harness("plan", several.experiment).out
    assert f"  sft: 3 trainings, {short['steps']} step" in out
    assert "a run would do 6 trainings" in out


def test_a_recipe_that_dev_chooses_pays_for_the_choice(tuned: Project, harness: Harness) -> None:
    (alone,) = planned(harness, tuned.experiment)["suites"]
    tuned.replace("experiment.toml", "[policy]", SECOND)
    (among,) = planned(harness, tuned.experiment)["suites"]
    assert (alone["recipes"], among["recipes"]) == (1, 2)
    known = {"cases": 72, "seeds": 3, "margin": 0.03, "v_case": 0.25, "v_seed": 0.0004}
    assert alone["chance"] == pytest.approx(power(gain=0.08, **known))
    assert among["chance"] == pytest.approx(power(gain=0.08, choices=2, **known))
    assert among["justifiable_gain"] > alone["justifiable_gain"]
    assert "Dev chooses among 2 tuned contenders" in harness("plan", tuned.experiment).out


def test_without_dev_cases_nothing_is_chosen_and_all_share_alpha(several: Project, harness: Harness) -> None:
    write_rows(several.folder / "suites/sums/cases.jsonl", [row for row in cases(108) if row["split"] == "test"])
    (suite,) = planned(harness, several.experiment)["suites"]
    assert (suite["recipes"], suite["alpha"]) == (1, 0.025)


def test_a_candidate_whose_trainings_differ_more_is_shown_less_often(several: Project, harness: Harness) -> None:
    def right(cell: Cell, case: int) -> bool:
        """``long`` is a lottery: each training knows another third of what ``sft`` knows each time."""
        if cell.seed is None:
            return case % 2 == 0
        return case % 2 == 0 or (case % 9 < 4 if cell.contender.name == "sft" else case % 9 < 3 * (cell.seed % 3))

    fill(several, right=right)
    found = planned(harness, several.experiment)
    steady, lottery = (one["spreads"][one["recipe"]] for one in found["candidates"])
    (suite,) = found["suites"]
    assert steady["seed_sd"] == 0.0
    assert 0.05 < lottery["seed_sd"] == suite["seed_sd"]
    chances = {name: chance for one in found["candidates"] for name, chance in one["chances"].items()}
    assert chances["sft"] > chances["long"]
    assert [one["todo"] for one in found["candidates"]] == [0, 0]
    out = harness("plan", several.experiment).out
    assert "  sft: a gain of 8.0 points would be shown " in out
    assert "seed SD 0.000)." in out
    given = planned(harness, several.experiment, "--seed-sd", 0.01)
    assert {spread["seed_sd"] for one in given["candidates"] for spread in one["spreads"].values()} == {0.01}


def test_a_known_pace_and_price_are_reckoned_for_each(several: Project, harness: Harness) -> None:
    several.replace("experiment.toml", "training_seeds = 3", "training_seeds = 3\ngpu_hour_usd = 3.6\nworkers = 1")
    fill(several)
    with open_store(several.folder / ".harness", write=True) as store:
        store.add_training(Training("other", "sft", "sums", "m", 1, "x", 50.0, 25, 4, 4, 40, [], {}))
    several.replace("experiment.toml", "epochs = 6", "epochs = 12")
    short, long = planned(harness, several.experiment)["candidates"]
    assert (short["todo"], short["seconds"], short["usd"]) == (0, 0.0, 0.0)
    assert long["seconds"] == pytest.approx(3 * long["steps"] * 2.0)
    assert long["usd"] == pytest.approx(long["seconds"] / 1000 * max(gpus(), 1))
    assert "3 to do (about " in harness("plan", several.experiment).out


def test_a_judge_that_will_decide_nothing_is_named_beforehand(several: Project, harness: Harness) -> None:
    several.replace("suites/sums/suite.toml", 'metric = "exact_match"', 'metric = "rubric"\nrubric = "rubric.md"')
    several.write("suites/sums/rubric.md", "- `right` (1): Gives the sum.\n  1: It does.\n  0: It does not.\n")
    several.replace("experiment.toml", "epochs = 6", 'epochs = 6\nteacher = "openai:gpt-5"')
    several.replace("experiment.toml", "[policy]", '[judge]\nmodel = "openai:gpt-5-mini"\n[policy]')
    said = "sums: the judge openai:gpt-5-mini is of one family (gpt) with openai:gpt-5, which wrote the training data of long"
    assert [warning.startswith(said) for warning in planned(harness, several.experiment)["warnings"]] == [True]
    assert f"as it is, this decides nothing: {said}" in harness("plan", several.experiment).out
