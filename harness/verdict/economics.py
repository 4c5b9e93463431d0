"""What tuning costs and saves a month, and from how many requests on it pays.

With V requests a month, c USD a request, K paid once over T months, R retraining and F hosting a month, v USD a right
answer and Δ the gain::

    break-even V* = (K/T + R + F) / (c_base - c_tuned + v·Δ)        never, when the denominator is not positive
    NPV           = T·(V·(c_base - c_tuned + v·Δ) - R - F) - K      not discounted
    P(NPV > 0)    = Φ(NPV / (T·V·v·SE(Δ)))                          the interval of Δ is the only uncertainty here

``c`` is the measured ``cost`` of a request, or measured tokens times the prices of the policy's ``[cost]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

from scipy.special import ndtr

from harness.stats import Moments
from harness.verdict.board import Scores
from harness.verdict.policy import CostPolicy

SURE = 0.90
"""P(NPV > 0) that the cost route asks for (verdict specification)."""


def economics(cost: CostPolicy | None, tuned: Scores, base: Scores, gain: Moments) -> dict[str, Any]:
    """Costs in USD a month, the break-even in requests a month (None: never); empty when nothing can be computed."""
    if cost is None:
        return {}
    c_base, c_tuned = _request(cost, base, tuned=False), _request(cost, tuned, tuned=True)
    if c_base is None or c_tuned is None:
        return {}
    volume, months = cost.requests_per_month, cost.horizon_months
    monthly = cost.hosting_usd_per_month + (cost.retrain_usd / cost.retrain_months if cost.retrain_months else 0.0)
    value = cost.value_per_right_answer or 0.0
    saved = c_base - c_tuned + value * gain.estimate
    fixed = monthly + cost.training_usd / months
    npv = months * (volume * saved - monthly) - cost.training_usd
    return {
        "baseline": base.contender,
        "usd_per_request_baseline": c_base,
        "usd_per_request_tuned": c_tuned,
        "usd_per_month_baseline": volume * c_base,
        "usd_per_month_tuned": volume * c_tuned + fixed,
        "break_even_requests_per_month": fixed / saved if saved > 0 else None,
        "requests_per_month": volume,
        "npv_usd": npv,
        "p_npv_positive": _probability(npv, months * volume * value * sqrt(gain.v_case + gain.v_seed)),
        "value_given": cost.value_per_right_answer is not None,
    }


def pays(found: Mapping[str, Any], route: str) -> bool:
    """Does the money speak for it? The quality route is refused only where a right answer has a price and it loses."""
    if route == "cost":
        return bool(found) and found["p_npv_positive"] >= SURE
    return not found or not found["value_given"] or found["npv_usd"] > 0


def _request(cost: CostPolicy, scores: Scores, *, tuned: bool) -> float | None:
    """USD a request, or None when neither cost nor tokens with prices are known."""
    if "cost" in scores.usage:
        return scores.usage["cost"]
    if cost.input_cost_per_token is None or cost.output_cost_per_token is None:
        return None
    if not {"prompt_tokens", "output_tokens"} <= set(scores.usage):
        return None
    prompt, output = cost.input_cost_per_token, cost.output_cost_per_token
    if tuned:
        prompt = prompt if cost.tuned_input_cost_per_token is None else cost.tuned_input_cost_per_token
        output = output if cost.tuned_output_cost_per_token is None else cost.tuned_output_cost_per_token
    return scores.usage["prompt_tokens"] * prompt + scores.usage["output_tokens"] * output


def _probability(npv: float, spread: float) -> float:
    if spread > 0:
        return float(ndtr(npv / spread))
    return 1.0 if npv > 0 else 0.0
