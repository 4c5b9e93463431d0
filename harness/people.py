"""What people say of answers that a judge graded: labels in the suite's folder, each of one stored answer.

    # suites/reply/suite.toml
    labels = "labels.jsonl"

    {"trial": "5f0c…", "reviewer": "a", "scores": {"action": 1, "calm": 2}}          or "score": 0.8 for the whole

``harness judge sample`` writes answers to be graded, in random order and without names; what is filled in is a file of labels.
A label is of the answer that was read: when a contender is trained anew, its labels no longer count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from harness.declaration import read_jsonl
from harness.errors import BadInput, suggest
from harness.metrics.rubric import Criterion, graded
from harness.store import Store
from harness.suite import Suite

KEYS = ("trial", "reviewer", "scores", "score", "asked", "reference", "answer")
PLACES = ("suite", "contender", "technique", "case_id", "data_fraction", "training_seed", "split", "cluster")


@dataclass(frozen=True, slots=True)
class Label:
    """One reviewer's score in [0, 1] of one answer, and the number for each criterion where it was graded so."""

    trial: str
    reviewer: str
    score: float
    scores: Mapping[str, int] | None = None


def load_labels(suite: Suite, criteria: Sequence[Criterion]) -> list[Label]:
    """The labels of a suite; lines that nobody has filled in are left out.

    Raises:
        BadInput: naming file and line, for a score off its scale, a criterion that is missing or unknown, or two labels of
            one answer by one reviewer.
    """
    path, seen, found = suite.path(suite.labels or ""), dict[tuple[str, str], int](), list[Label]()
    for number, values in read_jsonl(path):
        try:
            label = _label(values, criteria)
        except BadInput as error:
            raise BadInput(f"{path}:{number}: {error}") from error
        if label is None:
            continue
        first = seen.setdefault((label.trial, label.reviewer), number)
        if first != number:
            raise BadInput(
                f"{path}:{number}: reviewer {label.reviewer!r} graded this answer on line {first} too: keep one"
            )
        found.append(label)
    return found


def rows_of(
    labels: Sequence[Label], store: Store, experiment: str, *, metric: str, model: str, like: pa.Schema
) -> pa.Table:
    """Labels as rows of a verdict, graded by people; several reviewers of an answer are repeats of it."""
    places = store.places(experiment, model, [label.trial for label in labels])
    rows: list[dict[str, Any]] = []
    count: dict[tuple[Any, ...], int] = {}
    for label in sorted(labels, key=lambda label: (label.trial, label.reviewer)):
        for place in places.get(label.trial, ()):
            repeat = count[place] = count.get(place, -1) + 1
            named = dict(zip(PLACES, place, strict=True))
            rows.append({**named, "metric": metric, "repeat": repeat, "score": label.score, "source": "human"})
    return pa.Table.from_pylist([{"flagged": False, **row} for row in rows], schema=like)


def _label(values: Mapping[str, Any], criteria: Sequence[Criterion]) -> Label | None:
    for key in values:
        if key not in KEYS:
            raise BadInput(f"unknown key {key!r}: {suggest(key, KEYS)}")
    scores, score = values.get("scores"), values.get("score")
    if score is None and (
        scores is None or (isinstance(scores, dict) and not any(v is not None for v in scores.values()))
    ):
        return None
    trial, reviewer = values.get("trial"), values.get("reviewer")
    if not isinstance(trial, str) or not trial:
        raise BadInput("trial: missing: it says which answer was graded; `harness judge sample` writes it")
    if not isinstance(reviewer, str) or not reviewer.strip():
        raise BadInput("reviewer: missing: write a name or a pseudonym, so that two reviewers can be told apart")
    if score is not None:
        return Label(trial, reviewer, _whole(score))
    return Label(trial, reviewer, _by_criteria(scores, criteria), scores)


def _whole(score: Any) -> float:
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise BadInput(f"score: given {score!r}: write a number from 0 to 1, or grade by criteria in 'scores'")
    return float(score)


def _by_criteria(scores: Any, criteria: Sequence[Criterion]) -> float:
    """As the judge's are."""
    if not isinstance(scores, dict):
        raise BadInput(f"scores: given {str(scores)[:40]!r}: write one number for each criterion")
    for name in scores:
        if name not in {criterion.id for criterion in criteria}:
            raise BadInput(f"scores: no criterion {name!r}: {suggest(name, [criterion.id for criterion in criteria])}")
    return graded(criteria, scores)
