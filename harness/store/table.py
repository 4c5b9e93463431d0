"""The table that a verdict is decided on, made so that ten million rows fit: what is said of a trial is held once for all metrics.

    suite   contender  technique  metric       case_id  …  score  error          …  seconds
    triage  zero_shot  prompt     exact_match  t17         1.0                      0.21
    triage  qlora      tune       exact_match  t17                not generated

Trials are put in order once and numbered. All scores are gone through once, and each is put where the number of its trial says;
nothing is sorted by texts, and texts leave DuckDB as codes (an ENUM there, a dictionary in Arrow). Each metric of a suite is a
chunk, whose columns but for score and error are those of the suite's other metrics, in the same memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.arrow import coded, texts, to_arrow, to_numpy
from harness.store.rows import ROWS

if TYPE_CHECKING:
    from harness.store.database import Database

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Place = tuple[str, str]
"""A suite and a metric."""

CHOSEN = """
    CREATE OR REPLACE TEMP TABLE chosen AS
    SELECT cell, suite, contender, technique, data_fraction, training_seed,
        row_number() OVER (ORDER BY suite, contender, data_fraction, training_seed NULLS FIRST) AS number
    FROM cells WHERE experiment = $experiment AND model = $model AND suite IN (SELECT unnest($suites::VARCHAR[]))
"""
OF_CELLS, OF_TRIALS = ("suite", "contender", "technique"), ("case_id", "split", "cluster")
TYPE = "CREATE TEMP TYPE coded_{0} AS ENUM (SELECT DISTINCT {0} FROM chosen JOIN asked USING (cell) ORDER BY 1)"
PLACED = f"""
    CREATE OR REPLACE TEMP TABLE placed AS
    WITH flags AS (
        SELECT unnest($flag_suites::VARCHAR[]) AS suite, unnest($flag_contenders::VARCHAR[]) AS contender,
            unnest($flag_cases::VARCHAR[]) AS case_id)
    SELECT row_number() OVER (ORDER BY number, case_id::coded_case_id, repeat) - 1 AS place, number,
        {", ".join(f"{name}::coded_{name} AS {name}" for name in OF_TRIALS)}, repeat::BIGINT AS repeat,
        flags.case_id IS NOT NULL AS flagged, prompt_tokens, output_tokens, seconds, cost, trial_id,
        g.trial_id IS NOT NULL AS there, g.error AS failed
    FROM asked JOIN chosen USING (cell) LEFT JOIN generations g USING (trial_id) LEFT JOIN flags USING (suite, contender, case_id)
"""
SAID = f"""
    SELECT {", ".join(f"{name}::coded_{name} AS {name}" for name in OF_CELLS)}, {", ".join(OF_TRIALS)}, data_fraction,
        training_seed, repeat, flagged, prompt_tokens, output_tokens, seconds, cost
    FROM placed JOIN chosen USING (number) ORDER BY place
"""
WANTED = """
    WITH wanted AS (
        SELECT unnest($metrics::VARCHAR[]) AS metric, unnest($hashes::VARCHAR[]) AS metric_hash,
            unnest(range(len($metrics::VARCHAR[]))) AS version)
"""
SCORED = f"""
    {WANTED} SELECT place, version, value
    FROM scores s JOIN wanted USING (metric, metric_hash) JOIN placed USING (trial_id)
    WHERE s.error IS NULL AND failed IS NULL AND there
"""
FAILED = f"""
    {WANTED} SELECT place, version, s.error AS error
    FROM scores s JOIN wanted USING (metric, metric_hash) JOIN placed USING (trial_id)
    WHERE s.error IS NOT NULL AND failed IS NULL AND there
"""
ABSENT = "SELECT place, coalesce(failed, 'not generated') AS error FROM placed WHERE failed IS NOT NULL OR NOT there"

UNSCORED = "not scored"

LACKING = """
    SELECT DISTINCT cell FROM trials JOIN generations g USING (trial_id)
    ANTI JOIN (SELECT trial_id FROM scores WHERE metric = $metric AND metric_hash = $hash AND error IS NULL) s USING (trial_id)
    WHERE experiment = $experiment AND suite IN (SELECT unnest($suites::VARCHAR[])) AND g.error IS NULL
