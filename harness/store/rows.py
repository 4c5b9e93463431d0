"""What is read out of the store: the rows of a verdict and the answers to browse, as schemas and SQL.

    suite   contender  technique  metric       case_id  …  score  error          …  seconds
    triage  zero_shot  prompt     exact_match  t17         1.0                      0.21
    triage  qlora      tune       exact_match  t17                not generated

What was not measured is a row too.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

TEXT = pa.dictionary(pa.int32(), pa.string())
"""Texts that come again and again: a code a row, and each text once."""
ROWS = pa.schema(
    [
        ("suite", TEXT),
        ("contender", TEXT),
        ("technique", TEXT),
        ("metric", TEXT),
        ("case_id", TEXT),
        ("data_fraction", pa.float64()),
        ("training_seed", pa.int64()),
        ("repeat", pa.int64()),
        ("split", TEXT),
        ("cluster", TEXT),
        ("score", pa.float64()),
        ("error", TEXT),
        ("source", TEXT),
        ("flagged", pa.bool_()),
        ("prompt_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("seconds", pa.float64()),
        ("cost", pa.float64()),
    ]
)
"""What a verdict is decided on."""

WANTED = """wanted AS (
        SELECT unnest($suites::VARCHAR[]) AS suite, unnest($metrics::VARCHAR[]) AS metric,
            unnest($hashes::VARCHAR[]) AS metric_hash)"""

OUTPUT = "text, prompt_tokens, output_tokens, seconds, cost, finish, documents, logprob, logprob_tokens"
"""The columns of an ``Output``, in its order."""

OUTPUTS = f"""
    SELECT case_id, {OUTPUT} FROM asked JOIN generations g USING (trial_id)
    WHERE cell = $cell AND repeat = 0 AND case_id IN (SELECT unnest($cases::VARCHAR[])) AND g.error IS NULL
    ORDER BY case_id
"""

UNSCORED = f"""
    WITH named AS (SELECT unnest($metrics::VARCHAR[]) AS metric, unnest($hashes::VARCHAR[]) AS metric_hash)
    SELECT trial_id, min(case_id), list(DISTINCT metric ORDER BY metric),
        {", ".join(f"any_value({name})" for name in OUTPUT.split(", "))}
    FROM asked JOIN generations g USING (trial_id) CROSS JOIN named
    ANTI JOIN (SELECT trial_id, metric, metric_hash FROM scores WHERE error IS NULL) s
        USING (trial_id, metric, metric_hash)
    WHERE cell = $cell AND case_id IN (SELECT unnest($cases::VARCHAR[])) AND g.error IS NULL
    GROUP BY trial_id ORDER BY trial_id
"""

PICKED = """
    CREATE OR REPLACE TEMP TABLE picked AS
    SELECT * FROM trials WHERE experiment = $experiment AND suite = $suite
        AND data_fraction = 1 AND ($contender IS NULL OR contender = $contender) AND ($model IS NULL OR model = $model)
        AND ($whole OR (contender, case_id) IN (SELECT (unnest($contenders::VARCHAR[]), unnest($cases::VARCHAR[]))))
"""
"""A table, not a part of what follows: DuckDB then knows how few they are, and takes half the time."""

ANSWERS_OF = f"""
    WITH {WANTED},
    newest AS (
        SELECT trial_id, metric, arg_max(value, scores.scored) FILTER (error IS NULL) AS value
        FROM scores SEMI JOIN picked USING (trial_id)
        WHERE $any OR (metric, metric_hash) IN (SELECT (metric, metric_hash) FROM wanted) GROUP BY ALL),
    graded AS (SELECT trial_id, list((metric, value) ORDER BY metric) AS scores FROM newest GROUP BY trial_id)
    SELECT suite, contender, model, case_id, split, training_seed, repeat, trial_id, messages, documents, text,
        CASE WHEN g.trial_id IS NULL THEN 'not generated' ELSE g.error END, finish, scores
    FROM picked JOIN prompts USING (trial_id) LEFT JOIN generations g USING (trial_id) LEFT JOIN graded USING (trial_id)
    ORDER BY case_id, model, contender, training_seed NULLS FIRST, repeat
"""


def wanted(metrics: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """The parameters of ``WANTED``, from suite -> {metric: its hash}."""
    rows = [(suite, metric, digest) for suite, named in metrics.items() for metric, digest in named.items()]
    return {name: [row[i] for row in rows] for i, name in enumerate(("suites", "metrics", "hashes"))}
