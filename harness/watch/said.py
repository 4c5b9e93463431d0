"""Drift in words: a table for a terminal, what was shown, since when, by how much and what to do; JSON for a program.

triage=zero_shot with openai:gpt-5-mini: 6 rounds after round 0, 200 test cases, json_exact
  round  asked             score                against round 0        unchanged  answered by
  0      2026-11-01 06:00  84.0 (78.2 to 88.5)  –                      –          gpt-5-mini-2026-08-07
  1      2026-11-08 06:00  84.5 (78.7 to 88.9)  +0.5 (−1.4 to 2.4)     97%        gpt-5-mini-2026-08-07
drift: …
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import pairwise
from typing import Any

from harness.figures import finite
from harness.plural import plural
from harness.report.gathered import Span
from harness.report.numbers import MINUS, decimals, ends, gain, points, score
from harness.stats import Interval
from harness.watch.drift import Drift, Stretch, Told

HEADS = ("round", "asked", "score", "against round 0", "unchanged", "answered by")
NONE = "–"
FEW = 8
"""Rounds from which on the place of a change and a trend are worth more than a guess."""


def lines(found: Sequence[Drift]) -> Iterator[str]:
    """For a terminal."""
    for one in found:
        yield headline(one)
        yield from _table(one)
        yield from sentences(one)


def headline(one: Drift) -> str:
    """Whose rounds they are, and how many."""
    rounds = plural(len(one.rounds) - 1, "round")
    what = f"{plural(one.cases, 'test case')} from {plural(one.sources, 'source')}" if one.sources < one.cases else plural(one.cases, "test case")  # fmt: skip
    return f"{one.named} with {one.model}: {rounds} after round 0, {what}, {one.metric}"


def _table(one: Drift) -> Iterator[str]:
    rows = [HEADS, *(cells(told) for told in one.rounds)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def cells(told: Told) -> tuple[str, ...]:
    """A round as a row under ``HEADS``."""
    return (
        str(told.number),
        when(told),
        score(_span(told.level)) if told.level else NONE,
        gain(_span(told.difference)) if told.difference else NONE,
        NONE if told.unchanged is None else f"{told.unchanged:.0%}",
        ", ".join(told.served) or NONE,
    )


def when(told: Told) -> str:
    return NONE if told.asked is None else f"{told.asked:%Y-%m-%d %H:%M}"


def sentences(one: Drift) -> Iterator[str]:
    """What the rounds show, and what to do about it."""
    yield verdict(one)
    if one.alarm and one.change:
        yield reach(one)
        yield f"since: {place(one)}"
    yield from marks(one)
    if one.trend and len(one.rounds) > FEW:
        yield f"trend: {gain(_span(one.trend))} points in 30 days, by a straight line"
    if one.alarm:
        yield f"do: {advice(one)}"
    yield from notes(one)


def verdict(one: Drift) -> str:
    """Whether drift was shown, by how much."""
    last = one.rounds[-1]
    if one.alarm is None:
        if last.difference is None:
            return "no drift can be shown yet: nothing was asked again"
        return f"no drift shown: round {last.number} scores {gain(_span(last.difference))} points against round 0"
    assert one.change is not None
    size = one.change.size
    what = "fell" if size.estimate < 0 else "rose"
    return (
        f"drift: on these cases the score {what} by {_amount(size)} points; shown at round {one.round(one.alarm.round).number} with "
        f"{one.alarm.evidence:,.3g} to 1 where {one.alarm.needed:g} to 1 was asked, so that all rounds together err with {one.alpha:.0%}"
    )


def reach(one: Drift) -> str:
    """Whether it is shown of other cases too."""
    if one.general is None:
        return "in general: not shown for other cases like these, of which these are too few to tell"
    return f"in general: shown for other cases like these, p = {one.general.p:.2g} where at most {one.general.bound:.2g} was asked"


def place(one: Drift) -> str:
    """Where the change lies."""
    assert one.change is not None
    at, first, last = (one.round(n) for n in (one.change.at, one.change.earliest, one.change.latest))
    if first is last:
        return f"round {at.number} ({when(at)}); no other place fits"
    return f"round {at.number} ({when(at)}); it lies from round {first.number} ({when(first)}) to round {last.number} ({when(last)})"


def marks(one: Drift) -> Iterator[str]:
    """Changes of the vendor's model id, and of versions here."""
    for before, after in pairwise(one.stretches):
        gained = f": {gain(_span(after.change))} points against the rounds before" if after.change else ""
        yield f"model id: from round {after.first} on answers come from {_names(after)}, before from {_names(before)}{gained}"
    for told in one.rounds:
        if told.versions:
            yield f"versions: with round {told.number} {', '.join(told.versions)}"


def advice(one: Drift) -> str:
    """What to do where drift was shown."""
    first, last = one.rounds[0].served, one.rounds[-1].served
    if not first:
        return (
            "answers come from a model that runs here: take the versions back that changed, or measure anew in a new store; "
            "the verdict is of round 0"
        )
    anew = " and ".join(f"`harness forget --served {name}`" for name in first)
    pin = f"name {', '.join(first)} as the model if it is still served, or " if first != last else ""
    return f"{pin}measure anew what answers now, {anew}, then `harness run`: the verdict is of round 0"


def notes(one: Drift) -> Iterator[str]:
    """What is not in the numbers."""
    if one.under_way is not None:
        yield f"note: round {one.under_way} is not finished: the next call goes on with it"
    if one.left_out:
        which = ", ".join(map(str, one.left_out))
        yield f"note: left out for too few scores: {'rounds' if len(one.left_out) > 1 else 'round'} {which}"
    if one.former:
        yield (
            f"note: {plural(one.former, 'round')} of another question or another round 0 kept and not compared: cases, prompt, "
            "model or settings were others, or round 0 was measured anew"
        )


def as_dict(found: Sequence[Drift]) -> dict[str, Any]:
    """For a program: target → everything. What is not known is null; rounds are named by their numbers."""
    return {one.named: _dict(one) for one in found}


def _dict(one: Drift) -> dict[str, Any]:
    made = asdict(one)
    numbers = [told.number for told in one.rounds]
    for key, places in (
        ("alarm", ("round",)),
        ("general", ("round", "since")),
        ("change", ("at", "earliest", "latest")),
    ):
        if made[key]:
            made[key] |= {name: numbers[made[key][name]] for name in places}
    made["drift"] = one.alarm is not None
    made["said"] = list(sentences(one))
    return _plain(finite(made))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _names(one: Stretch) -> str:
    return ", ".join(one.served) or "a model without a name"


def _span(one: Interval) -> Span:
    return Span(one.estimate, one.lower, one.upper)


def _amount(size: Interval) -> str:
    """How much, without a sign: ``5.2 (2.1 to 8.3)``."""
    span = _span(size)
    if size.estimate < 0:
        span = Span(-span.estimate, -span.upper, -span.lower)
    return f"{points(span.estimate, decimals(span))} ({ends(span)})".replace("-", MINUS)
