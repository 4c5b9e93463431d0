"""How long questions and answers are, which are far shorter or longer than the rest, and which are empty or
broken.

The shortest are easy cases or fragments, the longest are edge cases or several rows in one: Tukey's outer fences (three times the
distance of the quartiles beyond them) on log2 of 1 + characters, as lengths are skewed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

import numpy as np

from harness.data.audit.entry import Entry, halved
from harness.data.audit.finding import SHOWN, Finding, First

FENCE = 3.0
"""Tukey 1977: beyond 1.5 is outside, beyond 3 far out."""
LEAST = 20
"""Rows under which quartiles say little."""


class Sizes:
    """Lengths in characters; a number for each row is kept, and where it stands."""

    def __init__(self) -> None:
        self._wheres: list[str] = []
        self._lengths = {"question": array("q"), "answer": array("q")}
        self._empty, self._halved = First[str](), First[str]()

    def add(self, entry: Entry) -> None:
        self._wheres.append(entry.where)
        self._lengths["question"].append(len(entry.asked))
        self._lengths["answer"].append(len(entry.answer))
        if not entry.asked.strip() or not all(answer.strip() for answer in entry.answers):
            self._empty.add(entry.where)
        if any(map(halved, entry.texts())):
            self._halved.add(entry.where)

    def findings(self) -> Iterator[Finding]:
        if not self._wheres:
            return
        if self._empty.count:
            told = (
                f"{self._empty.count:,} of {len(self._wheres):,} rows have nothing on one side: training refuses them"
            )
            yield Finding("fail", "empty", told, None, self._empty.kept)
        if self._halved.count:
            told = f"{self._halved.count:,} of {len(self._wheres):,} rows hold half a surrogate pair, which no tokenizer takes"
            yield Finding("fail", "broken characters", told, None, self._halved.kept)
        yield Finding("note", "characters", ", ".join(_usual(name, lengths) for name, lengths in self._lengths.items()))
        for name, lengths in self._lengths.items():
            yield from self._edges(name, lengths)

    def _edges(self, name: str, lengths: array[int]) -> Iterator[Finding]:
        if len(lengths) < LEAST:
            return
        sizes = np.log2(1.0 + np.frombuffer(lengths, dtype=np.int64))
        low, high = np.percentile(sizes, (25, 75))
        reach = FENCE * max(high - low, 0.1)  # labels are all about as long
        short, long = np.flatnonzero(sizes < low - reach), np.flatnonzero(sizes > high + reach)
        if len(short) or len(long):
            order = [*short[np.argsort(sizes[short])], *long[np.argsort(-sizes[long])]]
            told = f"{len(short):,} far shorter than the rest, {len(long):,} far longer: read them"
            places = (f"{self._wheres[row]}: {lengths[row]:,} characters" for row in order)
            yield Finding("note", f"edge {name}s", told, None, tuple(places)[:SHOWN])


def _usual(name: str, lengths: array[int]) -> str:
    middle, most = (int(np.percentile(lengths, part)) for part in (50, 99))
    return f"{name} {middle:,} (99% within {most:,})"
