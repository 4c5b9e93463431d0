"""Charts as static inline SVG that needs no script: x in per cent of the width, so that text keeps its size on a phone.

    rows, axis = ladder(suite.ladder)
    <div class="row"><b>sft</b><svg class="plot" role="img" aria-label="sft: 84 …">…</svg>84 (80 to 88)</div>

A chart of contenders is a list of rows; each row draws its own strip of the plot, name and numbers are ordinary text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, log2

from markupsafe import Markup

from harness.plural import plural
from harness.report.gathered import Curve, Difference, Drop, Learning, Lost, Rung, Span, Suite
from harness.report.numbers import decimals, ends, gain, points, score
from harness.visible import visible

HEIGHT = 30
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
TICKS = 6
STATES = {"shown": "shown", "refuted": "ruled out", "open": "not shown", "holds": "holds", "broken": "broken"}


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from low to high over the whole width; ``ticks`` are labelled."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> str:
        """The place of a value, clamped to the plot: ``34.2%``."""
        share = (value - self.low) / (self.high - self.low) if isfinite(value) else (1.0 if value > 0 else 0.0)
        return f"{100 * min(1.0, max(0.0, share)):.2f}%"


@dataclass(frozen=True, slots=True)
class Row:
    """One strip: name and note before it, numbers after it."""

    name: str
    note: str
    layer: str
    svg: Markup
    value: str
    interval: str
    state: str = ""
    strong: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One small line chart; ``left`` labels the low and the high end of its height."""

    title: str
    svg: Markup
    left: tuple[str, str]
    legend: tuple[tuple[str, str], ...] = ()


def scale(values: Iterable[float], *, low: float | None = None, high: float | None = None) -> Scale:
    """A scale around the finite values with round ticks; ``low`` and ``high`` are never passed."""
    finite = [value for value in values if isfinite(value)] or [0.0, 1.0]
    least, most = min(finite), max(finite)
    step = next((step for step in STEPS if (most - least) / step <= TICKS - 1), 0.5)
    first, last = _floor(least / step) * step, -_floor(-most / step) * step
    first = first if low is None else max(first, low)
    last = last if high is None else min(last, high)
    last = last if last > first else first + step
    count = round((last - first) / step)
    ticks = tuple(round(first + i * step, 6) for i in range(count + 1))
    room = 0.025 * (last - first)
    return Scale(first - room, last + room, ticks)


