"""Whole cases that stand word for word in a row, possibly inside a longer text. Nothing escapes.

    whole_copies(cases, rows)              # {case: row}, of the cases of ``LEAST`` words or more
    holders(cases, rows)                   # (case, rows), …: all that hold it

Each case is looked up by the rarest of its runs of ``LEAST`` words, and what is found is compared word by word.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.data.grams import START, Ints, Texts

LEAST = 8
"""Words. Shorter texts recur by themselves."""
FACTOR = np.uint64(0x9E3779B97F4A7C15)
BITS = 22
"""Of a hash that a sieve goes by: few runs of the rows stand in a case, and only they are looked up."""
SHIFT = np.uint64(64 - BITS)


@dataclass(frozen=True)
class _Runs:
    """Hashes of runs of ``LEAST`` words, sorted, and where each begins in the rows."""

    hashes: NDArray[np.uint64]
    places: Ints


def whole_copies(cases: Texts, rows: Texts) -> dict[int, int]:
    """The case's number to the first row's that holds it."""
    return {case: int(found[0]) for case, found in holders(cases, rows)}


def holders(cases: Texts, rows: Texts) -> Iterator[tuple[int, Ints]]:
    """(case, every row that holds it), of the cases that any row holds."""
    ours, _ = _hashed(cases)
    runs = _runs(rows, ours)
    first = np.searchsorted(runs.hashes, ours, "left")
    counts = np.searchsorted(runs.hashes, ours, "right") - first
    for case in range(len(cases)):
        begin, end = int(cases.starts[case]) + 1, int(cases.starts[case + 1])
        if end - begin < LEAST:
            continue
        rarest = begin + int(np.argmin(counts[begin : end - LEAST + 1]))
        places = runs.places[first[rarest] : first[rarest] + counts[rarest]] - (rarest - begin)
        found = rows.owners(_equal(cases.flat[begin:end], places, rows))
        if len(found):
            yield case, np.unique(found)


def _equal(wanted: NDArray[np.int32], places: Ints, rows: Texts) -> Ints:
    """Those places from which on all the wanted words stand; templates have very many."""
    places = places[(places >= 0) & (places + len(wanted) <= len(rows.flat))]
    for step, word in enumerate(wanted):
        if not len(places):
            break
        places = places[rows.flat[places + step] == word]
    return places


def _runs(rows: Texts, wanted: NDArray[np.uint64]) -> _Runs:
    sieve = np.zeros(1 << BITS, dtype=np.bool_)
    sieve[wanted >> SHIFT] = True
    parts = [(np.empty(0, np.uint64), np.empty(0, np.int64))]
    for first, part in rows.portions():
        hashes, whole = _hashed(part)
        places = np.flatnonzero(whole & sieve[hashes >> SHIFT])
        places = places[np.isin(hashes[places], wanted)]
        parts.append((hashes[places], places + rows.starts[first]))
    hashes, places = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(hashes, kind="stable")
    return _Runs(hashes[order], places[order])


def _hashed(texts: Texts) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The hash of the run that begins at each word, and whether it is one: known words of one text."""
    count = max(len(texts.flat) - LEAST + 1, 0)
    hashes, whole = np.zeros(count, dtype=np.uint64), np.ones(count, dtype=np.bool_)
    for step in range(LEAST):
        part = texts.flat[step : step + count]
        hashes = hashes * FACTOR + part.astype(np.uint64)
        whole &= part > START
    return hashes, whole
