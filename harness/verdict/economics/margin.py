"""What turns the claim itself: another margin, or a judge that errs the same way on every case.

    {"input": "margin", "now": 0.03, "value": 0.051, "flips": "over", "about": "verdict"}
    {"input": "judge_error", "now": 0.0, "value": 0.021, "flips": "over", "about": "verdict"}

JUSTIFIED needs every gain's lower bound over the margin, NOT_JUSTIFIED one upper bound under it: the bound is the margin
at which the answer turns, and the way to it is what a judge may favour one side by, in score units, without turning it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from harness.verdict.candidate import Candidate


def claim_reversals(candidate: Candidate, route: str, alpha: float, *, judged: bool) -> list[dict[str, Any]]:
    """The margin (on the cost route the loss still tolerated), and where a judge graded the error, that turn the claim.

    Nothing for a claim that is open: it has not been made yet.
    """
    turn = _turn(candidate, alpha)
    if turn is None or not isfinite(turn[0]):
        return []
    return list(_said(candidate.floor, *turn, route, judged))


def _turn(candidate: Candidate, alpha: float) -> tuple[float, str] | None:
    """The bound that the margin would have to pass, and in which direction."""
    if candidate.gains_hold(alpha):
        return min(moments.interval(alpha).lower for moments in candidate.gains.values()), "over"
    if candidate.beaten_by(alpha) is not None:
        level = alpha / len(candidate.gains)
        return min(moments.interval(level).upper for moments in candidate.gains.values()), "under"
    return None


def _said(floor: float, bound: float, flips: str, route: str, judged: bool) -> Iterator[dict[str, Any]]:
    name, sign = ("margin", 1.0) if route == "quality" else ("noninferiority", -1.0)
    opposite = {"over": "under", "under": "over"}
    turned = flips if sign > 0 else opposite[flips]
    if 0 < sign * bound < 1:
        yield {"input": name, "now": sign * floor, "value": sign * bound, "flips": turned, "about": "verdict"}
    if judged:
        yield {"input": "judge_error", "now": 0.0, "value": abs(bound - floor), "flips": "over", "about": "verdict"}
