"""What people say of stored answers, as rows of a verdict.

    # suites/reply/suite.toml
    labels = "labels.jsonl"

    {"trial": "5f0c…", "reviewer": "a", "scores": {"action": 1, "calm": 2}}          or "score": 0.8 for the whole

``harness judge sample`` writes answers to be graded, in random order and without names; what is filled in is a file of labels.
``harness review`` asks on a page instead, and keeps what is said in the store: labels too with ``--rate``, and otherwise which of
two answers to a case is better. That is a score of the one contender under the metric ``pairwise:OTHER``: 1, 0.5 for a tie, or 0.
Under it the other one has 0.5, so that a difference of two means is what people prefer.

What is said is of the answer that was read: when a contender is trained anew, it no longer counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow as pa

from harness.declaration import read_jsonl
from harness.errors import BadInput, suggest
from harness.fingerprint import fingerprint
from harness.metrics.rubric import Criterion, graded
from harness.store.reviews import Review
from harness.suite import Suite

KEYS = ("trial", "reviewer", "scores", "score", "asked", "reference", "answer")
PAIRWISE = "pairwise:"
"""What the metric's name begins with that says how often an answer is better than the named contender's."""
TIE = 0.5


class Place(NamedTuple):
    """Where an experiment asks a trial."""

    suite: str
    contender: str
    technique: str
    case_id: str
    data_fraction: float
    training_seed: int | None
    split: str
    cluster: str


Places = Mapping[str, Sequence[Place]]
"""Trial id → where it is asked."""
Mark = tuple[str, Place, float]
"""(metric, whose answer, score)."""


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


def labels_of(reviews: Iterable[Review], criteria: Sequence[Criterion]) -> list[Label]:
    """Answers that were rated on the page by these very criteria."""
    rubric = rubric_id(criteria)
    rated = [(one, one.grades) for one in reviews if one.grades is not None and one.rubric == rubric]
    return [Label(one.trial, one.reviewer, graded(criteria, grades), grades) for one, grades in rated]


def rubric_id(criteria: Sequence[Criterion]) -> str:
    """Fingerprint of what a reviewer reads: another weight leaves a rating as it is, another word does not."""
    return fingerprint([(criterion.id, criterion.text, criterion.anchors) for criterion in criteria])


def rated(labels: Iterable[Label], places: Places, *, suite: str, metric: str) -> Iterator[Mark]:
    """Labels as marks of a suite's metric."""
    for label in sorted(labels, key=lambda label: (label.trial, label.reviewer)):
        for place in places.get(label.trial, ()):
            if place.suite == suite:
                yield metric, place, label.score


def compared(reviews: Iterable[Review], places: Places, declared: Mapping[str, Collection[str]]) -> Iterator[Mark]:
    """Comparisons as marks: of the one contender under the metric that names the other and, where the suite declares that
    metric, the other way round.
    """
    even: set[tuple[str, Place]] = set()
    for ours, theirs, score in _faced(reviews, places):
        for mine, other, won in ((ours, theirs, score), (theirs, ours, 1 - score)):
            metric = f"{PAIRWISE}{other.contender}"
            if mine is ours or metric in declared.get(other.suite, ()):
                yield metric, mine, won
                if (metric, other) not in even:
                    even.add((metric, other))
                    yield metric, other, TIE


def table(marks: Iterable[Mark], *, flagged: Mapping[tuple[str, str], Collection[str]], like: pa.Schema) -> pa.Table:
    """Marks as rows of a verdict, graded by people; several of an answer are repeats of it.

    ``flagged`` has, by suite and contender, the cases that overlap its training data.
    """
    rows: list[dict[str, Any]] = []
    count: dict[tuple[str, Place], int] = {}
    for metric, place, score in marks:
        repeat = count[metric, place] = count.get((metric, place), -1) + 1
        leaked = place.case_id in flagged.get((place.suite, place.contender), ())
        said = {"metric": metric, "repeat": repeat, "score": score, "source": "human", "flagged": leaked}
        rows.append({**place._asdict(), **said})
    return pa.Table.from_pylist(rows, schema=like) if rows else pa.Table.from_batches([], schema=like)


def _faced(reviews: Iterable[Review], places: Places) -> Iterator[tuple[Place, Place, float]]:
    """Every two contenders whose answers to a case were compared, and the score of the first."""
    for one in sorted(reviews, key=lambda one: (one.trial, one.other or "", one.reviewer)):
        if one.other is not None and one.score is not None:
            for ours in places.get(one.trial, ()):
                for theirs in places.get(one.other, ()):
                    same = (ours.suite, ours.case_id) == (theirs.suite, theirs.case_id)
                    if same and ours.contender != theirs.contender:
                        yield ours, theirs, one.score


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
