"""Drift as one HTML file that needs no network and no script: a chart over time, the rounds as a table, what was shown.

    Path("drift.html").write_text(to_html(found), encoding="utf-8")

Looks and escapes as the report does (``harness.report.html``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup

from harness.plural import plural
from harness.report.charts import Scale, scale
from harness.report.html import FOLDER, PALETTE, environment, sha
from harness.report.numbers import points
from harness.stats import Interval
from harness.visible import visible
from harness.watch.drift import Drift, Told
from harness.watch.said import HEADS, cells, headline, sentences, when

TEMPLATE = Path(__file__).parent / "page.html.j2"
STYLE = Path(__file__).parent / "style.css"
HEIGHT = 220
LABELS = 5
"""Dates under the chart, at most: they fit 390 px."""


def to_html(found: Sequence[Drift]) -> str:
    """The page; the same values give the same bytes."""
    style = "".join(path.read_text("utf-8") for path in (PALETTE, FOLDER / "style.css", STYLE))
    page = environment().from_string(TEMPLATE.read_text("utf-8"))
    return page.render(
        found=found,
        style=Markup(style),
        policy=f"default-src 'none'; style-src '{sha(style)}'; base-uri 'none'; form-action 'none'",
        headline=answer(found),
        heads=HEADS,
        cells=cells,
        title=headline,
        sentences=lambda one: map(marked, sentences(one)),
        chart=chart,
    )


def answer(found: Sequence[Drift]) -> str:
    """The answer over all that is watched, in one sentence."""
    drifted = [one.named for one in found if one.alarm]
    if not drifted:
        return f"No drift is shown in {plural(len(found), 'contender')}."
    return f"Drift is shown in {len(drifted)} of {plural(len(found), 'contender')}: {', '.join(drifted)}."


def marked(sentence: str) -> Markup:
    """Commands between backticks as code; all else escaped."""
    parts = visible(sentence).split("`")
    kinds = [Markup("{}"), Markup("<code>{}</code>")]
    return Markup("").join(kinds[place % 2].format(part) for place, part in enumerate(parts))


def chart(one: Drift) -> Markup:
    """Each round's paired difference from round 0 with its interval, by time; dashed where the vendor's model id became another,
    shaded where the change lies.
    """
    shared = scale([0.0, *(v for told in one.rounds if (d := told.difference) for v in (d.lower, d.upper, d.estimate))])
    at = _across(one.rounds)
    parts = [*_reach(one, at), *_grid(shared), *_renamed(one, at)]
    parts += [_mark(told, x, shared) for told, x in zip(one.rounds, at, strict=True)]
    said = f"{one.named}: difference from round 0 in points, by round: " + ", ".join(
        f"{told.number} {points(told.difference.estimate, sign=True)}" for told in one.rounds if told.difference
    )
    drawn = Markup("").join([*parts, *_dates(one.rounds, at)])
    return Markup('<svg class="drift {}" role="img" aria-label="{}" width="100%" height="{}">{}</svg>').format(
        "invalid" if one.alarm else "prompt", visible(said), HEIGHT + 26, drawn
    )


def _across(rounds: Sequence[Told]) -> list[float]:
    """Places in per cent of the width, by time where every round's is known and they differ, else evenly."""
    times = [told.asked.timestamp() for told in rounds if told.asked]
    first, span = (times[0], times[-1] - times[0]) if times else (0.0, 0.0)
    ordered = all(a < b for a, b in pairwise(times))
    if len(times) < len(rounds) or span <= 0 or not ordered:
        last = max(1, len(rounds) - 1)
        return [_inside(i / last) for i in range(len(rounds))]
    return [_inside((time - first) / span) for time in times]


def _inside(share: float) -> float:
    """Room for the numbers at the left."""
    return 9 + 88 * share


def _down(shared: Scale, value: float) -> float:
    share = (min(max(value, shared.low), shared.high) - shared.low) / (shared.high - shared.low)
    return round(HEIGHT * (1 - share), 1)


def _grid(shared: Scale) -> Iterator[Markup]:
    for tick in shared.ticks:
        y = _down(shared, tick)
        yield Markup('<line class="{}" x1="6%" x2="100%" y1="{}" y2="{}"/>').format("tick" if tick else "zero", y, y)
        yield Markup('<text class="first" x="0" y="{}">{}</text>').format(y + 4, points(tick, 0, sign=True))


def _reach(one: Drift, at: Sequence[float]) -> Iterator[Markup]:
    if one.alarm and one.change:
        left, right = at[one.change.earliest - 1], at[one.change.latest]
        yield Markup('<rect class="limit" x="{:.2f}%" y="0" width="{:.2f}%" height="{}"/>').format(
            left, max(0.6, right - left), HEIGHT
        )


def _renamed(one: Drift, at: Sequence[float]) -> Iterator[Markup]:
    for told, x in zip(one.rounds, at, strict=True):
        if told.renamed:
            yield Markup('<line class="edge" x1="{:.2f}%" x2="{:.2f}%" y1="0" y2="{}"/>').format(x, x, HEIGHT)


def _mark(told: Told, x: float, shared: Scale) -> Markup:
    found: Interval | None = told.difference
    if found is None:  # round 0 is what others are compared with
        y = _down(shared, 0.0)
        return Markup('<circle class="seed" cx="{:.2f}%" cy="{}" r="4"/>').format(x, y)
    low, high, y = (_down(shared, value) for value in (found.lower, found.upper, found.estimate))
    bar = Markup('<line class="bar" x1="{:.2f}%" x2="{:.2f}%" y1="{}" y2="{}"/>').format(x, x, low, high)
    return bar + Markup('<circle class="dot" cx="{:.2f}%" cy="{}" r="5"/>').format(x, y)


def _dates(rounds: Sequence[Told], at: Sequence[float]) -> Iterator[Markup]:
    """Of some rounds, no two over one another."""
    room, last = 88 / LABELS, -100.0
    for told, x in zip(rounds, at, strict=True):
        if x - last >= room or told is rounds[0]:
            last = x
            kind = "last" if x > 90 else "mid"
            label = when(told)[5:10] if told.asked else f"round {told.number}"
            yield Markup('<text class="{}" x="{:.2f}%" y="{}">{}</text>').format(kind, x, HEIGHT + 18, label)
