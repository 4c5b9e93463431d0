"""Which of some new rows say nothing new: what is asked stands in a case, in the training data, or in another of them.

    left = stale([Row("new:1", ("Where is my parcel?",))], known=rows, cases=cases)
    left[0].why                                  # 'asks what a case asks'

New rows are held against cases both ways round: one that lies within a case's text, and a case that lies within a row. Word for
word, and edited a little, as ``harness.data.overlaps`` tells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.data.leakage import Row, overlaps
from harness.data.words import plain
from harness.suite import Case

CASE, KNOWN, ANOTHER = "asks what a case asks", "is in the training data", "asks what another one asks"
GIVES_AWAY = "says what a case asks"


@dataclass(frozen=True, slots=True)
class Stale:
    """Why a row is not new, and what it repeats."""

    why: str
    where: str


def stale(new: Sequence[Row], *, known: Iterable[Row], cases: Sequence[Case]) -> dict[int, Stale]:
    """The rows that are not new, by their number; of rows that are like each other one is."""
    asked = ["\n".join(row.asked) for row in new]
    theirs = [Row(f"case {case.id}", (case.input,)) for case in cases]
    old = [Row(row.where, row.asked) for row in known]
    found = _same(asked, theirs, CASE) | _same(asked, old, KNOWN)
    for rows, why in ((theirs, CASE), (old, KNOWN)):
        for number, where in _near(asked, rows, found):
            found[number] = Stale(why, where)
    found |= giving_away(new, cases, found)
    return found | _alike(new, asked, found)


def giving_away(new: Sequence[Row], cases: Sequence[Case], left: Iterable[int] = ()) -> dict[int, Stale]:
    """The rows in whose questions or answers a case is found; a case is found in one row at a time, so they are looked through
    until none is found.
    """
    kept, found = {str(i): row for i, row in enumerate(new) if i not in set(left)}, dict[int, Stale]()
    while kept and cases:
        rows = [Row(name, row.asked, row.answers) for name, row in kept.items()]
        gone = {match.where: case for case, match in overlaps(cases, rows).items()}
        if not gone:
            break
        for name, case in gone.items():
            why = CASE if plain("\n".join(kept[name].asked)) == plain(_input(cases, case)) else GIVES_AWAY
            found[int(name)] = Stale(why, f"case {case}")
            del kept[name]
    return found


def _input(cases: Sequence[Case], name: str) -> str:
    return next(case.input for case in cases if case.id == name)


def _same(asked: Sequence[str], rows: Sequence[Row], why: str) -> dict[int, Stale]:
    """Those that a row asks in the same words."""
    where = {plain("\n".join(row.asked)): row.where for row in reversed(rows)}
    return {i: Stale(why, where[key]) for i, text in enumerate(asked) if (key := plain(text)) in where}


def _near(asked: Sequence[str], rows: Sequence[Row], left: Iterable[int]) -> list[tuple[int, str]]:
    """(number, where) of those that a row asks too. All of them tell what a template is; those left out are not looked at."""
    gone = set(left)
    found = overlaps([Case(str(i), text, "") for i, text in enumerate(asked)], rows) if rows else {}
    return [(int(name), match.where) for name, match in found.items() if int(name) not in gone]


def _alike(new: Sequence[Row], asked: Sequence[str], left: Iterable[int]) -> dict[int, Stale]:
    """Those that another of them asks too. Two numbers differ in some bit: the rows without it are held against those with it,
    bit after bit, and so every row against every other.
    """
    gone, found, first = set(left), dict[int, Stale](), dict[str, int]()
    for i, text in enumerate(asked):
        if i not in gone and (other := first.setdefault(plain(text), i)) != i:
            found[i] = Stale(ANOTHER, new[other].where)
    for bit in range(len(asked).bit_length()):
        kept = [i for i in range(len(asked)) if i not in gone and i not in found]
        rows = [Row(new[i].where, (asked[i],)) for i in kept if not i >> bit & 1]
        under_test = {i for i in kept if i >> bit & 1}
        near = _near(asked, rows, set(range(len(asked))) - under_test) if under_test else []
        found |= {i: Stale(ANOTHER, where) for i, where in near}
    return found
