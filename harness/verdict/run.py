"""Rows cut into runs: one contender's (and seed's) scores on one suite, metric and split, repeats averaged, cases ascending.

    >>> [run.scores.mean() for run in runs_of(table, columns, "rows")]     # doctest: +SKIP
    [0.61, 0.74]

Where each chunk of a table is one suite's metric, it is cut by itself; the order of its rows, where runs begin in it and what was
used are worked out once for all metrics that say the same of the same answers. Otherwise all rows are cut as one chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.arrow import to_numpy, valid
from harness.errors import BadInput
from harness.verdict.check import ANY_OF, Mask
from harness.verdict.column import Codes, Column, each
from harness.verdict.source import NUMBERS, shared

Floats = NDArray[np.float64]

KEY = ("suite", "metric", "contender", "data_fraction", "split", "source", "training_seed")
"""What makes a run; case and repeat vary inside it."""
LARGEST_KEY = 2**62


@dataclass(frozen=True, slots=True)
class Run:
    """One contender's (and seed's) scores on one suite, metric and split: repeats averaged (of a probe ``pass@k``, the best
    taken), cases ascending.

    ``cases`` (n,) are codes into ``Rows.cases``; ``scores`` (n,) hold NaN where any repeat was not measured; ``usage``
    has the means of tokens, seconds and cost that were given.
    """

    suite: str
    metric: str
    contender: str
    data_fraction: float
    split: str
    source: str
    training_seed: int | None
    cases: Codes
    scores: Floats
    flagged: NDArray[np.bool_]
    usage: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How the rows of a chunk lie: their canonical ``order``, where in it each (run, case) cell starts, where in the cells each run
    does, which rows are ``twice`` there; and what of the runs no metric changes.
    """

    order: Codes
    starts: Codes
    cuts: Codes
    twice: Codes
    cases: Codes
    flagged: Mask
    best: Mask | None
    usage: Sequence[Mapping[str, float]]

    def means(self, scores: Floats) -> Floats:
        """Of the cells, over repeats; of a probe ``pass@k`` the best repeat counts."""
        ordered = scores[self.order]
        if self.starts.size == self.order.size:
            return ordered
        means = np.add.reduceat(ordered, self.starts) / np.diff(self.starts, append=self.order.size)
        return means if self.best is None else np.where(self.best, np.maximum.reduceat(ordered, self.starts), means)


@dataclass(frozen=True, slots=True)
class _Chunks:
    """What runs are made of, an array a chunk: columns as codes, and numbers as they are."""

    columns: Mapping[str, Column]
    scores: Sequence[Floats]
    flagged: Sequence[Mask]
    usage: Mapping[str, Sequence[Floats]]

    def joined(self) -> _Chunks:
        """The same in one chunk."""
        columns = {name: column.joined() for name, column in self.columns.items()}
        scores, flagged = (np.concatenate(self.scores),), (np.concatenate(self.flagged),)
        return _Chunks(columns, scores, flagged, {name: (np.concatenate(some),) for name, some in self.usage.items()})

    def apart(self) -> bool:
        """Whether each chunk is one suite's metric, of which no other has a row."""
        found = [constants(self.columns[key]) for key in KEY[:2]]
        return not any(None in some for some in found) and len(set(zip(*found, strict=True))) == len(self.scores)


def runs_of(table: pa.Table, columns: Mapping[str, Column], name: str) -> tuple[Run, ...]:
    """All runs, sorted by what they are about.

    Raises:
        BadInput: for rows that are the same answer.
    """
    scores = shared(table["score"], to_numpy)
    given = "flagged" in table.column_names
    flagged = (
        shared(table["flagged"], _flags)
        if given
        else each(lambda some: np.broadcast_to(np.bool_(False), some.size), scores)
    )
    usage = {key: shared(table[key], to_numpy) for key in NUMBERS if key in table.column_names}
    chunks = _Chunks(columns, scores, flagged, usage)
    if not chunks.apart():
        chunks = chunks.joined()
    layouts = _layouts(chunks)
    _refuse_twice(chunks, layouts, name)
    return tuple(run for number, layout in layouts.items() for run in _runs(chunks, number, layout))


def constants(column: Column) -> tuple[Any, ...]:
    """The code that all rows of a chunk have, None where they differ; by chunk."""
    return each(lambda codes: int(codes[0]) if np.all(codes == codes[0]) else None, column.chunks)


