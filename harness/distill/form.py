"""Whether an answer has the form that the suite asks for: whole, and JSON by the schema or one of the labels where that is the task.

wrong = form(suite, labels)
wrong(generation)                            # 'is not what the schema allows', or None
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from harness.contender import Contender
from harness.metrics import load_metric
from harness.prompt import final_answer
from harness.suite import Case, Suite
from harness.trial import Generation

CUT, REFUSED, EMPTY = "is cut off: it has no end", "is a refusal of the model's provider", "is empty"
NO_SCHEMA, NO_JSON, NO_LABEL = "is not what the schema allows", "is not JSON", "is none of the labels"
JSON = ("json_valid", "json_exact", "json_fields", "json_schema")
LABELLED = ("accuracy", "exact_match")
CLASSES, SEVERAL = 50, 5
"""Answers are labels where there are at most so many different ones, each in so many rows on the average."""

Wrong = Callable[[Generation], str | None]


def form(suite: Suite, contender: Contender, answers: Iterable[str]) -> Wrong:
    """What is wrong with an answer of a contender; ``answers`` are those of the training rows."""
    named = _named(suite)
    metrics = [(load_metric(name, suite), why) for name, why in named]
    labels = _labels(answers) if suite.metric in LABELLED else frozenset()
    case = Case("new", "", "")

    def wrong(row: Generation) -> str | None:
        text = said(contender, row)
        if row.finish == "refusal":
            return REFUSED
        if row.finish == "length":
            return CUT
        if not text.strip():
            return EMPTY
        if labels and _label(text) not in labels:
            return NO_LABEL
        return next((why for metric, why in metrics if metric(case, text) < 1), None)

    return wrong


def said(contender: Contender, row: Generation) -> str:
    """The answer, without the thoughts before it where the teacher was told to think."""
    return final_answer(contender, row.text or "")


def _named(suite: Suite) -> list[tuple[str, str]]:
    """Metrics that tell the form, and what it means to miss them; JSON may be dug out where the suite's own metric does."""
    head, *arguments = suite.metric.split(":")
    dug = ":extract" if "extract" in arguments else ""
    if suite.schema_file:
        return [(f"json_schema{dug}", NO_SCHEMA)]
    return [(f"json_valid{dug}", NO_JSON)] if head in JSON else []


def _labels(answers: Iterable[str]) -> frozenset[str]:
    """The labels of a task whose answers are labels; empty where they are texts."""
    counts = Counter(map(_label, answers))
    few = 1 < len(counts) <= min(CLASSES, counts.total() // SEVERAL)
    return frozenset(counts) if few else frozenset()


def _label(text: str) -> str:
    return text.strip().casefold()
