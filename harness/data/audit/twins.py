"""Rows that are nearly the same: found among all rows of all files by MinHash, and held against each other exactly.

    twins = Twins(0.8)
    for entry in entries: twins.add(entry, part=0)
    list(twins.near())                                   # [Match('train.jsonl:4', 'train.jsonl:90', 0, 0, 0.93), …]

Two texts are as similar as the Jaccard index of their runs of five characters, case, white space and edges apart. Runs of
words would be too coarse: one changed word of twenty would leave 0.7 of their runs of three. Signatures of 128 numbers
(datasketch) in 21 bands of six find 99.8 % of the pairs at 0.8; its own index would keep 21 Python dictionaries for that, numbers
sorted band by band need none. What is found is measured again on the runs themselves, all of them up to 256, and the 256
least ones of a longer text (a bottom-k sketch, standard error under 0.025). Kept of a distinct text are 1.5 kB at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.data.audit.entry import Entry, digest
from harness.data.words import plain

Hashes = NDArray[np.uint32]
RUN = 5
"""Characters: what Mining of Massive Datasets (3.2.2) takes for short texts."""
LEAST = 12
"""Runs. A shorter text has no near copy at 0.8 that is not the same text with another end."""
KEPT = 256
NUMBERS, BANDS, ROWS = 128, 21, 6
SLACK = 0.15
"""Below the line: a signature is off by 0.035 (one standard error) at 0.8; what it puts further below is no pair."""
BEHIND, TRIED, ENOUGH = 8, 16, 3
"""Of texts that share a band, each is held against so many before it; measured exactly so often; left alone after so many pairs."""
AT_ONCE = 1 << 14
FACTOR = np.uint64(0x9E3779B97F4A7C15)
MIXING = np.array([0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Match:
    """Two rows that ask the same, or nearly, the earlier one first, and the parts that they stand in."""

    first: str
    second: str
    part: int
    other: int
    similarity: float


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


class Twins:
    """All distinct questions of all rows."""

    def __init__(self, similarity: float) -> None:
        self._line = similarity
        self._rows: list[tuple[str, int]] = []
        self._sketches: list[bytes] = []
        self._signatures = bytearray()
        self._first: dict[int, dict[bytes, str]] = {}
        self._same: list[Match] = []
        self._sign = _signing()

    def add(self, entry: Entry, part: int) -> None:
        """One row of a part, which is a file or a split."""
        asked = plain(entry.asked)
        key, own = digest(asked), self._first.setdefault(part, {})
        if key in own:
            return
        own[key] = entry.where
        there = [(other, known[key]) for other, known in self._first.items() if other != part and key in known]
        self._same += [Match(where, entry.where, other, part, 1.0) for other, where in there]
        sketch = runs(asked)
        if not there and len(sketch) >= LEAST:
            self._rows.append((entry.where, part))
            self._sketches.append(sketch[:KEPT].tobytes())
            self._signatures += self._sign(sketch)

    def near(self) -> Iterator[Match]:
        """Pairs of rows that ask the same in two parts, or nearly the same in one or two."""
        yield from self._same
        for earlier, later, similarity in self._pairs():
            (first, part), (second, other) = self._rows[earlier], self._rows[later]
            yield Match(first, second, part, other, similarity)

    def _pairs(self) -> Iterator[tuple[int, int, float]]:
        signatures = np.frombuffer(self._signatures, dtype=np.uint32).reshape(-1, NUMBERS)
        search = _Search(signatures, self._sketches, self._line)
        for band in range(BANDS):
            keys = _keys(signatures[:, band * ROWS : (band + 1) * ROWS])
            order = np.argsort(keys, kind="stable")
            for behind in range(1, min(BEHIND, len(order) - 1) + 1):
                later, earlier = order[behind:], order[:-behind]
                there = (keys[later] == keys[earlier]) & search.open[later]
                yield from search(earlier[there], later[there])


class _Search:
    """Holds candidates against each other; ``open`` are the texts that have not met enough of them."""

    def __init__(self, signatures: Hashes, sketches: list[bytes], line: float) -> None:
        self._signatures, self._sketches, self._line = signatures, sketches, line
        self._met: set[tuple[int, int]] = set()
        self._tried = np.zeros(len(sketches), dtype=np.int32)
        self._found = np.zeros(len(sketches), dtype=np.int32)
        self.open = np.ones(len(sketches), dtype=np.bool_)

    def __call__(self, earlier: NDArray[np.int64], later: NDArray[np.int64]) -> Iterator[tuple[int, int, float]]:
        for begin in range(0, len(later), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            guessed = (self._signatures[earlier[part]] == self._signatures[later[part]]).mean(axis=1)
            likely = guessed >= self._line - SLACK
            for pair in zip(earlier[part][likely].tolist(), later[part][likely].tolist(), strict=True):
                if pair not in self._met:
                    self._met.add(pair)
                    yield from self._measured(*pair)

    def _measured(self, earlier: int, later: int) -> Iterator[tuple[int, int, float]]:
        ours, theirs = (np.frombuffer(self._sketches[text], dtype=np.uint32) for text in (earlier, later))
        found = jaccard(ours, theirs)
        self._tried[later] += 1
        if found >= self._line:
            self._found[later] += 1
            yield earlier, later, found
        self.open[later] = self._tried[later] < TRIED and self._found[later] < ENOUGH


def _keys(band: Hashes) -> NDArray[np.uint64]:
    keys = np.zeros(len(band), dtype=np.uint64)
    for column in range(band.shape[1]):
        keys = keys * FACTOR + band[:, column]
    return keys


def _signing() -> Callable[[Hashes], bytes]:
    """A signature's bytes, of a sorted array of hashes. Imported here: datasketch takes a second, for it imports much of scipy."""
    from datasketch import MinHash

    blank = MinHash(num_perm=NUMBERS, hashfunc=int)

    def sign(hashes: Hashes) -> bytes:
        made = blank.copy()
        made.update_batch(hashes.tolist())
        return bytes(made.hashvalues.astype(np.uint32).tobytes())

    return sign
