"""The table that a verdict is decided on, made so that ten million rows fit: what is said of a trial is held once for all metrics.

    suite   contender  technique  metric       case_id  …  score  error          …  seconds
    triage  zero_shot  prompt     exact_match  t17         1.0                      0.21
    triage  qlora      tune       exact_match  t17                not generated

Trials are ordered once; each metric brings its scores in that order, and stands as a chunk beside columns that it shares with the
other metrics of its suite. One query for all, with its join and its sort of every row, took more memory than DuckDB is given here
from some millions of rows on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from harness.store.rows import ROWS

if TYPE_CHECKING:
    from harness.store.database import Database

ORDER = "suite, contender, data_fraction, training_seed NULLS FIRST, case_id, repeat"
PLACED = f"""
    CREATE OR REPLACE TEMP TABLE placed AS
    WITH flags AS (
        SELECT unnest($flag_suites::VARCHAR[]) AS suite, unnest($flag_contenders::VARCHAR[]) AS contender,
            unnest($flag_cases::VARCHAR[]) AS case_id)
    SELECT row_number() OVER (ORDER BY {ORDER}) AS place, suite, contender, technique, case_id, data_fraction, training_seed,
        repeat::BIGINT AS repeat, split, cluster, flags.case_id IS NOT NULL AS flagged, prompt_tokens, output_tokens, seconds, cost,
        trial_id, g.trial_id IS NOT NULL AS there, g.error AS failed
    FROM trials LEFT JOIN generations g USING (trial_id) LEFT JOIN flags USING (suite, contender, case_id)
    WHERE experiment = $experiment AND model = $model AND suite IN (SELECT unnest($suites::VARCHAR[]))
"""
SAID = """
    SELECT suite, contender, technique, case_id, data_fraction, training_seed, repeat, split, cluster, flagged, prompt_tokens,
        output_tokens, seconds, cost
    FROM placed ORDER BY place
"""
SCORED = """
    SELECT suite, CASE WHEN failed IS NULL AND s.error IS NULL THEN s.value END AS score,
        CASE WHEN NOT there THEN 'not generated' WHEN failed IS NOT NULL THEN failed
            WHEN s.trial_id IS NULL THEN 'not scored' ELSE s.error END AS error
    FROM placed LEFT JOIN (
        SELECT trial_id, value, error FROM scores WHERE metric = $metric AND metric_hash = $hash) s USING (trial_id)
    WHERE suite IN (SELECT unnest($suites::VARCHAR[])) ORDER BY place
"""

LACKING = """
    SELECT DISTINCT cell FROM trials JOIN generations g USING (trial_id)
    ANTI JOIN (SELECT trial_id FROM scores WHERE metric = $metric AND metric_hash = $hash AND error IS NULL) s USING (trial_id)
    WHERE experiment = $experiment AND suite IN (SELECT unnest($suites::VARCHAR[])) AND g.error IS NULL
"""


def lacking(database: Database, experiment: str, metrics: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
    """(cell, metric) wherever an answer lacks a score, sorted; a metric at a time, as above."""
    return sorted(
        (cell, metric)
        for metric, digest in _metrics(metrics)
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
    flags = [(suite, contender, case) for (suite, contender), cases in flagged.items() for case in set(cases)]
    named = {"flag_suites": 0, "flag_contenders": 1, "flag_cases": 2}
    given: dict[str, Any] = {key: [flag[place] for flag in flags] for key, place in named.items()}
    database.run(PLACED, {**given, "experiment": experiment, "model": model, "suites": list(metrics)})
    try:
        said = _parts(database.query(SAID))
        scores = {place: part for name in _metrics(metrics) for place, part in _scores(database, *name, metrics)}
    finally:
        database.run("DROP TABLE placed")
    chunks = [
        _chunk(said[suite], metric, sources.get(metric, "program"), scores[suite, metric])
        for suite in sorted(said)
        for metric in sorted(metrics[suite])
    ]
    return pa.concat_tables(chunks) if chunks else ROWS.empty_table()


def _metrics(metrics: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], None]:
    """Every metric with its hash, once for all suites that share it."""
    return {item: None for named in metrics.values() for item in named.items()}


def _suites(metrics: Mapping[str, Mapping[str, str]], metric: str, digest: str) -> list[str]:
    """Those that have this version of a metric."""
    return [suite for suite, named in metrics.items() if named.get(metric) == digest]


def _scores(
    database: Database, metric: str, digest: str, metrics: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[tuple[str, str], pa.Table]]:
    """(suite, metric) and its scores, in the order of places."""
    given = {"metric": metric, "hash": digest, "suites": _suites(metrics, metric, digest)}
    found = database.query(SCORED, given)
    for suite, part in _parts(found).items():
        yield (suite, metric), part


def _parts(table: pa.Table) -> dict[str, pa.Table]:
    """Suite -> its rows, without a copy: they stand together."""
    suites = table["suite"]
    ends = pc.run_end_encode(suites.combine_chunks() if suites.num_chunks != 1 else suites.chunk(0))
    parts, start = {}, 0
    for suite, end in zip(ends.values.to_pylist(), ends.run_ends.to_pylist(), strict=True):
        parts[suite] = table.slice(start, end - start)
        start = end
    return parts


def _chunk(said: pa.Table, metric: str, source: str, scores: pa.Table) -> pa.Table:
    """One metric of one suite."""
    columns = {name: said[name] for name in said.column_names}
    columns |= {"score": scores["score"], "error": scores["error"]}
    for name, value in (("metric", metric), ("source", source)):
        columns[name] = pa.repeat(pa.scalar(value, pa.string()), said.num_rows)
    return pa.table([columns[field.name] for field in ROWS], names=ROWS.names).cast(ROWS)
