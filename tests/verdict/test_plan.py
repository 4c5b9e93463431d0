"""What an undecided verdict asks for: enough of the right thing, the cheapest way, and its price where that is known."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from harness.stats.looks import unplanned_alpha
from harness.stats.power import power
from harness.verdict import Policy, SuiteVerdict, decide
from harness.verdict.lock import History
from harness.verdict.plan import planned_gain, sentence


def open_world(planted: Any, *, seeds: int = 4, seed_sd: float = 0.0, n: int = 100, **columns: Any) -> pa.Table:
    world = planted(3, n=n)
    for name in ("few_shot", "p1", "p2", "p3", "p4"):
        level = 0.0 if name == "few_shot" else -0.3
        world.add(name, "prompt", level, splits=("dev", "test") if level == 0.0 else ("dev",), **columns)
    return world.add("sft", "tune", 0.04, seeds=seeds, seed_sd=seed_sd, **columns).table


def undecided(rows: Any, policy: Any = None, **known: Any) -> SuiteVerdict:
    suite = decide(rows, policy, history={"triage": History(**known)}).suites["triage"]
    assert suite.verdict == "INCONCLUSIVE"
    return suite


def test_what_is_asked_for_has_the_power_that_was_asked_for(planted: Any) -> None:
    plan = undecided(open_world(planted, seed_sd=0.01)).plan
    assert (plan["planned_gain"], plan["power"], plan["alpha"]) == (0.08, 0.8, unplanned_alpha(0.05, 2))
    assert plan["cases"] > plan["have_cases"] == 100
    assert plan["new_cases"] == plan["cases"] - 100
    assert plan["trainings"] == plan["seeds"] - plan["have_seeds"]
    assert plan["answers"] == plan["new_cases"] * (1 + plan["seeds"]) + plan["trainings"] * 100


def test_without_prices_the_fewest_answers_win_and_others_are_named(planted: Any) -> None:
    plan = undecided(open_world(planted, seed_sd=0.01)).plan
    assert all(plan["answers"] <= way["answers"] for way in plan["or"])
    assert min(way["seeds"] for way in plan["or"]) < plan["seeds"]
    assert (plan["seconds"], plan["usd"], plan["usd_covers"]) == (None, None, [])


def test_dear_trainings_buy_cases_and_dear_labels_buy_trainings(planted: Any) -> None:
    rows = open_world(planted, seed_sd=0.01)

    def priced(label: float, hours: float) -> dict[str, Any]:
        cost = {"requests_per_month": 1, "label_usd": label, "training_gpu_hours": hours, "gpu_hour_usd": 3.0}
        return dict(undecided(rows, {"cost": cost}).plan)

    few_labels, few_trainings = priced(100.0, 0.1), priced(0.01, 1000.0)
    assert few_labels["cases"] < few_trainings["cases"]
    assert few_labels["seeds"] > few_trainings["seeds"]
    assert few_labels["usd_covers"] == ["labels", "trainings"]
    wanted = few_labels["new_cases"] * 100.0 + few_labels["trainings"] * 0.1 * 3.0
    assert few_labels["usd"] == pytest.approx(wanted)


def test_seconds_are_those_that_were_measured(planted: Any) -> None:
    rows = open_world(planted, seed_sd=0.01, seconds=0.5)
    slow, quick = (undecided(rows, training_seconds=t).plan for t in (100_000.0, 1.0))
    assert slow["seeds"] < quick["seeds"]
    assert slow["seconds"] == pytest.approx(100_000 * slow["trainings"] + 0.5 * slow["answers"])
    assert undecided(rows).plan["seconds"] is None, "a training's seconds are not known"


def test_a_recipe_that_dev_chose_among_several_is_asked_for_more(planted: Any) -> None:
    alone = open_world(planted, seed_sd=0.02)
    beside = planted(4).add("other", "tune", -0.5, seeds=4, splits=("dev",)).table
    few, more = (undecided(rows, {"planned_gain": 0.12}).plan for rows in (alone, pa.concat_tables([alone, beside])))
    with_seeds = [{way["seeds"]: way["cases"] for way in (plan, *plan["or"])} for plan in (few, more)]
    shared = set(with_seeds[0]) & set(with_seeds[1])
    assert shared
    assert all(with_seeds[0][seeds] < with_seeds[1][seeds] for seeds in shared)


def test_seeds_not_cases(planted: Any) -> None:
    plan = undecided(open_world(planted, seeds=3, seed_sd=0.12, n=600)).plan
    assert plan["seeds_not_cases"]
    assert plan["seeds"] > plan["have_seeds"] == 3


def test_the_level_is_the_plans_last_one_where_looks_are_planned(planted: Any) -> None:
    plan = undecided(open_world(planted), {"looks": 5, "n_max": 500}).plan
    assert plan["alpha"] == pytest.approx(0.04, abs=0.001)


def test_a_gain_that_is_planned_for_counts(planted: Any) -> None:
    rows = open_world(planted)
    plans = [undecided(rows, {"planned_gain": gain}).plan for gain in (0.06, 0.15)]
    assert [plan["planned_gain"] for plan in plans] == [0.06, 0.15]
    assert plans[0]["cases"] > plans[1]["cases"]
    assert planned_gain(Policy(), 0.10) == pytest.approx(0.15), "well above the margin"
    assert planned_gain(Policy(), -0.03) == 0.0, "no loss is all that the cost route asks"


def test_an_open_guard_is_planned_for_as_well(planted: Any) -> None:
    policy = {"suites": {"triage": {}, "general": {"role": "guard", "noninferiority": 0.01}}}
    guard = planted(9, n=60, dev=0, suite="general").add("zero_shot", "prompt").add("sft", "tune", 0.0, seeds=4)
    both = undecided(pa.concat_tables([open_world(planted), guard.table]), policy).plan
    assert (both["suite"], [also["suite"] for also in both["also"]]) == ("triage", ["general"])
    need = both["also"][0]
    assert (need["planned_drop"], need["have_cases"]) == (0.0, 60)
    assert need["cases"] > 60


def test_a_judge_asks_for_labels(planted: Any, table: Any) -> None:
    rows = open_world(planted).to_pylist()
    cases = sorted({row["case_id"] for row in rows if row["split"] == "test"})[:50]
    people = [row | {"source": "human"} for row in rows if row["case_id"] in cases]
    graded = [row | {"source": "judge"} for row in rows] + people
    plan = undecided(table({key: [row[key] for row in graded] for key in graded[0]})).plan
    assert plan["have_human_labels"] == 50
    assert plan["human_labels"] > 50
    assert "cases" not in plan


def test_cases_that_the_plan_names_are_enough_when_they_come() -> None:
    """The plan's arithmetic against the power function, which is itself held against simulation."""
    from harness.stats import cases_needed

    n = cases_needed(gain=0.08, margin=0.03, v_case=0.2, v_seed=0.0002, seeds=4, alpha=unplanned_alpha(0.05, 2))
    assert n is not None
    at = {"v_case": 0.2, "v_seed": 0.0002, "cases": n, "seeds": 4, "alpha": unplanned_alpha(0.05, 2)}
    assert power(gain=0.08, margin=0.03, **at) >= 0.8


