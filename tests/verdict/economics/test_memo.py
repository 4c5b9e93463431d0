"""The memo on the money, as whole strings."""

from __future__ import annotations

from typing import Any

import pytest

from harness.verdict import decide, describe
from harness.verdict.economics.cost import NAMES
from harness.verdict.economics.memo import LABELS, amount, label, memo, reach, usd
from tests.verdict.economics.plans import count

KNOWN = {"requests_per_month": 20_000, "training_usd": 1000, "hosting_usd_per_month": 50}


def test_a_plan_of_known_numbers() -> None:
    found = count(KNOWN, base={"cost": 0.01}, tuned={"cost": 0.002})
    assert list(memo(found)) == [
        "Money: a request costs $0.002 tuned and $0.01 with bm25; $1,000 once. Over 12 months tuning is worth $320.",
        "The sum changes its sign with requests under 16,700 a month, or horizon under 9.09 months, or other costs once "
        "over $1,320.",
    ]


def test_a_plan_of_ranges() -> None:
    found = count({**KNOWN, "requests_per_month": [10_000, 20_000, 60_000]}, base={"cost": 0.01}, tuned={"cost": 0.002})
    assert next(memo(found)) == (
        "Money: a request costs $0.002 tuned and $0.01 with bm25; $1,000 once. "
        "Break-even lies between 16,700 and 16,700 requests a month. "
        f"Over 12 months tuning is worth $320 ({usd(found['npv_low_usd'])} to {usd(found['npv_high_usd'])}), "
        f"more than nothing in {100 * found['p_npv_positive']:.0f} % of the draws."
    )


def test_what_may_never_pay() -> None:
    found = count({**KNOWN, "tuned_gpu_hour_usd": [1, 2, 4]}, base={"cost": 0.01}, tuned={"seconds": 1.5})
    low, never = amount("requests_per_month", found["break_even_low"]), 100 * found["break_even_never"]
    less = low.removesuffix(" a month")
    expected = (
        f"Break-even lies at {less} requests a month or more, in {never:.0f} % of the draws never. Over 12 months"
    )
    assert expected in next(memo(found))


def test_what_never_pays() -> None:
    found = count(KNOWN, base={"cost": 0.001}, tuned={"cost": 0.002})
    assert next(memo(found)) == (
        "Money: a request costs $0.002 tuned and $0.001 with bm25; $1,000 once. Over 12 months tuning is worth -$1,840."
    )
    assert list(memo({})) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("requests_per_month", 18_234.0, "18,200 a month"),
        ("input_cost_per_token", 7.5e-7, "$0.75 a million tokens"),
        ("gpu_hour_usd", 3.85, "$3.85 an hour"),
        ("utilisation", 0.13, "13 %"),
        ("growth_per_month", -0.02, "-2 % a month"),
        ("labels", 1200.0, "1,200"),
        ("training_gpu_hours", 2.0, "2 hours a run"),
        ("horizon_months", 18.0, "18 months"),
        ("gain", 0.0512, "5.12 points"),
        ("judge_error", 0.02, "2 points"),
        ("training_usd", 12_345.6, "$12,346"),
        ("value_per_right_answer", 0.0, "$0 an answer"),
    ],
)
def test_amounts(name: str, value: float, said: str) -> None:
    assert amount(name, value) == said


def test_a_range_says_its_unit_once() -> None:
    assert reach("engineering_hours", 40.0, 200.0) == "40 to 200 hours"
    assert reach("gpu_hour_usd", 2.0, 2.0) == "$2 an hour"
    assert reach("labels", 10.0, 20.0, unit="labels") == "10 to 20"


def test_every_input_has_a_name() -> None:
    assert set(NAMES) <= set(LABELS)
    assert label("something_else") == "something else"


def test_the_verdicts_memo_has_the_money_between_reasons_and_change(planted: Any) -> None:
    world = planted(5, n=400, noise=0.1)
    for name in ("few_shot", "p1", "p2", "p3", "p4"):
        world.add(name, "prompt", 0.0 if name == "few_shot" else -0.3, cost=0.01)
    table = world.add("sft", "tune", 0.2, seeds=5, cost=0.002).table
    lines = describe(decide(table, {"cost": KNOWN}))
    money = next(i for i, line in enumerate(lines) if line.startswith("  Money: a request costs $0.002 tuned"))
    assert lines[money + 1].startswith("  The sum changes its sign with")
    assert lines[money + 2].startswith("  What would change it:")
    assert not any("Money" in line for line in describe(decide(table)))
