"""What the answer hangs on: a tornado of the inputs, the value of each at which the answer turns, the break-even curve.

    {"input": "gpu_hour_usd", "low": 2.69, "high": 6.88, "npv_low_usd": 9100.0, "npv_high_usd": 4200.0, ...}
    {"input": "requests_per_month", "now": 50000.0, "value": 12300.0, "flips": "under", "about": "npv"}

One input moves, the others stay at their likeliest values (Eschenbach, Spiderplots versus tornado diagrams for
sensitivity analysis, Interfaces 22(6), 1992).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.verdict.economics.flow import LONGEST, Number
from harness.verdict.economics.plan import GAIN, LEVEL, Plan

Floats = NDArray[np.float64]
Point = tuple[float, float]

REASON = 10.0
"""A turning value is looked for between a tenth of an input and ten times it: beyond, the plan is another one."""
GRID = 65
AROUND = np.geomspace(1 / REASON, REASON, GRID)
EXACT = 1e-9
"""A root leaves this share of the NPV at the ends of its bracket."""
MOST_STEPS = 60
ENDS = {
    "growth_per_month": (-0.2, 0.2),
    "discount_per_year": (0.0, 1.0),
    GAIN: (-1.0, 1.0),
}
"""Where a tenth and ten times make no sense. A rate that is 0, which none is given, is left out."""
MOST = {"utilisation": 1.0, "tuned_utilisation": 1.0, "horizon_months": float(LONGEST)}
STEPS = 13
"""Points of the curve: its lines are straight."""
FAR = 5.0
"""A break-even further away than so many times the expected requests is not drawn."""


def tornado(plan: Plan) -> list[dict[str, Any]]:
    """NPV at both ends of every range, the widest swing first."""
    bars = [_bar(plan, name) for name in plan.ranged]
    return sorted((bar for bar in bars if bar["swing_usd"] > 0), key=lambda bar: (-bar["swing_usd"], bar["input"]))


def _bar(plan: Plan, name: str) -> dict[str, Any]:
    low, high = plan.bounds(name)
    first, last = (float(npv) for npv in plan.npv(name, np.array([low, high])) * np.ones(2))
    return {
        "input": name,
        "low": low,
        "high": high,
        "npv_low_usd": first,
        "npv_high_usd": last,
        "swing_usd": abs(last - first),
    }


def reversals(plan: Plan) -> list[dict[str, Any]]:
    """The nearest value of every input at which NPV changes its sign, those that lie nearest first."""
    names = [name for name, given in plan.inputs.items() if name not in ENDS or given.low or given.high]
    names += [GAIN] if plan.valued else []
    found = [turn for name in names for turn in _turn(plan, name)]
    return sorted(found, key=lambda turn: (_distance(turn), turn["input"]))


def _turn(plan: Plan, name: str) -> Iterator[dict[str, Any]]:
    now = float(plan.modes[name])
    grid = _grid(name, now)
    value = None if grid is None else _root(plan, name, now, grid)
    if value is not None:
        flips = "over" if value > now else "under"
        yield {"input": name, "now": now, "value": value, "flips": flips, "about": "npv"}


def _grid(name: str, now: float) -> Floats | None:
    if name in ENDS:
        return np.linspace(*ENDS[name], GRID)
    if now <= 0:
        return None
    grid = now * AROUND
    return grid[grid <= MOST.get(name, np.inf)]


def _root(plan: Plan, name: str, now: float, grid: Floats) -> float | None:
    """The sign change that lies nearest to ``now``."""
    values = plan.npv(name, grid) * np.ones(grid.size)
    signs = np.where(values > 0, 1, -1)
    changes = np.flatnonzero(signs[1:] != signs[:-1])
    if not changes.size:
        return None
    at = changes[np.abs(grid[changes] - now).argmin()]
    first, last = ((float(grid[i]), float(values[i])) for i in (at, at + 1))
    return _illinois(lambda value: float(plan.npv(name, value)), first, last)


def _illinois(height: Callable[[float], float], first: Point, last: Point) -> float:
    """Root between two points of opposite sign by the Illinois form of false position (Dowell and Jarratt, BIT 11, 1971).

    One step where the function is straight, as NPV is in most inputs.
    """
    (a, fa), (b, fb) = first, last
    near = EXACT * max(abs(fa), abs(fb))
    for _ in range(MOST_STEPS):
        if abs(fb) <= near:
            break
        value = b - fb * (b - a) / (fb - fa)
        found = height(value)
        a, fa = (b, fb) if found * fb < 0 else (a, fa / 2)
        b, fb = value, found
    return b


def _distance(turn: Mapping[str, Any]) -> float:
    """How far a value must move: its ratio's logarithm, and of what has ``ENDS`` the share of the way to them."""
    name, now, value = turn["input"], turn["now"], turn["value"]
    far = abs(value - now) / ENDS[name][1] * log(REASON) if name in ENDS else abs(log(value / now))
    return round(far, 12)


def curve(plan: Plan) -> list[dict[str, Any]]:
    """USD of a level month on both arms over requests a month, as [low, likely, high]: they cross at the break-even.

    What right answers gained are worth is taken off the tuned arm.
    """
    expected, even = float(plan.likely.volume), float(plan.likely.break_even)
    top = max(1.5 * expected, 2.0 * even if even <= FAR * expected else 0.0)
    _, drawn = plan.some
    at = np.linspace(0.0, top, STEPS)
    likely, bands = plan.likely.month(at), drawn.month(at[:, None])
    arms = [_arm(line, band) for line, band in zip(likely, bands, strict=True)]
    rows = zip(at.tolist(), *arms, strict=True)
    return [{"requests_per_month": x, "baseline": one, "tuned": other} for x, one, other in rows]


def _arm(likely: Number, drawn: Number) -> list[list[float]]:
    line = np.broadcast_to(likely, STEPS)
    spread = np.broadcast_to(drawn, (STEPS, np.shape(drawn)[-1] if np.ndim(drawn) else 1))
    low, high = np.quantile(spread, [LEVEL, 1 - LEVEL], axis=1)
    return [list(row) for row in zip(low.tolist(), line.tolist(), high.tolist(), strict=True)]
