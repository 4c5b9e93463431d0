"""What was measured, as a report's values: means, single trainings, use of tokens and time, loss curves.

>>> by_seed(rows, "triage", "json_exact")["sft"]                     # doctest: +SKIP
[(1000, 0.83), (1001, 0.841), (1002, 0.835)]
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

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


def by_seed(rows: pa.Table, suite: str, metric: str) -> dict[str, list[tuple[int, float]]]:
    """Contender to the mean of each training seed, on the clean test cases."""
    wanted = (pc.field("suite") == suite) & (pc.field("metric") == metric) & (pc.field("split") == "test")
    clean = rows.filter(wanted & ~pc.field("flagged") & pc.field("training_seed").is_valid())
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


def usage(rows: pa.Table, suite: str, metric: str) -> list[dict[str, Any]]:
    """Each contender's means an answer, over all that it answered."""
    mine = rows.filter((pc.field("suite") == suite) & (pc.field("metric") == metric))
    grouped = mine.group_by(["contender", "technique"]).aggregate([("case_id", "count"), *((u, "mean") for u in USED)])
    return [
        {
            "contender": row["contender"],
            "technique": row["technique"],
            "answers": row["case_id_count"],
            "means": {name.replace("cost", "usd"): row[f"{name}_mean"] for name in USED},
        }
        for row in grouped.to_pylist()
    ]
