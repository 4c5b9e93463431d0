"""``harness plan``: what a test set can decide, with a store, without one, and without anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.stats.power import gain_shown, power
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
