"""Anybody's scores, validated once and kept as columns: one run of a contender is one slice.

Made by `load_rows` from anything with the Arrow C stream interface (pyarrow, pandas, polars, a DuckDB relation) or from
a Parquet, CSV or JSONL file; ``harness verdict --scores FILE`` exercises it. One row::

    {"suite": "triage", "contender": "sft", "technique": "tune", "metric": "exact_match", "case_id": "t-0017",
     "training_seed": 2, "split": "test", "cluster": "customer-4", "score": 1.0}

Rows are sorted by what they are about, so that whatever order they came in, the same numbers are added in the same
order. A null score (``error`` says why) becomes NaN and stays: it is never a zero and never dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from harness.errors import BadInput
from harness.verdict.check import ANY_OF, check_columns, check_values
from harness.verdict.source import DEFAULTS, NUMBERS, place, read_table

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]

KEY = ("suite", "metric", "contender", "data_fraction", "split", "source", "training_seed")
"""What makes a run; case and repeat vary inside it."""
LARGEST_KEY = 2**62
LENGTH = 20


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
class Column:
    """A column as codes (n,) into its sorted distinct values; null, where it is allowed, comes last."""

    codes: Codes
    values: list[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """All runs, in sorted order, and what cases and contenders are; ``amounts`` where the scores are no shares."""

    runs: tuple[Run, ...]
    techniques: Mapping[str, str]
    cases: list[str]
    clusters: Mapping[str, Codes]
    count: int
    hash: str
    amounts: bool = False

    @property
    def suites(self) -> list[str]:
        """Names of the suites, sorted."""
        return sorted({run.suite for run in self.runs})

    def metrics(self, suite: str) -> list[str]:
        """Names of that suite's metrics, sorted."""
        return sorted({run.metric for run in self.runs if run.suite == suite})

    def codes(self, cases: Collection[str]) -> Codes:
        """Codes of the cases that there are rows of, (n,) ascending."""
        wanted = set(cases)
        return np.array([code for code, case in enumerate(self.cases) if case in wanted], dtype=np.int64)

    def select(self, **wanted: Any) -> Iterator[Run]:
        """Runs whose fields equal all that is wanted, as ``rows.select(suite="triage", split="test")``."""
        return (run for run in self.runs if all(getattr(run, name) == value for name, value in wanted.items()))


def load_rows(source: Any, *, name: str = "rows", amounts: bool = False) -> Rows:
    """Validated rows.

    Args:
        source: an object with ``__arrow_c_stream__``, or the path of a ``.parquet``, ``.csv``, ``.jsonl`` file; rows
            that are loaded already are returned as they are.
        name: what messages call rows that do not come from a file.
        amounts: the scores are numbers of at most zero (seconds, USD), not shares in [0, 1]; a verdict takes no such rows.

    Raises:
        BadInput: unreadable, empty, unknown or missing columns, values out of range, duplicate rows, a contender with
            two techniques, a case in two clusters or splits; all problems of one kind of check together.
    """
    if isinstance(source, Rows):
        return source
    table, name = read_table(source, name=name)
    check_columns(table, name)
    columns = {key: encode(table, key) for key in (*KEY, "case_id", "repeat", "technique")}
    columns["cluster"] = encode(table, "cluster") if "cluster" in table.column_names else columns["case_id"]
    scores = _floats(table["score"])
    check_values(table, columns, scores, name, amounts=amounts)
    runs = tuple(_runs(table, columns, scores, _sort(columns, table.num_rows, name)))
    clusters = _clusters(columns)
    cases = columns["case_id"].values
    digest = _hash(runs, cases, clusters, columns)
    return Rows(runs, _techniques(columns), cases, clusters, table.num_rows, digest, amounts)


def encode(table: pa.Table, name: str) -> Column:
    """That column's codes; its default where the table has no such column or holds null."""
    default = DEFAULTS.get(name)
    if name not in table.column_names:
        return Column(np.broadcast_to(np.int32(0), table.num_rows), [default])
    column = table[name]
    if name == "cluster" and column.null_count:
        column = pc.coalesce(column, table["case_id"])
    elif column.null_count and default is not None:
        column = pc.fill_null(column, default)
    coded, codes = _coded(column)
    order = pc.sort_indices(coded).to_numpy()
    if np.any(order[1:] < order[:-1]):
        rank = np.empty(order.size, dtype=np.int32)
        rank[order] = np.arange(order.size)
        codes = rank[codes]
    return Column(codes, coded.take(pa.array(order)).to_pylist())


def _coded(column: pa.ChunkedArray) -> tuple[pa.Array, Codes]:
    """Distinct values in the order in which they come, and a code for each row; chunks that are the same memory are coded once,
    and nothing is joined before it is codes: to join long columns of text takes as long as to code them.
    """
    distinct = {place(chunk): chunk for chunk in column.chunks}
    whole = pa.chunked_array(list(distinct.values()), type=column.type)
    coded = whole.dictionary_encode(null_encoding="encode").combine_chunks()
    ends = np.cumsum([len(chunk) for chunk in distinct.values()])
    parts = dict(zip(distinct, np.split(coded.indices.to_numpy(), ends[:-1]), strict=True))
    return coded.dictionary, np.concatenate([parts[place(chunk)] for chunk in column.chunks])


def _floats(column: pa.ChunkedArray) -> Floats:
    return cast("Floats", column.to_numpy().astype(np.float64, copy=False))