def _floor(value: float) -> int:
    whole = int(value // 1)
    return whole + 1 if value - whole > 1 - 1e-9 else whole


def ladder(rungs: Sequence[Rung]) -> tuple[list[Row], Markup]:
    """Every contender's mean with its interval and its trainings, and the axis."""
    values = [
        v for rung in rungs for v in (rung.span.lower, rung.span.upper, rung.span.estimate, *dict(rung.seeds).values())
    ]
    shared = scale(values, low=0.0, high=1.0)
    return [_rung(rung, shared) for rung in rungs], axis(shared)


def _rung(rung: Rung, shared: Scale) -> Row:
    digits = decimals(rung.span)
    said = f"{rung.contender}: {score(rung.span)}"
    if rung.seeds:
        said += "; single trainings " + ", ".join(points(mean, digits) for _, mean in rung.seeds)
    seeds = Markup("").join(_circle(shared, mean, 2.5, "seed", at="80%") for _, mean in rung.seeds)
    drawn = strip(
        said, rung.layer, grid(shared), _bar(shared, rung.span), seeds, _circle(shared, rung.span.estimate, 5, "dot")
    )
    note = f"{rung.missing} not measured" if rung.missing else ""
    value = points(rung.span.estimate, digits)
    return Row(rung.contender, note, rung.layer, drawn, value, ends(rung.span), strong=rung.finalist, group=rung.layer)


def forest(differences: Sequence[Difference], *, floor: float | None, layer: str = "tuned") -> tuple[list[Row], Markup]:
    """Paired differences with the zero line and, where there is one, what a gain must exceed."""
    marks = [0.0] if floor is None else [0.0, floor]
    shared = scale([*marks, *(v for one in differences for v in (one.span.lower, one.span.upper, one.span.estimate))])
    return [_difference(one, shared, floor, layer) for one in differences], axis(shared, sign=True, floor=floor)


def _difference(one: Difference, shared: Scale, floor: float | None, layer: str) -> Row:
    said = f"{one.ours} minus {one.theirs}: {gain(one.span)} points, {plural(one.n, 'case')}"
    state = STATES[one.state] if floor is not None else ""
    parts = [grid(shared), _zero(shared), _bar(shared, one.span), _circle(shared, one.span.estimate, 5, "dot")]
    if floor is not None:
        parts[:0] = [_worth(shared, floor)]
        said += f", {state} to be more than {points(floor)}"
    value = points(one.span.estimate, decimals(one.span), sign=True)
    return Row(one.theirs, one.ours, layer, strip(said, layer, *parts), value, ends(one.span), state)


def drops(found: Sequence[Drop]) -> tuple[list[Row], Markup]:
    """What guards lost, against the limit."""
    limits = [1.2 * drop.limit for drop in found]  # room for the part that is not tolerable
    shared = scale([0.0, *limits, *(v for d in found for v in (d.span.lower, d.span.upper, d.span.estimate))])
    return [_drop(drop, shared) for drop in found], axis(shared, sign=True)


def _drop(drop: Drop, shared: Scale) -> Row:
    said = f"{drop.contender} on {drop.guard}: a drop of {gain(drop.span)} points, limit {points(drop.limit)}, {STATES[drop.state]}"
    worth = Markup('<rect class="limit" x="{}" y="0" width="100%" height="100%"/>').format(shared.at(drop.limit))
    edge = line(shared, drop.limit, "edge")
    dot = _circle(shared, drop.span.estimate, 5, "dot")
    drawn = strip(said, "tuned", worth, grid(shared), edge, _zero(shared), _bar(shared, drop.span), dot)
    value = points(drop.span.estimate, decimals(drop.span), sign=True)
    return Row(drop.contender, "", "tuned", drawn, value, ends(drop.span), STATES[drop.state])


def merges(found: Sequence[Lost]) -> tuple[list[Row], Markup]:
    """What a merged adapter lost beside each of its parts, each strip against its own limit."""
    as_drops = [Drop(one.suite, one.suite, one.part, one.span, one.limit, one.n, one.state) for one in found]
    strips, scale = drops(as_drops)
    return [replace(row, note=f"on {one.suite}") for row, one in zip(strips, found, strict=True)], scale


def sparks(suites: Sequence[Suite]) -> list[Markup | None]:
    """Each suite's gain as a small strip for the summary, all to one scale."""
    spans = [suite.hardest.span for suite in suites if suite.hardest]
    shared = scale([0.0, *(s.floor for s in suites), *(v for s in spans for v in (s.lower, s.upper, s.estimate))])
    return [
        _spark(s.hardest, s.floor, s.answer.tone if s.answer else "open", shared) if s.hardest else None for s in suites
    ]


def _spark(one: Difference, floor: float, tone: str, shared: Scale) -> Markup:
    said = f"gain of {one.ours} over {one.theirs}: {gain(one.span)} points, asked is more than {points(floor)}"
    parts = (_worth(shared, floor), _zero(shared), _bar(shared, one.span), _circle(shared, one.span.estimate, 5, "dot"))
    return strip(said, tone, *parts)


def axis(shared: Scale, *, sign: bool = False, floor: float | None = None) -> Markup:
    """The labels under the rows."""
    last = len(shared.ticks) - 1
    labels = Markup("").join(
        Markup('<text x="{}" y="14" class="{}">{}</text>').format(
            shared.at(tick), "first" if i == 0 else "last" if i == last else "mid", points(tick, 0, sign=sign)
        )
        for i, tick in enumerate(shared.ticks)
    )
    return Markup('<svg class="axis" aria-hidden="true" width="100%" height="20">{}</svg>').format(labels)


def losses(curves: Sequence[Curve]) -> list[Panel]:
    """One panel a recipe, one line a training seed."""
    recipes = dict.fromkeys(curve.recipe for curve in curves)
    return [_losses(recipe, [c for c in curves if c.recipe == recipe and c.points]) for recipe in recipes]


def _losses(recipe: str, curves: Sequence[Curve]) -> Panel:
    steps = max((curve.points[-1][0] for curve in curves), default=1) or 1
    most = max((loss for curve in curves for _, loss in curve.points if isfinite(loss)), default=1.0) or 1.0
    lines = [
        ([(step / steps, loss / most) for step, loss in c.points if isfinite(loss)], f"seed-{i % 5}")
        for i, c in enumerate(curves)
    ]
    final = ", ".join(f"{curve.points[-1][1]:.3g}" for curve in curves)
    said = f"training loss of {recipe}: {plural(len(curves), 'training')}, {plural(steps, 'step')}, at the end {final}"
    svg = _lines(said, "tuned", lines, below=[("0", 0.0), (plural(steps, "step"), 1.0)])
    return Panel(
        recipe,
        svg,
        ("0", f"{most:.2g}"),
        tuple((f"seed {curve.seed}", f"seed-{i % 5}") for i, curve in enumerate(curves)),
    )


def learning(found: Learning) -> Panel:
    """Mean by share of the training data, the share on a logarithmic axis: equal steps are doublings. Where the curve is carried
    on, its line goes to twice the data, with the interval there.
    """
    shares = [share for share, _ in found.points]
    last, means = max([*shares, *(share for share, _ in found.fitted)]), [mean for _, mean in found.points]
    ends = _doubled(found)
    axis_y = scale([*means, *(mean for _, mean in found.fitted), *ends], low=0.0, high=1.0)
    low, high = axis_y.ticks[0], axis_y.ticks[-1]
    span = log2(last / min(shares)) or 1.0

    def place(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(log2(share / min(shares)) / span, (mean - low) / (high - low)) for share, mean in points]

    at = place(found.points)
    said = f"{found.contender} by share of training data: " + ", ".join(
        f"{100 * share:.3g} % {points(mean)}" for share, mean in found.points
    )
    if ends:
        said += f"; twice the data, by the curve, {points(ends[0])} to {points(ends[1])}"
    lines = [(at, "seed-0")]
    if ends:
        within, beyond = [p for p in found.fitted if p[0] <= 1], [p for p in found.fitted if p[0] >= 1]
        bar = [(last, end) for end in ends]
        lines = [(place(within), "fitted"), (place(beyond), "beyond"), (place(bar), "reach")]
    marked = [*shares, last] if ends else shares
    below = [(f"{100 * share:.3g} %", x) for share, (x, _) in zip(marked, place((s, low) for s in marked), strict=True)]
    drawn = _lines(said, "tuned", lines, below=below, dots=at)
    return Panel(found.contender, drawn, (points(low, 0), points(high, 0)))


def _doubled(found: Learning) -> tuple[float, ...]:
    """Where the mean would lie with twice the data: the fitted mean of all of it and the ends of the gain."""
    if found.doubled is None:
        return ()
    whole = min(found.fitted, key=lambda point: abs(log2(point[0])))[1] if found.fitted else found.points[-1][1]
    return tuple(min(1.0, max(0.0, whole + end)) for end in (found.doubled.lower, found.doubled.upper))


def _lines(
    said: str,
    layer: str,
    lines: Sequence[tuple[Sequence[tuple[float, float]], str]],
    *,
    below: Sequence[tuple[str, float]],
    dots: Sequence[tuple[float, float]] = (),
) -> Markup:
    """Lines in the unit square; the inner svg stretches, its strokes and the outer text do not."""
    drawn = Markup("").join(
        Markup('<polyline class="{}" points="{}"/>').format(
            kind, " ".join(f"{100 * x:.1f},{100 - 100 * y:.1f}" for x, y in at)
        )
        for at, kind in lines
    )
    x_labels = Markup("").join(
        Markup('<text x="{:.1f}%" y="168" class="{}">{}</text>').format(
            100 * x, "first" if x < 0.05 else "last" if x > 0.95 else "mid", label
        )
        for label, x in below
    )
    marks = Markup("").join(
        Markup('<circle class="dot" cx="{:.2f}%" cy="{:.1f}" r="4"/>').format(100 * x, 2 + 150 * (1 - y))
        for x, y in dots
    )
    return Markup(
        '<svg class="lines {}" role="img" aria-label="{}" width="100%" height="174">'
        '<line class="tick" x1="0" x2="100%" y1="0.5" y2="0.5"/><line class="tick" x1="0" x2="100%" y1="153.5" y2="153.5"/>'
        '<svg y="2" height="150" width="100%" viewBox="0 0 100 100" preserveAspectRatio="none">{}</svg>{}{}</svg>'
    ).format(layer, visible(said), drawn, marks, x_labels)


def strip(said: str, layer: str, *parts: Markup) -> Markup:
    """A row's plot, and what it says to who cannot see it."""
    whole = Markup("").join(parts)
    return Markup('<svg class="plot {}" role="img" aria-label="{}" width="100%" height="{}">{}</svg>').format(
        layer, visible(said), HEIGHT, whole
    )


def grid(shared: Scale) -> Markup:
    """An upright line at every tick."""
    return Markup("").join(line(shared, tick, "tick") for tick in shared.ticks)


def _zero(shared: Scale) -> Markup:
    return line(shared, 0.0, "zero")


def _worth(shared: Scale, floor: float) -> Markup:
    """The part of the plot where a gain is worth having, and its edge."""
    area = Markup('<rect class="worth" x="{}" y="0" width="100%" height="100%"/>').format(shared.at(floor))
    return area + line(shared, floor, "edge")


def line(shared: Scale, value: float, kind: str) -> Markup:
    """An upright line at a value."""
    at = shared.at(value)
    return Markup('<line class="{}" x1="{}" x2="{}" y1="0" y2="100%"/>').format(kind, at, at)


def _bar(shared: Scale, span: Span) -> Markup:
    kind = "bar" if span.known else "bar unknown"
    left, right = shared.at(span.lower), shared.at(span.upper)
    return Markup('<line class="{}" x1="{}" x2="{}" y1="50%" y2="50%"/>').format(kind, left, right)


def _circle(shared: Scale, value: float, radius: float, kind: str, *, at: str = "50%") -> Markup:
    return Markup('<circle class="{}" cx="{}" cy="{}" r="{}"/>').format(kind, shared.at(value), at, radius)
