"""Rows that are nearly the same: found among all rows of all files by MinHash, and held against each other exactly.

    twins = Twins(0.7)
    for entry in entries: twins.add(entry, part=0, frame=frame)
    list(twins.near())                                   # [Match('train.jsonl:4', 'train.jsonl:90', 0, 0, 0.93), …]

Two questions are as similar as the Jaccard index of their runs of five characters (``runs``), but for those of the file's template
(``frame``). Signatures of 128 numbers (datasketch) in 25 bands of five find 99 % of the pairs at 0.7; its own index took
860 MiB for 100,000 rows, and numbers that are sorted band by band need none. What is found is measured again on the sketches. Kept of a
distinct text are 1.5 kB at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.data.audit.entry import Entry, digest
from harness.data.audit.frame import Frame
from harness.data.audit.runs import FACTOR, KEPT, LEAST, Hashes, jaccard, runs
from harness.data.words import plain

NUMBERS, BANDS, ROWS = 128, 25, 5
SLACK = 0.15
"""Below the line: a signature is off by 0.04 (one standard error) at 0.7; what it puts further below is no pair."""
BEHIND, TRIED, ENOUGH = 8, 16, 3
"""Of texts that share a band, each is held against so many before it; measured exactly so often; left alone after so many pairs."""
AT_ONCE = 1 << 14


@dataclass(frozen=True, slots=True)
class Match:
    """Two rows that ask the same, or nearly, the earlier one first, and the parts that they stand in."""

    first: str
    second: str
    part: int
    other: int
    similarity: float


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

    def add(self, entry: Entry, part: int, frame: Frame) -> None:
        """One row of a part, which is a file or a split; ``frame`` is what the file's questions share."""
        asked = plain(entry.asked)
        key, own = digest(asked), self._first.setdefault(part, {})
        if key in own:
            return
        own[key] = entry.where
        there = [(other, known[key]) for other, known in self._first.items() if other != part and key in known]
        self._same += [Match(where, entry.where, other, part, 1.0) for other, where in there]
        if there:
            return
        sketch = frame.own(runs(asked))
        if len(sketch) >= LEAST:
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
