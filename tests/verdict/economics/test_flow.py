"""The formulas, each against the sum that it is short for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.verdict.economics.cost import NAMES
from harness.verdict.economics.flow import LONGEST, Flow, annuity, flow, growing_annuity, monthly_rate, payback
from harness.verdict.economics.side import Flat

PLAN = {
    "requests_per_month": 40_000.0,
    "horizon_months": 18.0,
    "growth_per_month": 0.03,
    "discount_per_year": 0.1,
    "value_per_right_answer": 0.02,
    "gain": 0.06,
    "labels": 1000.0,
    "label_usd": 1.5,
    "engineering_hours": 60.0,
    "engineering_usd_per_hour": 90.0,
    "training_runs": 8.0,
    "training_gpu_hours": 2.0,
    "gpu_hour_usd": 3.0,
    "evaluation_usd": 100.0,
    "training_usd": 50.0,
    "retrain_months": 6.0,
    "hosting_usd_per_month": 80.0,
    "baseline_hosting_usd_per_month": 30.0,
}
BASE, TUNED = Flat("bm25", 0.004, "measured"), Flat("sft", 0.001, "measured")
ONCE = 1000 * 1.5 + 60 * 90 + 8 * 2 * 3 + 100 + 50
MONTHLY = 80 - 30 + (2 * 3 + 100) / 6
SAVED = 0.004 - 0.001 + 0.02 * 0.06


def values(**changed: float) -> dict[str, Any]:
    zeros = {name: 0.0 for name in NAMES if name not in ("retrain_months", "retrain_usd")}
    return {**zeros, **PLAN, **changed}


def by_hand(plan: dict[str, Any]) -> float:
    """Month by month, as a spreadsheet does it."""
    rate = (1 + plan["discount_per_year"]) ** (1 / 12) - 1
    worth = -ONCE
    for month in range(1, int(plan["horizon_months"]) + 1):
        requests = plan["requests_per_month"] * (1 + plan["growth_per_month"]) ** (month - 1)
        worth += (requests * SAVED - MONTHLY) / (1 + rate) ** month
    return worth


@pytest.mark.parametrize("growth", [0.0, 0.03, -0.1, 0.00797414])
@pytest.mark.parametrize("discount", [0.0, 0.1])
def test_npv_is_the_sum_over_the_months(growth: float, discount: float) -> None:
    plan = values(growth_per_month=growth, discount_per_year=discount)
    assert flow(plan, BASE, TUNED).npv == pytest.approx(by_hand(plan), rel=1e-9)


def test_the_limits_of_the_annuities() -> None:
    rate = monthly_rate(0.1)
    assert annuity(0.0, 12.0) == 12.0
    assert annuity(rate, 12.0) == pytest.approx(sum((1 + rate) ** -m for m in range(1, 13)))
    assert growing_annuity(rate, rate, 12.0) == pytest.approx(12 / (1 + rate))
    assert growing_annuity(0.0, 0.0, 12.0) == 12.0
    mixed = growing_annuity(np.array([0.0, rate, 0.02]), rate, 12.0)
    assert mixed == pytest.approx([growing_annuity(g, rate, 12.0) for g in (0.0, rate, 0.02)])


def test_at_the_break_even_nothing_is_gained_or_lost() -> None:
    even = float(flow(values(), BASE, TUNED).break_even)
    assert flow(values(requests_per_month=even), BASE, TUNED).npv == pytest.approx(0.0, abs=1e-6)


def test_without_growth_it_is_the_formula_of_the_specification() -> None:
    plan = values(growth_per_month=0.0, discount_per_year=0.0)
    assert float(flow(plan, BASE, TUNED).break_even) == pytest.approx((ONCE / 18 + MONTHLY) / SAVED)


def test_what_saves_nothing_never_pays_and_what_costs_nothing_always_does() -> None:
    assert flow(values(), TUNED, Flat("sft", 0.004, "measured")).break_even == np.inf
    free: dict[str, Any] = dict.fromkeys(("labels", "engineering_hours", "training_runs", "evaluation_usd"), 0.0)
    plan = values(**free, training_usd=0.0, retrain_months=1e9, hosting_usd_per_month=0.0)
    assert flow(plan, BASE, TUNED).break_even == 0.0


def test_a_month_of_both_arms_crosses_at_the_break_even() -> None:
    made = flow(values(), BASE, TUNED)
    baseline, tuned = made.month(float(made.break_even))
    assert baseline == pytest.approx(tuned)


@pytest.mark.parametrize("growth", [0.0, 0.03])
def test_payback_is_when_the_sum_turns(growth: float) -> None:
    plan = values(growth_per_month=growth, discount_per_year=0.0)
    made = payback(plan, flow(plan, BASE, TUNED))
    total, month = -ONCE, 0
    while total < 0:
        step = 40_000 * (1 + growth) ** month * SAVED - MONTHLY
        total, month = total + step, month + 1
    assert made == pytest.approx(month - total / step)


def test_payback_of_draws_and_of_what_never_comes_back() -> None:
    plan = values(requests_per_month=np.array([40_000.0, 10.0, 80_000.0]))
    months = payback(plan, flow(plan, BASE, TUNED))
    assert months[1] == np.inf
    assert months[2] < months[0] < LONGEST


def test_retraining_has_a_price_of_its_own_or_that_of_one_run() -> None:
    made: Flow = flow(values(retrain_usd=600.0), BASE, TUNED)
    assert made.retraining == 100.0
    assert flow(values(), BASE, TUNED).retraining == pytest.approx((2 * 3 + 100) / 6)