def test_the_plan_in_words(planted: Any) -> None:
    suite = undecided(open_world(planted, seed_sd=0.01, seconds=0.5), training_seconds=100.0)
    plan = suite.plan
    said = sentence(plan, "triage")
    assert f"{plan['cases']:,} test cases (there are 100)" in said
    assert f"({plan['answers']:,} answers, about {plan['seconds'] / 60:,.0f} minutes of the machine)" in said
    assert said.endswith("; then a gain of 8.0 points is shown 80 times in 100.")
    wild = undecided(open_world(planted, seeds=3, seed_sd=0.12, n=600)).plan
    assert sentence(wild, "triage").startswith("a recipe that differs less from seed to seed: not even 20 seeds")
    assert sentence({**plan, "seeds_not_cases": True}, "triage").startswith(
        "no number of cases is enough with 4 seeds: "
    )


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ({}, ""),
        ({"seeds": 5, "have_seeds": 1}, "train 5 seeds (there are 1)."),
        ({"human_labels": 50}, "people's labels on 50 test cases."),
        ({"clusters": 10}, "test cases from 10 independent sources."),
        (
            {"suite": "triage", "planned_gain": 0.08, "power": 0.8, "cases": 90, "have_cases": 90},
            "a larger gain: a true one of 8.0 points is shown 80 times in 100.",
        ),
    ],
)
def test_simple_plans_in_words(plan: dict[str, Any], said: str) -> None:
    assert sentence(plan, "triage") == said


def test_a_guards_plan_names_the_guard() -> None:
    way = {"cases": 400, "have_cases": 60, "seeds": 4, "have_seeds": 4, "answers": 1700, "seconds": None}
    need = {"suite": "general", "planned_drop": 0.0, "power": 0.8, **way, "usd": 12.0, "usd_covers": ["labels"]}
    said = sentence({**need, "seeds_not_cases": False, "or": [{"seeds": 6, "have_seeds": 4}]}, "triage")
    assert said == (
        "400 test cases of general (there are 60) (1,700 answers, $12 for labels), or train 6 seeds (there are 4); "
        "then no loss is shown 80 times in 100."
    )
