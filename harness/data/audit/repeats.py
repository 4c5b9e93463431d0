"""Rows that say the same again, or the opposite: exactly, as they are read, or nearly, once they were found (``twins``).

>>> judged(one, other)                       # 'Where is my box?' answered 'late', 'Where is my boxes?' answered 'broken'
'contradiction'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from harness.data.audit.entry import Entry, digest
from harness.data.audit.finding import Finding, First, Pair, Side, share
from harness.data.audit.runs import alike
from harness.data.limits import Limits
from harness.data.words import plain, words

Judged = Literal["duplicate", "contradiction"]
PROSE = 8
"""Words of an answer that may be told in other words."""
_NAME = re.compile(r"(?<=[\w,;:] )[A-Z\u00c0-\u00de][\w'’-]*")


class Repeats:
    """Exact duplicates and contradictions within a file; of each row a digest is kept."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rows = 0
        self._seen: dict[bytes, str] = {}
        self._answered: dict[bytes, tuple[str, bytes]] = {}
        self._twice, self._against = First[Pair](), First[Pair]()

    def add(self, entry: Entry) -> None:
        self._rows += 1
        asked = plain(entry.asked)
        first = self._seen.setdefault(digest(asked, *entry.answers, str(entry.label)), entry.where)
        if first != entry.where:
            self._twice.add(Pair(Side(first), Side(entry.where)))
        key, answer = _question(entry, asked)
        first, known = self._answered.setdefault(key, (entry.where, answer))
        if known != answer:
            self._against.add(Pair(Side(first), Side(entry.where)))

    def findings(self) -> Iterator[Finding]:
        limits, rows = self._limits, self._rows
        yield from share(limits, "duplicates", self._twice, rows, "say again what another says")
        yield from share(limits, "contradictions", self._against, rows, "answer otherwise what was asked before")


def _question(entry: Entry, asked: str) -> tuple[bytes, bytes]:
    """What has one answer, and which: an input's output, the better of two answers, whether an answer is good."""
    answer = entry.answer.strip()
    if entry.rejected is not None:
        return digest(asked, *sorted((answer, entry.rejected.strip()))), digest(answer)
    if entry.label is not None:
        return digest(asked, answer), digest(str(entry.label))
    return digest(asked), digest(answer)


def judged(first: Entry, second: Entry, line: float, *, labels: bool = False) -> Judged | None:
    """What two rows are that ask nearly the same; None where they may well both stand.

    Where answers are ``labels``, names and numbers do not excuse another one; elsewhere the question may be about them.
    """
    if first.kind != second.kind:
        return None
    if first.rejected is not None and second.rejected is not None:
        if _same(first.answer, second.answer, line) and _same(first.rejected, second.rejected, line):
            return "duplicate"
        swapped = _same(first.answer, second.rejected, line) and _same(first.rejected, second.answer, line)
        return "contradiction" if swapped else None
    same = _same(first.answer, second.answer, line)
    if first.label is not None:
        return None if not same else "duplicate" if first.label == second.label else "contradiction"
    if same:
        return "duplicate"
    return None if not labels and follows(first, second) else "contradiction"


def _same(one: str, other: str, line: float) -> bool:
    """Whether two answers say the same: nearly, where they are prose; a label, a number or JSON with one other sign says something else."""
    if max(len(words(one)), len(words(other))) < PROSE or one.lstrip()[:1] in ("{", "["):
        return plain(one) == plain(other)
    return alike(one, other, line)


def follows(first: Entry, second: Entry) -> bool:
    """Whether two answers may differ as their questions do: these differ in nothing but names and numbers, or the answers in nothing but
    words that each takes from its question.
    """
    ours, theirs = words(first.asked), words(second.asked)
    apart, named = {*ours} ^ {*theirs}, _names(first.asked) | _names(second.asked)
    if apart and all(word in named or any(map(str.isdigit, word)) for word in apart):
        return True
    return [w for w in words(first.answer) if w not in ours] == [w for w in words(second.answer) if w not in theirs]


def _names(text: str) -> set[str]:
    """Words that begin with a capital within a sentence."""
    return {word for found in _NAME.findall(text) for word in words(found)}
