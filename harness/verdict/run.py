"""Rows cut into runs: one contender's (and seed's) scores on one suite, metric and split, repeats averaged, cases ascending.

    >>> [run.scores.mean() for run in runs_of(table, columns, "rows")]     # doctest: +SKIP
    [0.61, 0.74]

Where each chunk of a table is one suite's metric, it is cut by itself; the order of its rows, where runs begin in it and what was
used are worked out once for all metrics that say the same of the same answers. Otherwise all rows are cut as one chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
FEW = 2**16
ENDS = 16
"""Values at both ends of an array by which unequal ones are mostly told apart."""


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
class _Parts:
    """What runs are made of, an array a part, which is one suite's metric: columns as codes, numbers as they are, and at which
    ``rows`` of the table it stands.
    """

    columns: Mapping[str, Column]
    scores: Sequence[Floats]
    flagged: Sequence[Mask]
    usage: Mapping[str, Sequence[Floats]]
    rows: Sequence[Sequence[int] | Codes]


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
    ends = np.cumsum([some.size for some in scores])
    parts = _Parts(
        columns, scores, flagged, usage, [range(end - some.size, end) for end, some in zip(ends, scores, strict=True)]
    )
    if not _apart(columns):
        parts = _cut(parts)
    layouts = _layouts(parts)
    _refuse_twice(parts, layouts, name)
    return tuple(run for number, layout in layouts.items() for run in _runs(parts, number, layout))


def _apart(columns: Mapping[str, Column]) -> bool:
    """Whether each chunk is one suite's metric, of which no other has a row."""
    found = [constants(columns[key]) for key in KEY[:2]]
    return not any(None in some for some in found) and len(set(zip(*found, strict=True))) == len(found[0])


def _cut(whole: _Parts) -> _Parts:
    """Chunks that are none, cut anew so that each is one suite's metric; parts that say the same share it."""
    rows = _rows_of_parts(*(whole.columns[key] for key in KEY[:2]))

    def cut(chunks: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        joined = np.concatenate(chunks) if len(chunks) > 1 else chunks[0]
        return [joined[some.start : some.stop] if isinstance(some, range) else joined[some] for some in rows]

    def columns(column: Column) -> Column:
        if len(column.values) > 1:
            return Column(_alike(cut(column.chunks)), column.values)
        return Column(tuple(np.broadcast_to(np.uint8(0), len(some)) for some in rows), column.values)

    return _Parts(
        {key: columns(column) for key, column in whole.columns.items()},
        cut(whole.scores),
        _alike(cut(whole.flagged)),
        {key: _alike(cut(some)) for key, some in whole.usage.items()},
        rows,
    )


def _rows_of_parts(suite: Column, metric: Column) -> list[Any]:
    """Which rows each part has: a range where they stand together, as they do in most files."""
    width = len(metric.values)
    pair = np.concatenate(each(lambda one, other: one.astype(np.int32) * width + other, suite.chunks, metric.chunks))
    if len(suite.values) * width <= FEW:
        pair = pair.astype(np.uint16)  # which numpy sorts in two passes
    heads = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]]))
    if np.unique(pair[heads]).size == heads.size:
        return [range(start, stop) for start, stop in pairwise([*heads.tolist(), pair.size])]
    order = np.argsort(pair, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(pair[order])) + 1)


