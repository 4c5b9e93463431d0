"""Texts as their runs of five characters, and how many two of them share.

    >>> jaccard(runs("where is my box"), runs("where is my boxes")) > 0.8
    True

Runs of words would be too coarse for rows: one changed word of twenty would leave 0.7 of their runs of three. A sketch is all runs of a
text, or the 256 least hashes of them (bottom-k, standard error under 0.025).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.data.words import plain

Hashes = NDArray[np.uint32]
RUN = 5
"""Characters: what Mining of Massive Datasets (3.2.2) takes for short texts."""
LEAST = 12
"""Runs. Of a shorter text hardly anything is left when a word is changed."""
KEPT = 256
FACTOR = np.uint64(0x9E3779B97F4A7C15)
MIXING = np.array([0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], dtype=np.uint64)


def runs(text: str) -> Hashes:
    """The hashes of a text's runs of five characters, sorted, each once."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    count = len(codes) - RUN + 1
    if count < 1:
        return np.empty(0, dtype=np.uint32)
    found = np.zeros(count, dtype=np.uint64)
    for step in range(RUN):
        found = found * FACTOR + codes[step : step + count]
    return np.unique(_mixed(found))


def _mixed(values: NDArray[np.uint64]) -> Hashes:
    """The upper half of MurmurHash3's finaliser: without it the least hashes would be those of certain letters."""
    for factor in MIXING:
        values = (values ^ (values >> np.uint64(33))) * factor
    return (values >> np.uint64(32)).astype(np.uint32)


def jaccard(one: Hashes, other: Hashes) -> float:
    """Of two sketches: exact where both hold all their runs, from the least of both where they do not."""
    union = np.union1d(one, other)
    if max(len(one), len(other)) >= KEPT:
        union = union[:KEPT]
    if not len(union):
        return 0.0
    shared = np.intersect1d(one, other, assume_unique=True)
    return float(np.searchsorted(shared, union[-1], "right") / len(union))


def alike(one: str, other: str, line: float) -> bool:
    """Whether two texts are the same, or nearly."""
    ours, theirs = plain(one), plain(other)
    if ours == theirs:
        return True
    sketches = runs(ours)[:KEPT], runs(theirs)[:KEPT]
    return min(map(len, sketches)) >= LEAST and jaccard(*sketches) >= line
