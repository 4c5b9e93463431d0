"""What was measured, as a report's values: means, single trainings, use of tokens and time, loss curves.

>>> by_seed(deciding(rows, "triage", "json_exact"))["sft"]           # doctest: +SKIP
[(1000, 0.83), (1001, 0.841), (1002, 0.835)]
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from harness.arrow import distinct, plain
from harness.report.gathered import Curve, Span
from harness.trial import Training
from harness.verdict import Summary

POINTS = 120
"""Points a loss curve is drawn with: more cannot be seen."""


def within(one: Summary) -> Span:
    """A mean's interval inside [0, 1] and around its estimate: the pseudo-cases pull its centre to one half."""
    span = one.interval
    if not Span(span.estimate, span.lower, span.upper).known:
        return Span(span.estimate, span.lower, span.upper)
    return Span(span.estimate, max(0.0, min(span.lower, span.estimate)), min(1.0, max(span.upper, span.estimate)))


def curve(training: Training) -> Curve:
    """At most ``POINTS`` points: means of neighbouring steps."""
    losses = training.losses
    width = max(1, -(-len(losses) // POINTS))
    parts = [losses[at : at + width] for at in range(0, len(losses), width)]
    points = tuple((part[-1][0], sum(loss for _, loss, *_ in part) / len(part)) for part in parts)
    return Curve(training.recipe, training.seed, points)


def deciding(rows: pa.Table, suite: str, metric: str) -> pa.Table:
    """The rows of one suite and metric. A chunk of a store's rows is one metric's, so that others need not be gone through."""
    named = [batch for batch in rows.to_batches() if metric in distinct(batch["metric"])]
    found = pa.Table.from_batches(named, schema=rows.schema)
    found = found.filter((pc.field("suite") == suite) & (pc.field("metric") == metric))
    return plain(found)


def by_seed(rows: pa.Table) -> dict[str, list[tuple[int, float]]]:
    """Contender to the mean of each training seed, on the clean test cases of the deciding rows."""
    clean = rows.filter((pc.field("split") == "test") & ~pc.field("flagged") & pc.field("training_seed").is_valid())
    means = (
        clean.group_by(["contender", "training_seed"])
        .aggregate([("score", "mean")])
        .sort_by([("contender", "ascending"), ("training_seed", "ascending")])
    )
    found: dict[str, list[tuple[int, float]]] = {}
    for row in means.to_pylist():
        if row["score_mean"] is not None:
            found.setdefault(row["contender"], []).append((row["training_seed"], row["score_mean"]))
    return found


USED = ("prompt_tokens", "output_tokens", "seconds", "cost")


def usage(rows: pa.Table) -> list[dict[str, Any]]:
    """Each contender's means an answer, over all that it answered, from the deciding rows."""
    grouped = rows.group_by(["contender", "technique"]).aggregate([("case_id", "count"), *((u, "mean") for u in USED)])
    return [
        {
            "contender": row["contender"],
            "technique": row["technique"],
            "answers": row["case_id_count"],
            "means": {name.replace("cost", "usd"): row[f"{name}_mean"] for name in USED},
        }
        for row in grouped.to_pylist()
    ]
