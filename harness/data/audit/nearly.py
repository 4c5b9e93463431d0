"""What is said of rows that ask nearly the same (``twins``): near duplicates and near contradictions of a file, and what stands in two
files, or in two splits.

within(matches, rows, 600, limits)                  # of one file
across(matches, places)                             # between files and splits
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.data.audit.entry import Entry
from harness.data.audit.finding import Finding, First, Pair, Side, line, share
from harness.data.audit.repeats import Judged, judged
from harness.data.audit.twins import Match
from harness.data.limits import Limits
from harness.plural import plural


@dataclass(frozen=True, slots=True)
class Place:
    """A file, or a split of a file of cases. ``asked`` says that models are examined on it."""

    number: int
    file: int
    name: str
    asked: bool


def within(
    matches: Iterable[Match], rows: Mapping[str, Entry], limits: Limits, *, count: int, bare: int, labels: bool
) -> Iterator[Finding]:
    """Near duplicates and near contradictions of a file.

    Args:
        matches: Rows that ask nearly the same.
        rows: Those rows, by where they stand.
        limits: What is allowed.
        count: How many rows the file has.
        bare: How many of its questions are a template with hardly anything of their own.
        labels: Whether answers are labels.
    """
    found: dict[Judged, First[Pair]] = {"duplicate": First(), "contradiction": First()}
    told: set[tuple[Judged, str]] = set()
    for match in matches:
        judgement = judged(rows[match.first], rows[match.second], limits.similarity, labels=labels)
        if judgement is not None and (judgement, match.second) not in told:
            told.add((judgement, match.second))
            found[judgement].add(_pair(match))
    said = f"say nearly what another says, at a similarity of {limits.similarity:g} or more"
    yield from share(limits, "near_duplicates", found["duplicate"], count, said)
    if bare:
        said = f"{bare:,} different questions differ from the others in a word or a number: near copies are not looked for among them"
        yield Finding("note", "one template", said)
    against = found["contradiction"]
    if against.count:
        said = f"{against.count:,} of {plural(count, 'row')} ask nearly what another asks, and answer otherwise: read them side by side"
        yield Finding("warn", "near contradictions", said, line(limits, "similarity"), pairs=against.kept)


def across(matches: Iterable[Match], places: Sequence[Place]) -> list[Finding]:
    """Rows of one place that ask what is asked in another, by pairs of places. Where a model is examined this is a warning."""
    found: dict[tuple[int, int], dict[str, Match]] = defaultdict(dict)
    for match in matches:
        if match.part != match.other:
            known = found[min(match.part, match.other), max(match.part, match.other)]
            own = match.second if match.other > match.part else match.first
            if own not in known or known[own].similarity < match.similarity:
                known[own] = match
    return [_between(places[one], places[other], list(known.values())) for (one, other), known in sorted(found.items())]


def _between(one: Place, other: Place, matches: Sequence[Match]) -> Finding:
    same = sum(match.similarity == 1 for match in matches)
    told = (
        f"{plural(len(matches), 'row')} of {other.name} with a question of {one.name}, {same:,} of them word for word"
    )
    if not (one.asked or other.asked):
        return Finding("note", "in two files", told, pairs=_most(matches))
    why = (
        "a question in dev and in test is examined on what was chosen by"
        if one.asked and other.asked
        else "`harness data leaks` says which of them count as seen"
    )
    return Finding("warn", "in two files", f"{told}: {why}", pairs=_most(matches))


def _most(matches: Sequence[Match]) -> tuple[Pair, ...]:
    """The first, those that are most alike before others."""
    first = First[Pair]()
    for match in sorted(matches, key=lambda match: -match.similarity):
        first.add(_pair(match))
    return first.kept


def _pair(match: Match) -> Pair:
    return Pair(Side(match.first), Side(match.second), match.similarity)