def _alike(parts: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """The same arrays, of equal ones the first."""
    known: dict[tuple[Any, ...], list[NDArray[Any]]] = {}
    found = []
    for part in parts:
        some = known.setdefault((part.size, part[:ENDS].tobytes(), part[-ENDS:].tobytes()), [])
        same = next((one for one in some if np.array_equal(one, part)), None)
        if same is None:
            some.append(part)
        found.append(part if same is None else same)
    return tuple(found)


def constants(column: Column) -> tuple[Any, ...]:
    """The code that all rows of a chunk have, None where they differ; by chunk."""
    return each(lambda codes: int(codes[0]) if np.all(codes == codes[0]) else None, column.chunks)


def _layouts(parts: _Parts) -> dict[int, _Layout]:
    """By chunk, those of the first suite and metric first."""
    same = {key: constants(parts.columns[key]) for key in KEY}
    made: dict[tuple[int, ...], _Layout] = {}
    found = {}
    for number in sorted(range(len(parts.scores)), key=lambda number: [same[key][number] or 0 for key in KEY[:2]]):
        varying = [key for key in KEY if same[key][number] is None]
        read: list[object] = [parts.columns[key].chunks[number] for key in (*varying, "case_id", "repeat", "technique")]
        read += [parts.flagged[number], *(some[number] for some in parts.usage.values())]
        key = tuple(map(id, read))
        if key not in made:
            made[key] = _layout(parts, number, varying)
        found[number] = made[key]
    return found


def _layout(parts: _Parts, number: int, varying: Sequence[str]) -> _Layout:
    codes = {key: parts.columns[key].chunks[number] for key in (*varying, "case_id", "repeat", "technique")}
    width = {key: len(parts.columns[key].values) for key in codes}
    count = codes["case_id"].size
    run, size = _run_key([(codes[key], width[key]) for key in varying], count)
    if size * width["case_id"] * width["repeat"] > LARGEST_KEY:
        run = np.unique(run, return_inverse=True)[1]
    key = (run * width["case_id"] + codes["case_id"]) * width["repeat"] + codes["repeat"]
    if np.all(key[1:] > key[:-1]):
        order = np.arange(count)
    else:
        order = np.argsort(key, kind="stable")
        key = key[order]
    cell = key // width["repeat"]
    starts = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
    of = cell[starts] // width["case_id"]
    cuts = np.flatnonzero(np.concatenate([[True], of[1:] != of[:-1]]))
    heads = order[starts]
    best = np.array([bool(ANY_OF.fullmatch(kind or "")) for kind in parts.columns["technique"].values])
    ends = np.append(starts[cuts[1:]], count)
    return _Layout(
        order, starts, cuts,
        twice=np.flatnonzero(key[1:] == key[:-1]),
        cases=codes["case_id"][heads].astype(np.int32),
        flagged=np.logical_or.reduceat(parts.flagged[number][order], starts),
        best=best[codes["technique"][heads]] if best.any() else None,
        usage=[_usage({name: some[number] for name, some in parts.usage.items()}, order[start:stop])
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


def _runs(parts: _Parts, number: int, layout: _Layout) -> Iterator[Run]:
    """Those of one chunk: its cells, cut where the run changes."""
    means, ends = layout.means(parts.scores[number]), np.append(layout.cuts[1:], layout.cases.size)
    heads = layout.order[layout.starts[layout.cuts]]
    columns = [parts.columns[key] for key in KEY]
    about = zip(*([column.values[code] for code in column.chunks[number][heads]] for column in columns), strict=True)
    for names, start, stop, usage in zip(about, layout.cuts, ends, layout.usage, strict=True):
        part = slice(start, stop)
        said: dict[str, Any] = dict(zip(KEY, names, strict=True))
        yield Run(**said, cases=layout.cases[part], scores=means[part], flagged=layout.flagged[part], usage=usage)


def _refuse_twice(parts: _Parts, layouts: Mapping[int, _Layout], name: str) -> None:
    count = sum(layout.twice.size for layout in layouts.values())
    if not count:
        return
    number, layout = next((number, layout) for number, layout in layouts.items() if layout.twice.size)
    first, second = layout.order[layout.twice[0]], layout.order[layout.twice[0] + 1]
    rows = parts.rows[number]
    columns = {key: parts.columns[key] for key in (*KEY, "case_id", "repeat")}
    what = ", ".join(f"{key} {one.values[one.chunks[number][first]]!r}" for key, one in columns.items())
    raise BadInput(
        f"{name}: rows {rows[first] + 1} and {rows[second] + 1} are the same answer ({what}); {count} such in all: "
        "number several answers to one case with `repeat`"
    )


def _flags(flags: pa.Array) -> Mask:
    return to_numpy(flags) & valid(flags)


def _usage(columns: Mapping[str, Floats], rows: Codes) -> dict[str, float]:
    """Means over the rows that carry the number; a column without any is left out."""
    taken = {name: values[rows] for name, values in columns.items()}
    return {name: float(np.nanmean(part)) for name, part in taken.items() if not np.isnan(part).all()}
