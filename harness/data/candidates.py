"""Which rows are worth holding against a case: those that share its rarest runs of words.

    for pairs in candidates(grams, cases, rows, wanted):
        pairs.case, pairs.row                  # two arrays

An inverted index instead of MinHash: the rarest runs are what tells a copy from a neighbour of the same template, MinHash
weighs all alike (and calls two texts equal that are too short for a shingle). A case looks at ``POSTINGS`` entries
of the index and keeps ``TOP`` rows, so the work grows with the cases and not with cases × rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.data.grams import START, Floats, Grams, Ints, Texts, distinct, offsets

POSTINGS = 500
TOP = 4
AT_ONCE = 500
"""Cases: 250,000 entries are in memory at once."""


@dataclass(frozen=True)
class _Runs:
    """The runs that the cases look up, case by case, the rarest first: in how many rows each stands, and from where on they
    are named in ``holders``.
    """

    case: Ints
    rows: Ints
    first: Ints
    holders: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Cases and rows to hold against each other, by case."""

    case: Ints
    row: Ints


def candidates(grams: Sequence[Grams], cases: Texts, rows: Texts, wanted: Ints) -> Iterator[Pairs]:
    """The most promising rows of the wanted cases, some cases at a time."""
    runs = _looked_up(grams, cases, wanted)
    bounds = np.searchsorted(runs.case, np.arange(0, len(cases) + AT_ONCE, AT_ONCE))
    for begin, end in pairwise(bounds.tolist()):
        if begin < end:
            yield _ranked(runs, slice(begin, end), len(rows))


def _looked_up(grams: Sequence[Grams], cases: Texts, wanted: Ints) -> _Runs:
    asked = np.zeros(len(cases), dtype=np.bool_)
    asked[wanted] = True
    real = asked[cases.owner] & (cases.flat > START)
    parts, before = [], 0
    for gram in grams:
        there = real & (gram.cases >= 0)
        pairs = distinct(cases.owner[there] * len(gram.in_rows) + gram.cases[there])
        case, run = pairs // max(len(gram.in_rows), 1), pairs % max(len(gram.in_rows), 1)
        parts.append((case, gram.in_rows[run], gram.first[run] + before))
        before += len(gram.holders)
    case, count, first = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((count, case))
    order = order[count[order] > 0]
    case, count, first = case[order], count[order], first[order]
    ends = np.cumsum(count)
    spent = ends - np.append(0, ends)[np.searchsorted(case, case)]
    kept = spent <= POSTINGS
    return _Runs(case[kept], count[kept], first[kept], np.concatenate([gram.holders for gram in grams]))


def _ranked(runs: _Runs, part: slice, rows: int) -> Pairs:
    count = runs.rows[part]
    places = np.repeat(runs.first[part] - offsets(count)[:-1], count) + np.arange(int(count.sum()))
    pairs, index = np.unique(np.repeat(runs.case[part], count) * rows + runs.holders[places], return_inverse=True)
    rarity: Floats = np.log2((rows + 1) / count)
    score = np.bincount(index, weights=np.repeat(rarity, count), minlength=len(pairs))
    order = np.lexsort((-score, pairs // rows))
    case, row = pairs[order] // rows, pairs[order] % rows
    best = np.arange(len(case)) - np.searchsorted(case, case) < TOP
    return Pairs(case[best], row[best])
