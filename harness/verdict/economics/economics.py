"""What tuning costs and saves, when it pays, how sure that is, and what it hangs on: one mapping, ready for JSON.

    {"break_even_requests_per_month": 12300.0, "break_even_low": 5100.0, "break_even_high": None, "npv_usd": 8210.0, ...}

Formulas in `flow`, ranges in `quantity`, draws in `lattice`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np

from harness.errors import BadInput
from harness.stats import Moments
from harness.verdict.board import Scores
from harness.verdict.economics.cost import UNITS, CostPolicy
from harness.verdict.economics.flow import Number, once, payback
from harness.verdict.economics.lattice import POINTS
from harness.verdict.economics.plan import DEFAULTS, LEVEL, Plan, make_plan
from harness.verdict.economics.side import Arm, Flat, Tokens, like_the_baseline, side, whole_gpu
from harness.verdict.economics.turning import curve, reversals, tornado

SURE = 0.90
"""P(NPV > 0) that the cost route asks for (verdict specification)."""


def economics(
    cost: CostPolicy | None, tuned: Scores, base: Scores, gain: Moments, *, route: str = "quality"
) -> dict[str, Any]:
    """The money of tuning against one untrained contender, USD; empty without a ``[cost]`` table.

    Intervals hold 5 to 95 % of the draws; a ``break_even`` or ``payback`` that never comes is None.

    Raises:
        BadInput: where the answer hangs on money (the cost route, a price on right answers) and nothing says what a
            request costs. Otherwise the mapping is empty then.
    """
    if cost is None:
        return {}
    arms = (side(cost, base, tuned=False), side(cost, tuned, tuned=True))
    if arms[0] is None or arms[1] is None:
        return _unpriced(cost, base if arms[0] is None else tuned, route)
    plan = make_plan(cost, arms[1], arms[0], gain)
    return {
        "baseline": base.contender,
        "horizon_months": plan.modes["horizon_months"],
        **_requests(plan),
        **_break_even(plan),
        **_npv(plan),
        "tornado": tornado(plan),
        "reversals": reversals(plan),
        "curve": curve(plan),
        "inputs": _inputs(plan, cost),
        "notes": _notes(plan, cost),
        "draws": POINTS if plan.ranged else 1,
        "value_given": cost.value_per_right_answer is not None,
    }


def pays(found: Mapping[str, Any], route: str) -> bool:
    """Does the money speak for it? The quality route is refused only where a right answer has a price and it loses."""
    if route == "cost":
        return bool(found) and found["p_npv_positive"] >= SURE
    return not found or not found["value_given"] or found["npv_mean_usd"] > 0


def _unpriced(cost: CostPolicy, scores: Scores, route: str) -> dict[str, Any]:
    if route != "cost" and cost.value_per_right_answer is None:
        return {}
    there = ", ".join(scores.usage) or "none of cost, prompt_tokens, output_tokens, seconds"
    raise BadInput(
        f"[cost]: nothing says what a request to {scores.contender!r} costs (its rows have {there}): give the rows a cost, "
        "or prompt_tokens and output_tokens with a model or prices per token, or seconds with gpu_hour_usd"
    )


def _requests(plan: Plan) -> dict[str, Any]:
    """Costs of a request and of a month at the likeliest values, and what is paid once, all with their parts."""
    likely = plan.likely
    baseline, tuned = likely.month(likely.volume)
    spread = float(likely.once / likely.months)
    worth = float(likely.volume * likely.growing / likely.months * likely.worth)
    return {
        "requests_per_month": float(likely.volume),
        "usd_per_request_baseline": float(likely.baseline),
        "usd_per_request_tuned": float(likely.tuned),
        "request": {"baseline": _arm(plan, plan.baseline), "tuned": _arm(plan, plan.tuned)},
        "usd_per_month_baseline": float(baseline),
        "usd_per_month_tuned": float(tuned) + worth,
        "month": {
            "baseline": {
                "requests": float(baseline - likely.hosting_baseline),
                "hosting": float(likely.hosting_baseline),
            },
            "tuned": {
                "requests": float(tuned) + worth - spread - float(likely.hosting + likely.retraining),
                "hosting": float(likely.hosting),
                "retraining": float(likely.retraining),
                "once, spread": spread,
            },
        },
        "usd_once": float(likely.once),
        "once": {part: float(usd) for part, usd in once(plan.modes).items() if usd},
    }


def _arm(plan: Plan, arm: Arm) -> dict[str, Any]:
    parts = {name: float(usd) for name, usd in arm.parts(plan.modes).items()}
    about: dict[str, Any] = {
        "contender": arm.contender,
        "serving": arm.serving,
        "usd": sum(parts.values()),
        "parts": parts,
    }
    if isinstance(arm, Tokens):
        return about | {"prompt_tokens": arm.prompt_tokens, "output_tokens": arm.output_tokens}
    return about if isinstance(arm, Flat) else about | {"gpu_seconds": float(arm.busy(plan.modes))}


def _break_even(plan: Plan) -> dict[str, Any]:
    even, (values, some) = plan.drawn.break_even, plan.some
    low, high = _ends(even)
    early, late = _ends(payback(values, some))
    return {
        "break_even_requests_per_month": _finite(plan.likely.break_even),
        "break_even_low": low,
        "break_even_high": high,
        "break_even_never": float(np.mean(np.isinf(even))),
        "payback_months": _finite(payback(plan.modes, plan.likely)),
        "payback_low": early,
        "payback_high": late,
    }


def _npv(plan: Plan) -> dict[str, Any]:
    drawn = plan.drawn.npv
    low, high = _ends(drawn)
    return {
        "npv_usd": float(plan.likely.npv),
        "npv_mean_usd": float(np.mean(drawn)),
        "npv_low_usd": low,
        "npv_high_usd": high,
        "p_npv_positive": float(np.mean(np.asarray(drawn) > 0)),
    }


def _ends(drawn: Number) -> tuple[float | None, float | None]:
    """The 5 and 95 % quantiles as values that were drawn, so that never stays never."""
    values = np.atleast_1d(drawn)
    first, last = (ceil(share * values.size) - 1 for share in (LEVEL, 1 - LEVEL))
    parted = np.partition(values, (first, last))
    return _finite(parted[first]), _finite(parted[last])


def _finite(value: Number) -> float | None:
    return float(value) if np.isfinite(value) else None


def _inputs(plan: Plan, cost: CostPolicy) -> list[dict[str, Any]]:
    """What was given or taken by default, with unit, source and date; ``default`` marks what nobody gave."""
    shown = cost.model_fields_set | set(DEFAULTS) | {"horizon_months"}
    return [
        {
            "input": name,
            "low": given.low,
            "mode": given.mode,
            "high": given.high,
            "unit": given.unit or UNITS.get(name, "USD"),
            "source": given.source,
            "date": given.date,
            "default": name not in cost.model_fields_set or getattr(cost, name) is None,
        }
        for name, given in plan.inputs.items()
        if name in shown
    ]


def _notes(plan: Plan, cost: CostPolicy) -> list[str]:
    """What a careful reader would ask about."""
    said = []
    if like_the_baseline(cost, plan.tuned):
        said.append(
            f"{plan.tuned.contender} is priced per token like {plan.baseline.contender}; tuned_serving = 'gpu' prices it by "
            "GPU time, tuned_model or tuned_input_cost_per_token by prices of its own"
        )
    for arm, prefix, hosting in ((plan.baseline, "", "baseline_hosting"), (plan.tuned, "tuned_", "hosting")):
        whole = whole_gpu(arm, plan.modes)
        if whole is not None:
            said.append(
                f"{arm.contender} fills less than one GPU: where one is kept running for it alone, that is {whole:,.0f} USD "
                f"a month whatever is asked; write {prefix}serving = 'hosted' and {hosting}_usd_per_month = {whole:.0f} then"
            )
    return said
