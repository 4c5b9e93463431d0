"""Charts of the money: both arms' month over requests with their bands, and a tornado of the inputs.

    chart = payoff.crossing(suite.economics, layer="context")
    bars, axis = payoff.tornado(suite.economics)

Like all charts of the report: static inline SVG, x in per cent of the width, said in words too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Any

from markupsafe import Markup

from harness.report.charts import Row, Scale, grid, line, strip
from harness.report.numbers import MINUS, money
from harness.verdict.economics.memo import bare, label, reach
from harness.visible import visible

TALL, TOP = 220, 18
"""Height of the plot, and the room over it for the names of its upright lines; pixels."""
MOST = 12
"""Bars of a tornado: what swings less than the twelfth decides nothing."""
ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Crossing:
    """The break-even chart; ``left`` has the labels of its height, ``legend`` names and layers."""

    svg: Markup
    left: Markup
    legend: tuple[tuple[str, str], ...]


def crossing(found: Mapping[str, Any], *, layer: str) -> Crossing:
    """USD of a month on both arms by requests a month; ``layer`` is the baseline's."""
    curve = found["curve"]
    most = curve[-1]["requests_per_month"]
    across = Scale(0.0, most, tuple(tick for tick in _scale([0.0, most], ticks=4).ticks if tick <= most))
    up = _scale([0.0, *(value for row in curve for arm in ("baseline", "tuned") for value in row[arm])], ticks=5)
    arms = Markup("").join(
        _arm(curve, arm, kind, across, up) for arm, kind in (("baseline", layer), ("tuned", "tuned"))
    )
    plot = Markup(
        '<svg y="{}" height="{}" width="100%" viewBox="0 0 100 100" preserveAspectRatio="none">{}</svg>'
    ).format(TOP, TALL, arms)
    svg = Markup('<svg class="crossing" role="img" aria-label="{}" width="100%" height="{}">{}{}{}{}</svg>').format(
        visible(_said(found)), TOP + TALL + 22, _levels(up), plot, _marks(found, across), _below(across)
    )
    names = ((found["baseline"], layer), (found["request"]["tuned"]["contender"], "tuned"))
    return Crossing(svg, _left(up), names)


def tornado(found: Mapping[str, Any]) -> tuple[list[Row], Markup]:
    """Each range's NPV at its ends, widest first, and the axis."""
    bars = found["tornado"][:MOST]
    ends = [bar[end] for bar in bars for end in ("npv_low_usd", "npv_high_usd")]
    shared = _scale([0.0, found["npv_usd"], *ends], ticks=5)
    return [_bar(bar, found, shared) for bar in bars], _axis(shared)


def range_of(row: Mapping[str, Any]) -> str:
    """An input's value in words: ``20,000 to 120,000 a month, likely 50,000``."""
    name, unit = row["input"], row.get("unit")
    said = reach(name, row["low"], row["high"], unit)
    return said if row["low"] == row["high"] else f"{said}, likely {bare(name, row['mode'], unit)}"


def _scale(values: Sequence[float], *, ticks: int) -> Scale:
    """From a round number under the least to one over the most."""
    least, most = min(values), max(values)
    step = _step((most - least) / ticks or 1.0)
    low, high = floor(least / step + 1e-9), ceil(most / step - 1e-9)
    high = max(high, low + 1)
    return Scale(low * step, high * step, tuple(i * step for i in range(low, high + 1)))


def _step(least: float) -> float:
    unit = 10.0 ** floor(log10(least))
    return next(unit * size for size in ROUND if unit * size >= least * (1 - 1e-9))


def _arm(curve: Sequence[Mapping[str, Any]], arm: str, layer: str, across: Scale, up: Scale) -> Markup:
    """Band and line in the unit square."""
    low, likely, high = (_points(curve, arm, i, across, up) for i in range(3))
    return Markup('<g class="{}"><polygon class="band" points="{}"/><polyline points="{}"/></g>').format(
        layer, _path([*low, *reversed(high)]), _path(likely)
    )


def _points(curve: Sequence[Mapping[str, Any]], arm: str, i: int, across: Scale, up: Scale) -> list[Point]:
    span = up.high - up.low
    return [(100 * row["requests_per_month"] / across.high, 100 - 100 * (row[arm][i] - up.low) / span) for row in curve]


