"""The whole plan: exact where nothing is a range, and like an independent simulation where something is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, t, triang

from harness.errors import BadInput
from harness.verdict import decide
from harness.verdict.economics import pays
from tests.verdict.economics.plans import GAIN, count

MEASURED: dict[str, Any] = {"base": {"cost": 0.010}, "tuned": {"cost": 0.002}}
KNOWN = {"requests_per_month": 20_000, "training_usd": 1000, "hosting_usd_per_month": 50}
RANGES = {
    "requests_per_month": [10_000, 20_000, 60_000],
    "growth_per_month": [-0.02, 0.0, 0.05],
    "engineering_hours": [10, 20, 80],
    "engineering_usd_per_hour": 90,
    "value_per_right_answer": [0.0, 0.01, 0.04],
    "retrain_months": [3, 6, 12],
    "retrain_usd": 200,
    "hosting_usd_per_month": 50,
}


def test_without_ranges_it_is_the_formula() -> None:
    found = count(KNOWN, **MEASURED)
    assert found["break_even_requests_per_month"] == pytest.approx((1000 / 12 + 50) / 0.008)
    assert found["break_even_low"] == found["break_even_high"] == found["break_even_requests_per_month"]
    assert found["npv_usd"] == pytest.approx(12 * (20_000 * 0.008 - 50) - 1000)
    assert found["npv_mean_usd"] == found["npv_low_usd"] == found["npv_high_usd"] == found["npv_usd"]
    assert (found["p_npv_positive"], found["break_even_never"], found["draws"]) == (1.0, 0.0, 1)
    assert found["payback_months"] == pytest.approx(1000 / (20_000 * 0.008 - 50))
    assert found["usd_per_month_baseline"] == pytest.approx(200)
    assert found["usd_per_month_tuned"] == pytest.approx(40 + 50 + 1000 / 12)
    assert sum(found["month"]["tuned"].values()) == pytest.approx(found["usd_per_month_tuned"])
    assert found["tornado"] == []


def test_a_right_answer_has_a_price() -> None:
    exact = replace(GAIN, v_case=0.0, v_seed=0.0, centre=GAIN.estimate)
    found = count(KNOWN | {"value_per_right_answer": 0.05}, gain=exact, **MEASURED)
    assert found["npv_usd"] == pytest.approx(12 * (20_000 * (0.008 + 0.05 * 0.08) - 50) - 1000)
    assert found["npv_mean_usd"] == pytest.approx(found["npv_usd"])
    assert found["value_given"]


def test_the_gain_is_as_sure_as_its_interval() -> None:
    """With one source of doubt P(NPV > 0) has a closed form: the gain over which it pays, and its t distribution."""
    cases = replace(GAIN, v_seed=0.0, seeds=0)
    cost = {"requests_per_month": 10_000, "training_usd": 9_000, "value_per_right_answer": 1.0}
    found = count(cost, gain=cases, base={"cost": 0.0}, tuned={"cost": 0.0})
    needed = 9_000 / (12 * 10_000)
    exact = 1 - t.cdf((needed - cases.centre) / np.sqrt(cases.v_case), cases.df)
    assert found["p_npv_positive"] == pytest.approx(exact, abs=2e-3)
    lower, upper = (120_000 * t.ppf(share, cases.df, cases.centre, 0.01) - 9_000 for share in (0.05, 0.95))
    assert (found["npv_low_usd"], found["npv_high_usd"]) == pytest.approx((lower, upper), rel=5e-3)


def simulated(rng: np.random.Generator, size: int) -> tuple[Any, Any]:
    """NPV and break-even of ``RANGES`` by ordinary random draws and a loop over months: nothing of the package in it."""

    def drawn(low: float, mode: float, high: float) -> Any:
        return triang.rvs((mode - low) / (high - low), loc=low, scale=high - low, size=size, random_state=rng)

    volume, growth = drawn(10_000, 20_000, 60_000), drawn(-0.02, 0.0, 0.05)
    worth, again = drawn(0.0, 0.01, 0.04), 200 / drawn(3, 6, 12)
    gain = GAIN.centre + 0.01 * t.rvs(399, size=size, random_state=rng)
    gain = np.clip(gain + np.sqrt(GAIN.v_seed) * t.rvs(4, size=size, random_state=rng), -1, 1)
    once, saved, requests = 90 * drawn(10, 20, 80), 0.010 - 0.008 + worth * gain, np.zeros(size)
    for month in range(12):
        requests += (1 + growth) ** month
    spent = once + 12 * (50 + again)
    even = np.where(saved > 0, spent / np.where(saved > 0, requests * saved, 1), np.inf)
    return volume * requests * saved - spent, even


def test_ranges_are_like_an_independent_simulation() -> None:
    found = count(RANGES, base={"cost": 0.010}, tuned={"cost": 0.008})
    npv, even = simulated(np.random.default_rng(7), 200_000)
    low, high = np.quantile(npv, [0.05, 0.95])
    spread = npv.std()
    assert found["npv_mean_usd"] == pytest.approx(npv.mean(), abs=0.01 * spread)
    assert found["npv_low_usd"] == pytest.approx(low, abs=0.02 * spread)
    assert found["npv_high_usd"] == pytest.approx(high, abs=0.03 * spread)
    assert found["p_npv_positive"] == pytest.approx((npv > 0).mean(), abs=4 * norm.pdf(0) / np.sqrt(200_000) + 0.003)
    assert found["break_even_low"] == pytest.approx(np.quantile(even, 0.05), rel=0.01)
    assert found["break_even_high"] == pytest.approx(np.quantile(even, 0.95), rel=0.02)


def test_never_is_none_and_its_share_is_said() -> None:
    found = count(KNOWN, base={"cost": 0.002}, tuned={"cost": 0.010})
    assert found["break_even_requests_per_month"] is None
    assert (found["break_even_low"], found["break_even_never"], found["payback_months"]) == (None, 1.0, None)
    some = count({**KNOWN, "tuned_gpu_hour_usd": [1, 2, 4]}, base={"cost": 0.01}, tuned={"seconds": 1.5})
    assert 0.05 < some["break_even_never"] < 0.95
    assert some["break_even_low"] is not None
    assert some["break_even_high"] is None


def test_the_tornado_is_sorted_and_each_bar_is_the_plan_with_that_number() -> None:
    found = count(RANGES, **MEASURED)
    swings = [bar["swing_usd"] for bar in found["tornado"]]
    assert swings == sorted(swings, reverse=True)
    assert {bar["input"] for bar in found["tornado"]} == {
        "requests_per_month", "growth_per_month", "engineering_hours", "value_per_right_answer", "retrain_months", "gain"
    }  # fmt: skip
    for bar in found["tornado"]:
        for end in ("low", "high") if bar["input"] != "gain" else ():
            alone = count({**RANGES, bar["input"]: bar[end]}, **MEASURED)
            assert alone["npv_usd"] == pytest.approx(bar[f"npv_{end}_usd"])


def test_at_a_reversal_value_nothing_is_gained_and_beyond_it_the_sign_turns() -> None:
    cost = {**RANGES, "horizon_months": 12, "discount_per_year": 0.08}
    found = count(cost, **MEASURED)
    turns = [turn for turn in found["reversals"] if turn["input"] != "gain"]
    assert {"requests_per_month", "engineering_hours", "horizon_months"} <= {turn["input"] for turn in turns}
    for turn in turns:
        at = count({**cost, turn["input"]: turn["value"]}, **MEASURED)["npv_usd"]
        assert at == pytest.approx(0.0, abs=1e-5 * abs(found["npv_usd"]))
        beyond = turn["value"] * (1.02 if turn["flips"] == "over" else 0.98)
        past = count({**cost, turn["input"]: beyond}, **MEASURED)["npv_usd"]
        assert np.sign(past) == -np.sign(found["npv_usd"])
        assert turn["flips"] == ("over" if turn["value"] > turn["now"] else "under")


def test_the_curve_crosses_at_the_break_even_inside_its_bands() -> None:
    found = count(RANGES, **MEASURED)
    x = [row["requests_per_month"] for row in found["curve"]]
    gap = [row["baseline"][1] - row["tuned"][1] for row in found["curve"]]
    assert np.interp(0.0, gap, x) == pytest.approx(found["break_even_requests_per_month"])
    for row in found["curve"]:
        assert row["tuned"][0] <= row["tuned"][2]
        assert row["baseline"][0] <= row["baseline"][2]


def test_a_range_more_changes_no_draw_of_another() -> None:
    one = count(KNOWN | {"requests_per_month": [10_000, 20_000, 60_000]}, **MEASURED)
    two = count(KNOWN | {"requests_per_month": [10_000, 20_000, 60_000], "evaluation_usd": [0, 0, 1e-9]}, **MEASURED)
    assert two["npv_low_usd"] == pytest.approx(one["npv_low_usd"], rel=1e-9)


def test_nothing_is_known_of_a_gain_from_one_training() -> None:
    single = replace(GAIN, v_seed=float("inf"), seeds=1)
    found = count(KNOWN | {"value_per_right_answer": 0.05}, gain=single, **MEASURED)
    assert found["npv_high_usd"] - found["npv_low_usd"] == pytest.approx(0.9 * 2 * 12 * 20_000 * 0.05, rel=0.01)


def test_money_that_cannot_be_counted_is_refused_only_where_the_answer_hangs_on_it() -> None:
    assert count(KNOWN, base={"cost": 1.0}, tuned={"seconds": 1.0}) == {}
    for changed, route in (({}, "cost"), ({"value_per_right_answer": 1}, "quality")):
        with pytest.raises(BadInput, match=r"nothing says what a request to 'sft' costs \(its rows have seconds\)"):
            count(KNOWN | changed, base={"cost": 1.0}, tuned={"seconds": 1.0}, route=route)


@pytest.mark.parametrize(
    ("found", "route", "expected"),
    [
        ({}, "quality", True),
        ({}, "cost", False),
        ({"p_npv_positive": 0.91, "value_given": False, "npv_mean_usd": -1.0}, "quality", True),
        ({"p_npv_positive": 0.10, "value_given": True, "npv_mean_usd": -1.0}, "quality", False),
        ({"p_npv_positive": 0.60, "value_given": True, "npv_mean_usd": 1.0}, "quality", True),
        ({"p_npv_positive": 0.90, "value_given": True, "npv_mean_usd": -1.0}, "cost", True),
        ({"p_npv_positive": 0.89, "value_given": False, "npv_mean_usd": 9.0}, "cost", False),
    ],
)
def test_when_money_speaks_for_it(found: dict[str, Any], route: str, expected: bool) -> None:
    assert pays(found, route) is expected


# --- through decide ---------------------------------------------------------------------------------------------------

POLICY = {"cost": RANGES | {"model": "gpt-5.4-mini", "tuned_gpu": "L40S", "labels": 900, "label_usd": [0.5, 1, 3]}}


def rows(planted: Any, gain: float = 0.15) -> Any:
    world = planted(3, n=400, noise=0.2)
    for name in ("few_shot", "p1", "p2", "p3", "p4"):
        shift = 0.0 if name == "few_shot" else -0.3
        world.add(name, "prompt", shift, prompt_tokens=900.0, output_tokens=60.0, seconds=0.5)
    return world.add("sft", "tune", gain, seeds=5, prompt_tokens=120.0, output_tokens=40.0, seconds=0.08).table


def test_the_same_bytes_in_any_order_and_plain_json(planted: Any) -> None:
    table = rows(planted)
    first = decide(table, POLICY)
    found = first.suites["triage"].economics
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    mixed = table.take(np.random.default_rng(1).permutation(table.num_rows))
    assert decide(mixed, POLICY).to_json() == first.to_json()
    assert json.loads(first.to_json())["suites"]["triage"]["economics"]["draws"] == 32_768


def test_the_margin_at_which_the_claim_turns(planted: Any) -> None:
    table = rows(planted)
    found = decide(table, POLICY).suites["triage"]
    turn = next(turn for turn in found.economics["reversals"] if turn["input"] == "margin")
    assert (turn["now"], turn["flips"], turn["about"]) == (0.03, "over", "verdict")
    at = [decide(table, POLICY | {"margin": turn["value"] + step}).suites["triage"].claims[0] for step in (-1e-6, 1e-6)]
    assert at[0].lower == at[1].lower == pytest.approx(turn["value"])


def test_a_better_tuned_side_is_never_worth_less(planted: Any) -> None:
    worth = [decide(rows(planted, gain), POLICY).suites["triage"].economics for gain in (0.05, 0.15, 0.25)]
    assert worth[0]["p_npv_positive"] <= worth[1]["p_npv_positive"] <= worth[2]["p_npv_positive"]
    assert worth[0]["npv_mean_usd"] < worth[1]["npv_mean_usd"] < worth[2]["npv_mean_usd"]
