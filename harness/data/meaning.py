"""Cases that a row says in other words, by an embedding model: what no overlap of words shows.

    found = alike(cases, rows, load_encoder("models/minilm"), least=0.85)
    found["t1"]                            # Match(case='t1', where='train.jsonl:7', kind='meaning', similarity=0.93, bits=0.0)

A case counts when the cosine with a message of a row is at least ``least``, and when other texts, which are no paraphrases of it,
are clearly less like it, so that a template, whose texts are all alike, says nothing: the cosine is as far above those of the
*other cases* as the likest of n messages is by chance once in a hundred comparisons (mean + z(1 − 0.01/n) standard deviations),
and at least halfway to 1 from the likest other case and from the likest message but for ``COPIES``. And the message has the
case's numbers, which nobody puts in other words and vectors hardly tell apart. The normal tail is an approximation, and which
cosine means the same is the model's own: it is a reason to look, where an overlap of words is evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from statistics import NormalDist
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from harness.data.copies import LEAST
from harness.data.leakage import FALSE_ALARM, Match, Row
from harness.data.words import words
from harness.suite import Case

VERSION = 1
"""Raised when other matches are found in the same texts."""
SIMILAR = 0.7
COPIES = 5
"""Messages that may say the same case in other words."""
NUMBER = re.compile(r"\d+")
AT_ONCE = 512
"""Messages."""

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """Makes unit vectors (texts, width) of texts."""

    def __call__(self, texts: Sequence[str], /) -> Vectors: ...


def alike(cases: Iterable[Case], rows: Iterable[Row], encode: Encoder, *, least: float = SIMILAR) -> dict[str, Match]:
    """The likest row of each case of ``LEAST`` words or more that is alike enough, in the order of cases."""
    asked = [case for case in cases if len(words(case.input)) >= LEAST]
    if not asked:
        return {}
    found = _Likest(encode([case.input for case in asked]))
    said = _messages(rows)
    while batch := list(islice(said, AT_ONCE)):
        found.add(batch, encode([text for _, text in batch]))
    needed = np.maximum(found.needed(), np.float32(least)) if found.count else np.full(len(asked), np.inf)
    return {
        case.id: Match(case.id, where, "meaning", round(float(cosine), 4), 0.0)
        for case, cosine, enough, (where, text) in zip(asked, found.cosines[:, -1], needed, found.nearest, strict=True)
        if cosine >= enough and _numbers(case.input) <= _numbers(text)
    }


class _Likest:
    """Of each case the likest messages so far: the cosines of ``COPIES + 1`` of them in order, and where the likest stands."""

    def __init__(self, ours: Vectors) -> None:
        self.ours = ours
        self.cosines = np.full((len(ours), COPIES + 1), -1.0, dtype=np.float32)
        self.nearest = [("", "")] * len(ours)
        self.count = 0

    def add(self, batch: Sequence[tuple[str, str]], theirs: Vectors) -> None:
        """``batch`` is (where, text) of each message, ``theirs`` their vectors."""
        self.count += len(batch)
        cosines = self.ours @ theirs.T
        first = cosines.argmax(axis=1)
        for case in np.flatnonzero(cosines.max(axis=1) > self.cosines[:, -1]):
            self.nearest[case] = batch[first[case]]
        self.cosines = np.sort(np.concatenate([self.cosines, cosines], axis=1), axis=1)[:, -COPIES - 1 :]

    def needed(self) -> Vectors:
        """The cosine from which a case stands out, from what it has with other texts."""
        others = np.maximum(self.cosines[:, 0], 0)
        return np.maximum(_by_chance(self.ours, self.count), (others + 1) / 2)


def _numbers(text: str) -> set[str]:
    return set(NUMBER.findall(text))


def _messages(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """(where, text); a message of few words is like many."""
    for row in rows:
        for text in (*row.asked, *row.answers):
            if len(words(text)) >= LEAST:
                yield row.where, text


def _by_chance(ours: Vectors, count: int) -> Vectors:
    """The cosine that each case would need with the likest of ``count`` texts, as its cosines with the other cases have it."""
    quantile = NormalDist().inv_cdf(1 - FALSE_ALARM / count)
    parts = [
        _against(ours, places, quantile) for places in np.array_split(np.arange(len(ours)), len(ours) // AT_ONCE + 1)
    ]
    return np.concatenate(parts)


def _against(ours: Vectors, places: NDArray[np.int64], quantile: float) -> Vectors:
    cosines = ours[places] @ ours.T
    others = max(len(ours) - 1, 1)
    mean = (cosines.sum(axis=1) - 1) / others
    square = ((cosines**2).sum(axis=1) - 1) / others
    cosines[np.arange(len(places)), places] = -1.0
    likest = cosines.max(axis=1)
    spread = np.sqrt(np.maximum(square - mean**2, 0.0))
    return np.asarray(np.maximum(mean + quantile * spread, (likest + 1) / 2), dtype=np.float32)
