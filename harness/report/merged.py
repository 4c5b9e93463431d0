"""What merged adapters lose beside their parts, as a report's values: one table, parts by tasks.

>>> merged(losses, {"all": ("sft@triage", "sft@extract")}, 0.05)[0].sentence        # doctest: +SKIP
'all, merged from sft@triage and sft@extract, is reverted: sft@extract scores 81.0 on extract, and the merged one loses …'

A merge is reverted on dev, by the estimate; where dev has no rows its losses are claims on test (``harness.verdict.merges``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from harness.report.gathered import Fate, Lost, Merged, Span
from harness.report.numbers import ends, points
from harness.verdict import Loss
from harness.verdict.merges import worst

HEAD = ("merge", "part", "task", "cases", "part scores", "merged scores", "loses (interval)", "limit", "state")
UNKNOWN = "no suite has answers of both, or the part scores nothing that could be lost"
WORDS = {"holds": "holds", "broken": "too much", "open": "not shown"}


def merged(losses: Iterable[Loss], parts: Mapping[str, Sequence[str]], alpha: float) -> tuple[Merged, ...]:
    """Every merge with what it loses on each task of each part; ``parts`` is what each was made of."""
    found: dict[str, list[Loss]] = {name: [] for name in parts}
    for loss in losses:
        found[loss.merge].append(loss)
    return tuple(_merged(name, tuple(parts[name]), some, alpha) for name, some in found.items())


def rows(merges: Iterable[Merged]) -> Iterator[tuple[str, ...]]:
    """The table's lines under ``HEAD``; a merge without any comparison has one of dashes."""
    for one in merges:
        for loss in one.losses:
            yield (one.name, *cells(loss))
        if not one.losses:
            yield (one.name, ", ".join(one.parts), *("–" for _ in HEAD[3:]), one.state)


def cells(loss: Lost) -> tuple[str, ...]:
    """A line without the merge's name."""
    lost = f"{points(loss.span.estimate)} ({ends(loss.span)})"
    scores = points(loss.theirs), points(loss.ours)
    return (loss.part, loss.suite, f"{loss.n} {loss.split}", *scores, lost, points(loss.limit), WORDS[loss.state])


def _merged(name: str, parts: tuple[str, ...], losses: Sequence[Loss], alpha: float) -> Merged:
    lost = tuple(_lost(loss, alpha) for loss in losses)
    state = _state(lost)
    return Merged(name, parts, state, _sentence(name, parts, state, losses, lost), lost)


def _lost(loss: Loss, alpha: float) -> Lost:
    seen = loss.moments.interval(alpha)
    span = Span(seen.estimate, seen.lower, seen.upper)
    state: Literal["holds", "broken", "open"]
    if loss.split == "dev":
        state = "broken" if loss.over else "holds"
    else:
        state = "holds" if span.upper < loss.limit else "broken" if span.lower > loss.limit else "open"
    return Lost(loss.part, loss.suite, loss.split, loss.level, loss.merged, span, loss.limit, seen.n, state)


def _state(lost: Sequence[Lost]) -> Fate:
    """Of the merge as a whole: one task that suffers is enough."""
    if not lost:
        return "not compared"
    if any(one.state == "broken" and one.split == "dev" for one in lost):
        return "reverted"
    states = {one.state for one in lost}
    return "broken" if "broken" in states else "not shown" if "open" in states else "kept"


def _sentence(name: str, parts: Sequence[str], state: Fate, losses: Sequence[Loss], lost: Sequence[Lost]) -> str:
    made = f"{name}, merged from {' and '.join(parts)},"
    absent = [part for part in parts if not any(one.part == part for one in lost)]
    unknown = f" Not compared with {' and '.join(absent)}: {UNKNOWN}." if absent else ""
    if not losses:
        return f"{made} was not compared with its parts: {UNKNOWN}."
    on = [loss for loss in losses if loss.split == "dev"] if state == "reverted" else losses
    most = worst(on)
    said = f"{most.part} scores {points(most.level)} on {most.suite}, and the merged one loses {100 * most.share:.1f} % of that"
    allowed = f"the {100 * most.max_loss:g} % allowed"
    whole: dict[Fate, str] = {
        "reverted": f"{made} is reverted: {said}, over {allowed}: {most.remedy}.",
        "broken": f"{made} does not hold: {said}, shown to be over {allowed}: {most.remedy}.",
        "not shown": f"{made} is not shown to hold: at worst, {said}, which may be over {allowed}: give it more test cases or dev cases.",
        "kept": f"{made} stands in their place: at worst, {said}, within {allowed}.",
    }
    return whole[state] + unknown