def _layouts(chunks: _Chunks) -> dict[int, _Layout]:
    """By chunk, those of the first suite and metric first."""
    same = {key: constants(chunks.columns[key]) for key in KEY}
    made: dict[tuple[int, ...], _Layout] = {}
    found = {}
    for number in sorted(range(len(chunks.scores)), key=lambda number: [same[key][number] or 0 for key in KEY[:2]]):
        varying = [key for key in KEY if same[key][number] is None]
        read = [chunks.columns[key].chunks[number] for key in (*varying, "case_id", "repeat", "technique")]
        read += [chunks.flagged[number], *(some[number] for some in chunks.usage.values())]
        key = tuple(map(id, read))
        if key not in made:
            made[key] = _layout(chunks, number, varying)
        found[number] = made[key]
    return found


def _layout(chunks: _Chunks, number: int, varying: Sequence[str]) -> _Layout:
    codes = {key: chunks.columns[key].chunks[number] for key in (*varying, "case_id", "repeat", "technique")}
    width = {key: len(chunks.columns[key].values) for key in codes}
    count = codes["case_id"].size
    run, size = _run_key([(codes[key], width[key]) for key in varying], count)
    if size * width["case_id"] * width["repeat"] > LARGEST_KEY:
        run = np.unique(run, return_inverse=True)[1]
    key = (run * width["case_id"] + codes["case_id"]) * width["repeat"] + codes["repeat"]
    order = np.arange(count) if np.all(key[1:] > key[:-1]) else np.argsort(key, kind="stable")
    key = key[order]
    cell = key // width["repeat"]
    starts = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
    of = cell[starts] // width["case_id"]
    cuts = np.flatnonzero(np.concatenate([[True], of[1:] != of[:-1]]))
    heads = order[starts]
    best = np.array([bool(ANY_OF.fullmatch(kind or "")) for kind in chunks.columns["technique"].values])
    ends = np.append(starts[cuts[1:]], count)
    return _Layout(
        order, starts, cuts,
        twice=np.flatnonzero(key[1:] == key[:-1]),
        cases=codes["case_id"][heads],
        flagged=np.logical_or.reduceat(chunks.flagged[number][order], starts),
        best=best[codes["technique"][heads]] if best.any() else None,
        usage=[_usage({name: some[number] for name, some in chunks.usage.items()}, order[start:stop])
               for start, stop in zip(starts[cuts], ends, strict=True)],
    )  # fmt: skip


def _run_key(parts: Sequence[tuple[Codes, int]], count: int) -> tuple[NDArray[np.int64], int]:
    """One number a row that tells runs apart and orders them, and the number of values it can have."""
    key, size = np.zeros(count, dtype=np.int64), 1
    for codes, width in parts:
        if size * width > LARGEST_KEY:
            distinct, key = np.unique(key, return_inverse=True)
            size = distinct.size
        key = key * width + codes
        size *= width
    return key, size


def _runs(chunks: _Chunks, number: int, layout: _Layout) -> Iterator[Run]:
    """Those of one chunk: its cells, cut where the run changes."""
    means, ends = layout.means(chunks.scores[number]), np.append(layout.cuts[1:], layout.cases.size)
    heads = layout.order[layout.starts[layout.cuts]]
    columns = [chunks.columns[key] for key in KEY]
    about = zip(*([column.values[code] for code in column.chunks[number][heads]] for column in columns), strict=True)
    for names, start, stop, usage in zip(about, layout.cuts, ends, layout.usage, strict=True):
        part = slice(start, stop)
        yield Run(*names, cases=layout.cases[part], scores=means[part], flagged=layout.flagged[part], usage=usage)


def _refuse_twice(chunks: _Chunks, layouts: Mapping[int, _Layout], name: str) -> None:
    count = sum(layout.twice.size for layout in layouts.values())
    if not count:
        return
    number, layout = next((number, layout) for number, layout in layouts.items() if layout.twice.size)
    before = sum(some.size for some in chunks.scores[:number])
    first, second = layout.order[layout.twice[0]], layout.order[layout.twice[0] + 1]
    columns = {key: chunks.columns[key] for key in (*KEY, "case_id", "repeat")}
    what = ", ".join(f"{key} {one.values[one.chunks[number][first]]!r}" for key, one in columns.items())
    raise BadInput(
        f"{name}: rows {before + first + 1} and {before + second + 1} are the same answer ({what}); {count} such in all: "
        "number several answers to one case with `repeat`"
    )


def _flags(flags: pa.Array) -> Mask:
    return to_numpy(flags) & valid(flags)


def _usage(columns: Mapping[str, Floats], rows: Codes) -> dict[str, float]:
    """Means over the rows that carry the number; a column without any is left out."""
    taken = {name: values[rows] for name, values in columns.items()}
    return {name: float(np.nanmean(part)) for name, part in taken.items() if not np.isnan(part).all()}
