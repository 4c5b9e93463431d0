"""Anybody's scores, validated once and kept as columns: one run of a contender is one slice.

Made by `load_rows` from anything with the Arrow C stream interface (pyarrow, pandas, polars, a DuckDB relation) or from
a Parquet, CSV or JSONL file; ``harness verdict --scores FILE`` exercises it. One row::

    {"suite": "triage", "contender": "sft", "technique": "tune", "metric": "exact_match", "case_id": "t-0017",
     "training_seed": 2, "split": "test", "cluster": "customer-4", "score": 1.0}

Rows are sorted by what they are about, so that whatever order they came in, the same numbers are added in the same
order. A null score (``error`` says why) becomes NaN and stays: it is never a zero and never dropped.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from operator import attrgetter
from typing import Any

import numpy as np

from harness.verdict.check import check_columns, check_values
from harness.verdict.column import Codes, Column, aligned, each, encode
from harness.verdict.run import KEY, Run, runs_of
from harness.verdict.source import NUMBERS, read_table

LENGTH = 20


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
        runs = self.of(wanted["suite"], wanted["metric"]) if wanted.keys() >= {"suite", "metric"} else self.runs
        return (run for run in runs if all(getattr(run, name) == value for name, value in wanted.items()))

    def of(self, suite: str, metric: str) -> tuple[Run, ...]:
        """The runs of a suite and metric, which stand together."""
        start = bisect_left(self.runs, (suite, metric), key=attrgetter("suite", "metric"))
        stop = bisect_right(self.runs, (suite, metric), key=attrgetter("suite", "metric"))
        return self.runs[start:stop]


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
    table = aligned(table)
    columns = {key: encode(table, key) for key in (*KEY, "case_id", "repeat", "technique")}
    columns["cluster"] = encode(table, "cluster") if "cluster" in table.column_names else columns["case_id"]
    table = table.select([key for key in table.column_names if key in NUMBERS or key in ("score", "error", "flagged")])
    check_values(table, columns, name, amounts=amounts)
    runs = runs_of(table, columns, name)
    clusters = _clusters(columns)
    cases = columns["case_id"].values
    digest = _hash(runs, cases, clusters, columns)
    return Rows(runs, _techniques(columns), cases, clusters, table.num_rows, digest, amounts)


def _techniques(columns: Mapping[str, Column]) -> dict[str, str]:
    contender, technique = columns["contender"], columns["technique"]
    of = np.zeros(len(contender.values), dtype=np.int64)
    each(of.__setitem__, contender.chunks, technique.chunks)
    return {name: technique.values[code] for name, code in zip(contender.values, of, strict=True)}


def _clusters(columns: Mapping[str, Column]) -> dict[str, Codes]:
    """Per suite the cluster code of every case code, shape (all cases,); -1 for a case that is not in it."""
    suite, case = columns["suite"], columns["case_id"]
    of = np.full((len(suite.values), len(case.values)), -1, dtype=np.int64)
    each(lambda *at: of.__setitem__(at[:2], at[2]), suite.chunks, case.chunks, columns["cluster"].chunks)
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