def _path(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def _height(value: float, up: Scale) -> float:
    return TOP + TALL * (1 - (value - up.low) / (up.high - up.low))


def _levels(up: Scale) -> Markup:
    lines = (
        Markup('<line class="{}" x1="0" x2="100%" y1="{:.1f}" y2="{:.1f}"/>').format(
            "zero" if abs(tick) < 1e-9 else "tick", _height(tick, up), _height(tick, up)
        )
        for tick in up.ticks
    )
    return Markup("").join(lines)


def _left(up: Scale) -> Markup:
    labels = Markup("").join(
        Markup('<text class="last" x="100%" y="{:.1f}">{}</text>').format(_height(tick, up) + 4, _usd(tick))
        for tick in up.ticks
    )
    return Markup('<svg aria-hidden="true" width="100%" height="{}">{}</svg>').format(TOP + TALL + 22, labels)


def _below(across: Scale) -> Markup:
    def anchor(tick: float) -> str:
        share = tick / across.high
        return "first" if share < 0.04 else "last" if share > 0.96 else "mid"

    return Markup("").join(
        Markup('<text x="{}" y="{}" class="{}">{:,.0f}</text>').format(
            across.at(tick), TOP + TALL + 18, anchor(tick), tick
        )
        for tick in across.ticks
    )


def _marks(found: Mapping[str, Any], across: Scale) -> Markup:
    """Upright lines at the expected requests and at the break-even, with their names turned away from each other."""
    marks = [(found["requests_per_month"], "expected", "edge")]
    even = found["break_even_requests_per_month"]
    if even is not None and 0 < even <= across.high:
        marks.append((even, "pays from here", "zero"))
    (first, *rest) = sorted(marks)
    crowded = bool(rest) and first[0] > 0.18 * across.high
    drawn = [
        _mark(first, across, left=crowded),
        *(_mark(mark, across, left=mark[0] > 0.82 * across.high) for mark in rest),
    ]
    return Markup("").join(drawn)


def _mark(mark: tuple[float, str, str], across: Scale, *, left: bool) -> Markup:
    at, text, kind = mark
    x, (side, shift) = across.at(at), ("last", -5) if left else ("first", 5)
    line = Markup('<line class="{}" x1="{}" x2="{}" y1="4" y2="{}"/>').format(kind, x, x, TOP + TALL)
    return line + Markup('<text class="{}" x="{}" dx="{}" y="12">{}</text>').format(side, x, shift, text)


def _said(found: Mapping[str, Any]) -> str:
    tuned, even = found["request"]["tuned"]["contender"], found["break_even_requests_per_month"]
    when = "never crosses" if even is None else f"crosses at {even:,.0f} requests a month"
    return f"cost of a month by requests: {tuned} {when} that of {found['baseline']}; {found['requests_per_month']:,.0f} are expected"


def _bar(bar: Mapping[str, Any], found: Mapping[str, Any], shared: Scale) -> Row:
    name, middle = bar["input"], found["npv_usd"]
    parts = [line(shared, 0.0, "zero"), *_halves(bar, middle, shared), line(shared, middle, "edge")]
    over, ends = reach(name, bar["low"], bar["high"]), f"{money(bar['npv_low_usd'])} to {money(bar['npv_high_usd'])}"
    svg = strip(f"{label(name)} from {over}: {ends}", "tuned", grid(shared), *parts)
    return Row(label(name), over, "tuned", svg, ends, "")


def _halves(bar: Mapping[str, Any], middle: float, shared: Scale) -> Iterator[Markup]:
    """From the likely NPV to that at either end of the range; the low end is hollow."""
    for end, kind in (("npv_low_usd", "low"), ("npv_high_usd", "high")):
        left, right = sorted((middle, bar[end]))
        width = 100 * (right - left) / (shared.high - shared.low)
        yield Markup('<rect class="swing {}" x="{}" y="25%" width="{:.2f}%" height="50%"/>').format(
            kind, shared.at(left), width
        )


def _axis(shared: Scale) -> Markup:
    labels = Markup("").join(
        Markup('<text x="{}" y="14" class="mid">{}</text>').format(shared.at(tick), _usd(tick)) for tick in shared.ticks
    )
    return Markup('<svg class="axis" aria-hidden="true" width="100%" height="20">{}</svg>').format(labels)


def _usd(value: float) -> str:
    """Short: ``$20k``, ``−$1.5M``."""
    size = abs(value)
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if size >= unit:
            return f"{MINUS if value < 0 else ''}${size / unit:.3g}{letter}"
    return money(value).removesuffix(".00") if size else "$0"