def _sort(columns: Mapping[str, Column], count: int, name: str) -> tuple[Codes, Codes, Codes]:
    """The canonical order of rows, where in it each (run, case) cell starts, and where in the cells each run does."""
    run, size = _run_key(columns, count)
    cases, repeats = len(columns["case_id"].values), len(columns["repeat"].values)
    if size * cases * repeats > LARGEST_KEY:
        run = np.unique(run, return_inverse=True)[1]
    key = (run * cases + columns["case_id"].codes) * repeats + columns["repeat"].codes
    order = np.argsort(key, kind="stable")
    key = key[order]
    same = np.flatnonzero(key[1:] == key[:-1])
    if same.size:
        raise BadInput(_duplicates(columns, order, same, name))
    cell = key // repeats
    starts = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
    run = cell[starts] // cases
    return order, starts, np.flatnonzero(np.concatenate([[True], run[1:] != run[:-1]]))


def _run_key(columns: Mapping[str, Column], count: int) -> tuple[NDArray[np.int64], int]:
    """One number a row that tells runs apart and orders them, and the number of values it can have."""
    key, size = np.zeros(count, dtype=np.int64), 1
    for part in KEY:
        width = len(columns[part].values)
        if size * width > LARGEST_KEY:
            distinct, key = np.unique(key, return_inverse=True)
            size = distinct.size
        if width > 1:
            key = key * width + columns[part].codes
            size *= width
    return key, size


def _duplicates(columns: Mapping[str, Column], order: Codes, same: Codes, name: str) -> str:
    first, second = order[same[0]], order[same[0] + 1]
    what = ", ".join(f"{key} {columns[key].values[columns[key].codes[first]]!r}" for key in (*KEY, "case_id", "repeat"))
    return (
        f"{name}: rows {first + 1} and {second + 1} are the same answer ({what}); {same.size} such in all: "
        "number several answers to one case with `repeat`"
    )


def _runs(
    table: pa.Table, columns: Mapping[str, Column], scores: Floats, where: tuple[Codes, Codes, Codes]
) -> Iterator[Run]:
    """Cells averaged over repeats, cut where the run changes; of a probe ``pass@k`` the best repeat counts."""
    order, starts, cuts = where
    heads = order[starts]
    means = np.add.reduceat(scores[order], starts)
    if starts.size < order.size:
        means /= np.diff(starts, append=order.size)
        kinds = columns["technique"]
        any_of = np.array([bool(ANY_OF.fullmatch(kind or "")) for kind in kinds.values])[kinds.codes[heads]]
        if any_of.any():
            means = np.where(any_of, np.maximum.reduceat(scores[order], starts), means)
    flags = np.logical_or.reduceat(_flags(table)[order], starts)
    cases = columns["case_id"].codes[heads]
    usage = {name: _floats(table[name]) for name in NUMBERS if name in table.column_names}
    for start, stop in zip(cuts, np.append(cuts[1:], heads.size), strict=True):
        part = slice(start, stop)
        rows = order[starts[start] : starts[stop] if stop < heads.size else order.size]
        about = {key: columns[key].values[columns[key].codes[heads[start]]] for key in KEY}
        yield Run(**about, cases=cases[part], scores=means[part], flagged=flags[part], usage=_usage(usage, rows))


def _flags(table: pa.Table) -> NDArray[np.bool_]:
    if "flagged" not in table.column_names:
        return np.broadcast_to(np.bool_(False), table.num_rows)
    return cast("NDArray[np.bool_]", pc.fill_null(table["flagged"], False).to_numpy())


def _usage(columns: Mapping[str, Floats], rows: Codes) -> dict[str, float]:
    """Means over the rows that carry the number; a column without any is left out."""
    taken = {name: values[rows] for name, values in columns.items()}
    return {name: float(np.nanmean(part)) for name, part in taken.items() if not np.isnan(part).all()}


def _techniques(columns: Mapping[str, Column]) -> dict[str, str]:
    contender, technique = columns["contender"], columns["technique"]
    of = np.zeros(len(contender.values), dtype=np.int64)
    of[contender.codes] = technique.codes
    return {name: technique.values[code] for name, code in zip(contender.values, of, strict=True)}


def _clusters(columns: Mapping[str, Column]) -> dict[str, Codes]:
    """Per suite the cluster code of every case code, shape (all cases,); -1 for a case that is not in it."""
    suite, case = columns["suite"], columns["case_id"]
    of = np.full((len(suite.values), len(case.values)), -1, dtype=np.int64)
    of[suite.codes, case.codes] = columns["cluster"].codes
    return {name: of[i] for i, name in enumerate(suite.values)}


def _hash(runs: tuple[Run, ...], cases: list[str], clusters: Mapping[str, Codes], columns: Mapping[str, Column]) -> str:
    """Of everything that can change a verdict, independent of the order of rows."""
    digest = blake2b(digest_size=LENGTH // 2)
    digest.update(repr((cases, columns["cluster"].values, _techniques(columns))).encode("utf-8", "surrogatepass"))
    for suite, codes in sorted(clusters.items()):
        digest.update(suite.encode() + codes.tobytes())
    for run in runs:
        digest.update(repr([getattr(run, key) for key in KEY]).encode() + repr(sorted(run.usage.items())).encode())
        digest.update(run.cases.tobytes() + run.scores.tobytes() + run.flagged.tobytes())
    return digest.hexdigest()
