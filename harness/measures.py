"""What a suite measures its own training data by: its metrics, and how its answers decline.

(measured,) = measures_of(load_suite(Path("suites/reply")))
measured.score("Where is my box?", "It is late.", {})        # 0.31, or None without a reference

A reference is the column ``reference`` of the row, or that of a case that asks the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from harness.data.audit import Measured
from harness.data.audit.entry import digest
from harness.data.words import plain
from harness.errors import BadInput, Incomplete
from harness.metrics import Metric, load_metric
from harness.metrics.decline import declining
from harness.pattern import Pattern
from harness.suite import Case, Cases, Suite


def declining_of(suite: Suite | None) -> Pattern | None:
    """How a suite's answers decline, where it says so itself.

    Raises:
        BadInput: for what is no regular expression.
    """
    return declining(suite) if suite is not None and suite.declining else None


def measures_of(suite: Suite) -> list[Measured]:
    """The suite's metrics that need nothing but a text, the deciding one first; those that nobody but a judge scores are left out."""
    references = {digest(plain(case.input)): case.reference for case in Cases(suite.path(suite.cases))}
    return [Measured(metric.name, partial(_score, metric, references)) for metric in _metrics(suite)]


def _metrics(suite: Suite) -> list[Metric]:
    if suite.form != "generate":
        return []
    found = []
    for name in suite.all_metrics:
        try:
            metric = load_metric(name, suite)
        except BadInput:  # a rubric without rules is a judge's alone
            continue
        if not (metric.judge or metric.amount or metric.retrieval or metric.whole):
            found.append(metric)
    return found


def _score(
    metric: Metric, references: Mapping[bytes, str], asked: str, answer: str, more: Mapping[str, Any]
) -> float | None:
    reference = more.get("reference", references.get(digest(plain(asked))))
    if metric.needs_reference and not isinstance(reference, str):
        return None
    try:
        return metric(Case("", asked, reference if isinstance(reference, str) else ""), answer)
    except (BadInput, Incomplete):
        return None
