"""Runs of one to three words of the cases, and where the rows have them: an inverted index in numpy.

    grams = grams_of(cases, rows, most=500)          # two ``Texts``
    grams[2].in_rows[g]                              # in how many rows the case's three words stand that have the number g
    grams[2].holders[grams[2].first[g]]              # the first of them, where they are at most ``most``

Only what stands in a case is kept, so the index is as large as the cases, whatever the rows: these are gone through some at a
time, and a run that stands in too many of them to tell anything has a count and no list. A text begins with the mark
``START``, which takes part in runs as a word before the first; a row may hold several, one for each message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
START, UNKNOWN, NONE = 0, -1, -1
ORDERS = 3
AT_ONCE = 1 << 21
"""Words of rows that are looked at together: what they take meanwhile stays near 200 MB."""


@dataclass(frozen=True)
class Texts:
    """Texts as one array of word numbers; text ``i`` is ``flat[starts[i]:starts[i + 1]]``."""

    flat: NDArray[np.int32]
    starts: Ints

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def owner(self) -> Ints:
        """The text that each word belongs to."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def owners(self, places: Ints) -> Ints:
        """The texts that the words at these places belong to."""
        return np.searchsorted(self.starts, places, side="right") - 1

    def words(self, text: int) -> NDArray[np.int32]:
        return self.flat[self.starts[text] : self.starts[text + 1]]

    def portions(self) -> Iterator[tuple[int, Texts]]:
        """(number of the first, texts), some at a time."""
        bounds = np.unique(self.owners(np.arange(0, len(self.flat), AT_ONCE)))
        for first, last in pairwise([*bounds.tolist(), len(self)]):
            begin, end = self.starts[first], self.starts[last]
            yield first, Texts(self.flat[begin:end], self.starts[first : last + 1] - begin)


@dataclass(frozen=True)
class Grams:
    """The runs of one length, numbered.

    Attributes:
        known: The sorted keys of the runs: the number of the run without its last word, and that word, in one number.
        cases: The number of the run that ends at each word of the cases, or ``NONE``.
        in_cases: In how many cases each run stands.
        in_rows: In how many rows.
        holders: The rows that hold run 0, then those that hold run 1, …; none of a run that stands in too many.
        first: Where those of each run begin in ``holders``.
        prefix: The number of the run without its last word, in the next shorter length.
    """

    known: Ints
    cases: Ints
    in_cases: Ints
    in_rows: Ints
    holders: NDArray[np.int32]
    first: Ints
    prefix: Ints

    def numbers(self, keys: Ints) -> Ints:
        """The number of the run that each key stands for, or ``NONE``."""
        found = np.full(len(keys), NONE, dtype=np.int64)
        if len(self.known):
            order = np.argsort(
                keys
            )  # looked up in order, keys find their neighbours in the cache: a fourth of the time
            wanted = keys[order]
            places = np.minimum(np.searchsorted(self.known, wanted), len(self.known) - 1)
            there = self.known[places] == wanted
            found[order[there]] = places[there]
        return found


def texts_of(encoded: Iterable[bytes]) -> Texts:
    """Texts from the bytes of their word numbers (int32)."""
    flat, lengths = bytearray(), []
    for part in encoded:
        flat += part
        lengths.append(len(part) // 4)
    return Texts(np.frombuffer(flat, dtype=np.int32), offsets(np.array(lengths, dtype=np.int64)))


def offsets(counts: Ints) -> Ints:
    """Where each of several stretches begins when they lie one after the other, and where the last ends."""
    return np.append(0, np.cumsum(counts)).astype(np.int64)


def distinct(numbers: Ints) -> Ints:
    """Each once, in order. ``np.unique`` hashes since numpy 2.3, which takes ten times as long on millions of integers."""
    ordered = np.sort(numbers)
    new = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]


def size_of(cases: Texts) -> int:
    """One more than the largest number of a word."""
    return int(cases.flat.max(initial=0)) + 1


def grams_of(cases: Texts, rows: Texts, *, most: int) -> list[Grams]:
    """Runs of one word, of two, … up to ``ORDERS``; who holds a run is said of those that stand in at most ``most`` rows."""
    size = size_of(cases)
    found = [_of_cases(cases, np.arange(size), cases.flat.astype(np.int64), np.arange(size))]
    for _ in range(1, ORDERS):
        keys = _keys(found[-1].cases, cases.flat, size)
        known = distinct(keys[keys >= 0])
        found.append(_of_cases(cases, known, keys, known // size))
    held = [_Holders(len(gram.known), most) for gram in found]
    for first, part in rows.portions():
        numbers = part.flat.astype(np.int64)
        held[0].add(part, numbers, first)
        for gram, holders in zip(found[1:], held[1:], strict=True):
            numbers = gram.numbers(_keys(numbers, part.flat, size))
            holders.add(part, numbers, first)
    return [_counted(gram, holders) for gram, holders in zip(found, held, strict=True)]


def _of_cases(cases: Texts, known: Ints, keys: Ints, prefix: Ints) -> Grams:
    none = np.empty(0, dtype=np.int64)
    bare = Grams(known, none, none, none, none.astype(np.int32), none, prefix)
    numbers = bare.numbers(keys)
    pairs = _pairs(cases, numbers)
    return Grams(
        known, numbers, np.bincount(pairs // len(cases), minlength=len(known)), none, bare.holders, none, prefix
    )


def _counted(gram: Grams, held: _Holders) -> Grams:
    holders, first = held.listed()
    return Grams(gram.known, gram.cases, gram.in_cases, held.counts, holders, first, gram.prefix)


def _keys(shorter: Ints, flat: NDArray[np.int32], size: int) -> Ints:
    """A number for each run that is one word longer; a run does not go on into the next text."""
    keys = np.full(len(flat), NONE, dtype=np.int64)
    whole = (shorter[:-1] >= 0) & (flat[1:] > START)
    keys[1:][whole] = shorter[:-1][whole] * size + flat[1:][whole]
    return keys


def _pairs(texts: Texts, numbers: Ints) -> Ints:
    """Run × texts + text, of each run in each text once, in order."""
    there = numbers >= 0
    return distinct(numbers[there] * len(texts) + texts.owner[there])


class _Holders:
    """The rows that hold each run, as they are read; a run that has too many is only counted."""

    def __init__(self, runs: int, most: int) -> None:
        self.counts = np.zeros(runs, dtype=np.int64)
        self._most = most
        self._runs: list[NDArray[np.int32]] = []
        self._rows: list[NDArray[np.int32]] = []

    def add(self, texts: Texts, numbers: Ints, first: int) -> None:
        """``first`` is the number of the first text among all rows."""
        pairs = _pairs(texts, numbers)
        runs = pairs // len(texts)
        self.counts += np.bincount(runs, minlength=len(self.counts))
        few = self.counts[runs] <= self._most
        self._runs.append(runs[few].astype(np.int32))
        self._rows.append((pairs[few] % len(texts) + first).astype(np.int32))

    def listed(self) -> tuple[NDArray[np.int32], Ints]:
        """(rows by run, where those of each run begin)."""
        runs, rows = (np.concatenate([np.empty(0, np.int32), *parts]) for parts in (self._runs, self._rows))
        few = self.counts[runs] <= self._most
        runs, rows = runs[few], rows[few]
        kept = np.where(self.counts <= self._most, self.counts, 0)
        return rows[np.argsort(runs, kind="stable")], offsets(kept)[:-1]
