"""Runs of one to three words of the cases, and where the rows have them: an inverted index in numpy.

    grams = grams_of(cases, rows)          # two ``Texts``
    grams[2].in_rows[g]                    # in how many rows the case's three words stand that have the number g

Only what stands in a case is kept, so the index is as large as the cases, whatever the rows. A text begins with the
mark ``START``, which takes part in runs as a word before the first; a row may hold several, one for each message.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
START, UNKNOWN, NONE = 0, -1, -1
ORDERS = 3


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

    def words(self, text: int) -> NDArray[np.int32]:
        return self.flat[self.starts[text] : self.starts[text + 1]]


@dataclass(frozen=True)
class Grams:
    """The runs of one length, numbered.

    Attributes:
        cases: The number of the run that ends at each word of the cases, or ``NONE``.
        rows: The same of the rows; ``NONE`` also where no case has the run.
        in_cases: In how many cases each run stands.
        in_rows: In how many rows.
        holders: The rows that hold run 0, then those that hold run 1, …
        prefix: The number of the run without its last word, in the next shorter length.
    """

    cases: Ints
    rows: Ints
    in_cases: Ints
    in_rows: Ints
    holders: Ints
    prefix: Ints


def texts_of(encoded: Iterable[bytes]) -> Texts:
    """Texts from the bytes of their word numbers (int32)."""
    parts = list(encoded)
    lengths = np.fromiter((len(part) // 4 for part in parts), dtype=np.int64, count=len(parts))
    return Texts(np.frombuffer(b"".join(parts), dtype=np.int32), offsets(lengths))


def offsets(counts: Ints) -> Ints:
    """Where each of several stretches begins when they lie one after the other, and where the last ends."""
    return np.append(0, np.cumsum(counts)).astype(np.int64)


def grams_of(cases: Texts, rows: Texts) -> list[Grams]:
    """Runs of one word, of two, … up to ``ORDERS``."""
    size = int(cases.flat.max(initial=0)) + 1
    numbers = np.arange(size)
    found = [_counted((cases, cases.flat.astype(np.int64)), (rows, rows.flat.astype(np.int64)), numbers)]
    for _ in range(1, ORDERS):
        ours, theirs = _keys(found[-1].cases, cases.flat, size), _keys(found[-1].rows, rows.flat, size)
        known = np.unique(ours[ours >= 0])
        found.append(_counted((cases, _number(ours, known)), (rows, _number(theirs, known)), known // size))
    return found


def _keys(shorter: Ints, flat: NDArray[np.int32], size: int) -> Ints:
    """A number for each run that is one word longer; a run does not go on into the next text."""
    keys = np.full(len(flat), NONE, dtype=np.int64)
    whole = (shorter[:-1] >= 0) & (flat[1:] > START)
    keys[1:][whole] = shorter[:-1][whole] * size + flat[1:][whole]
    return keys


def _number(keys: Ints, known: Ints) -> Ints:
    """The place of each key among the known ones."""
    if not len(known):
        return np.full(len(keys), NONE, dtype=np.int64)
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[places] == keys, places, NONE)


def _counted(ours: tuple[Texts, Ints], theirs: tuple[Texts, Ints], prefix: Ints) -> Grams:
    in_cases, _ = _held(*ours, len(prefix))
    in_rows, holders = _held(*theirs, len(prefix))
    return Grams(ours[1], theirs[1], in_cases, in_rows, holders, prefix)


def _held(texts: Texts, numbers: Ints, size: int) -> tuple[Ints, Ints]:
    """In how many texts each run stands, and in which."""
    there = numbers >= 0
    pairs = np.unique(numbers[there] * len(texts) + texts.owner[there])
    return np.bincount(pairs // len(texts), minlength=size), pairs % len(texts)