"""


def lacking(database: Database, experiment: str, metrics: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """(cell, metric) wherever an answer lacks a score, sorted; a metric at a time, so that a large store fits."""
    return sorted(
        (cell, metric)
        for metric, digest in _versions(metrics)
        for (cell,) in database.run(
            LACKING,
            {"experiment": experiment, "metric": metric, "hash": digest, "suites": _suites(metrics, metric, digest)},
        )
    )


def scored_rows(
    database: Database,
    experiment: str,
    model: str,
    metrics: Mapping[str, Mapping[str, str]],
    *,
    sources: Mapping[str, str],
    flagged: Mapping[tuple[str, str], Collection[str]],
) -> pa.Table:
    """The rows (columns ``ROWS``) of a base model, by suite, metric, contender, share of the data, seed, case and repeat.

    Args:
        metrics: suite -> {metric: its hash}.
        sources: metric -> who gives its scores; ``program`` otherwise.
        flagged: (suite, contender) -> ids of cases.
    """
    given = {"experiment": experiment, "model": model, "suites": list(metrics)}
    with _placed(database, given, flagged):
        said = _said(database)
        spans = _spans(said)
        scores = _Scores(database, metrics, spans)
    same = np.zeros(said.num_rows, dtype=np.int32)

    def chunk(suite: str, metric: str) -> pa.Table:
        start, count = spans[suite]
        one, (score, error) = same[start : start + count], scores.of(suite, metric)
        named = {"metric": coded(one, texts([metric])), "source": coded(one, texts([sources.get(metric, "program")]))}
        columns = {
            **dict(zip(said.column_names, said.slice(start, count).columns, strict=True)),
            **named,
            "score": score,
            "error": error,
        }
        return pa.table([columns[field.name] for field in ROWS], schema=ROWS)

    chunks = [chunk(suite, metric) for suite in spans for metric in sorted(metrics[suite])]
    return pa.concat_tables(chunks) if chunks else pa.Table.from_batches([], schema=ROWS)


def _said(database: Database) -> pa.Table:
    """What is said of each trial, without its scores."""
    table = database.query(SAID).combine_chunks()
    for number, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) and table.num_rows:
            column = table.column(number).chunk(0)
            table = table.set_column(
                number, field.name, pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), column.dictionary)
            )
    return table


@contextmanager
def _placed(
    database: Database, given: Mapping[str, Any], flagged: Mapping[tuple[str, str], Collection[str]]
) -> Iterator[None]:
    """The trials of an experiment as the table ``placed``, while the block lasts."""
    flags = [(suite, contender, case) for (suite, contender), cases in flagged.items() for case in set(cases)]
    named = {"flag_suites": 0, "flag_contenders": 1, "flag_cases": 2}
    database.run(CHOSEN, given)
    try:
        for name in (*OF_CELLS, *OF_TRIALS):
            database.run(TYPE.format(name))
        database.run(PLACED, {key: [flag[place] for flag in flags] for key, place in named.items()})
        yield
    finally:
        database.run("DROP TABLE IF EXISTS placed")
        for name in (*OF_CELLS, *OF_TRIALS):
            database.run(f"DROP TYPE IF EXISTS coded_{name}")
        database.run("DROP TABLE chosen")


def _spans(said: pa.Table) -> dict[str, tuple[int, int]]:
    """Suite -> where its trials begin, and how many they are: they stand together."""
    if not said.num_rows:
        return {}
    column = said["suite"].chunk(0)
    codes = to_numpy(column.indices)
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    counts = np.diff(starts, append=codes.size)
    names = column.dictionary.to_pylist()
    return {names[codes[start]]: (int(start), int(count)) for start, count in zip(starts, counts, strict=True)}


class _Scores:
    """Every suite's and metric's scores in the order of places, one behind the other; NaN where there is none, and why not."""

    def __init__(
        self, database: Database, metrics: Mapping[str, Mapping[str, str]], spans: Mapping[str, tuple[int, int]]
    ) -> None:
        versions = {version: number for number, version in enumerate(_versions(metrics))}
        self._spans, self._starts, size = spans, dict[tuple[str, str], int](), 0
        trials = sum(count for _, count in spans.values())
        self._suite = np.repeat(np.arange(len(spans)), [count for _, count in spans.values()])
        self._shift = np.full((len(versions), len(spans)), -trials)
        for number, (suite, (start, count)) in enumerate(spans.items()):
            for metric, digest in metrics[suite].items():
                self._starts[suite, metric] = size
                self._shift[versions[metric, digest], number] = size - start
                size += count
        given = {"metrics": [metric for metric, _ in versions], "hashes": [digest for _, digest in versions]}
        self._values, self._why = np.full(size, np.nan), np.zeros(size, dtype=np.int32)
        self._absent, self._words = np.zeros(trials, dtype=np.int32), [UNSCORED]
        for batch in database.stream(SCORED, given) if size else ():
            self._put(self._values, batch, to_numpy(batch["value"]))
        for batch in database.stream(FAILED, given) if size else ():
            self._put(self._why, batch, self._coded(batch["error"]))
        for batch in database.stream(ABSENT) if size else ():
            self._absent[to_numpy(batch["place"])] = self._coded(batch["error"])

    def _put(self, into: NDArray[Any], batch: pa.RecordBatch, values: NDArray[Any]) -> None:
        """Of suites that have this version of a metric."""
        place = to_numpy(batch["place"])
        at = self._shift[to_numpy(batch["version"]), self._suite[place]] + place
        known = at >= 0
        into[at[known]] = values[known]

    def _coded(self, errors: pa.Array) -> Numbers:
        found = errors.dictionary_encode()
        self._words += (words := found.dictionary.to_pylist())
        return to_numpy(found.indices) + (len(self._words) - len(words))

    def of(self, suite: str, metric: str) -> tuple[pa.Array, pa.Array]:
        """Scores and errors, (n,)."""
        (start, count), at = self._spans[suite], self._starts[suite, metric]
        values, absent = self._values[at : at + count], self._absent[start : start + count]
        errors = np.where(absent > 0, absent, self._why[at : at + count])
        lacking = np.isnan(values)
        return to_arrow(values, nulls=lacking), coded(errors, texts(self._words), nulls=~lacking)


def _versions(metrics: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """Every metric with its hash, once for all suites that share it."""
    return list(dict.fromkeys(item for named in metrics.values() for item in named.items()))


def _suites(metrics: Mapping[str, Mapping[str, str]], metric: str, digest: str) -> list[str]:
    """Those that have this version of a metric."""
    return [suite for suite, named in metrics.items() if named.get(metric) == digest]
