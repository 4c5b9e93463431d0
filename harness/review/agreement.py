"""How far reviewers agree, of what two or more of them reviewed, and whether one prefers a side: ``harness review --agreement``.

    reply (embedded:tiny), pairs compared
      r5f0c9a1e3b: 60 decided, 14 of them ties, 2 skipped; the left one 27 times of 46 (0.47 to 0.69); 11 s each
      r77d0aa0192: 60 decided, 11 of them ties; the left one 24 times of 49 (0.38 to 0.60); 9 s each
      58 pairs of 58 cases that two or more decided
        accuracy 0.83 (0.74 to 0.90)
        cohen 0.71 (0.58 to 0.83)
        fleiss 0.71 (0.57 to 0.82)
        krippendorff 0.80 (0.68 to 0.89)

Krippendorff's alpha takes missing decisions, and a tie as lying between the two (ordinal); Fleiss' kappa is of what all reviewers
decided, Cohen's and the accuracy of two reviewers. Intervals are bootstraps over sources of cases, one-sided at the policy's alpha
on each side. Ties of equal answers, which nobody was asked about, are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import BadInput
from harness.evidence import Evidence
from harness.metrics.rubric import Criterion, graded, load_rubric
from harness.people import Place, rubric_id
from harness.plural import plural
from harness.sample import Contest
from harness.stats import Bounds, Statistic, accuracy, fleiss, kappa, krippendorff, mean
from harness.store.reviews import Review

Floats = NDArray[np.float64]
COMPARED = (0.0, 0.5, 1.0)
KINDS = {"compared": "pairs compared", "rated": "answers rated", "disagree": "pairs compared where scores differ most"}


@dataclass(frozen=True, slots=True)
class Reviewer:
    """What one of them did. ``left`` is the share of the left answer among pairs that were no tie, with its interval."""

    id: str
    decided: int
    ties: int
    skipped: int
    seconds: float | None
    decisive: int = 0
    lefts: int = 0
    left: Bounds | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """One kind of review of a suite: statistic → estimate and bounds, of the whole and, where answers were rated, of each
    criterion.
    """

    suite: str
    model: str
    kind: str
    reviewers: tuple[Reviewer, ...]
    shared: int
    cases: int
    whole: Mapping[str, Bounds]
    criteria: Mapping[str, Mapping[str, Bounds]]


@dataclass(frozen=True)
class _Table:
    """Decisions as numbers: (reviewers, items), NaN where there is none; ``clusters`` (items,)."""

    values: Floats
    clusters: NDArray[np.int64]

    def shared(self) -> _Table:
        """Of items that two or more decided."""
        several = np.isfinite(self.values).sum(axis=0) > 1
        return _Table(self.values[:, several], self.clusters[several])


def agreements(found: Evidence, suite: str, *, model: str | None = None) -> list[Agreed]:
    """How far the reviewers of a suite agree, one for each kind of review that there is.

    Raises:
        BadInput: for an unknown suite or model, and when nobody has reviewed it.
    """
    contest = Contest.of(found, suite, model)
    reviews = [one for one in found.store.reviews() if one.seconds is not None]
    places = found.store.places(found.experiment.name, contest.model, sorted({one.trial for one in reviews}))
    clusters = {
        trial: place.cluster
        for trial, some in places.items()
        for place in map(Place._make, some)
        if place.suite == suite
    }
    kinds: dict[str, list[Review]] = {}
    for one in reviews:
        if one.trial in clusters:
            kinds.setdefault(_kind(one), []).append(one)
    if not kinds:
        raise BadInput(f"nobody has reviewed suite {suite!r}: run `harness review {suite} --reviewer NAME`")
    return [_agreed(contest, kind, kinds[kind], clusters) for kind in KINDS if kind in kinds]


def lines(made: Sequence[Agreed]) -> Iterator[str]:
    """For a terminal."""
    for one in made:
        yield f"{one.suite} ({one.model}), {KINDS[one.kind]}"
        yield from (f"  {_told(reviewer)}" for reviewer in one.reviewers)
        what = "answer" if one.kind == "rated" else "pair"
        yield f"  {plural(one.shared, what)} of {plural(one.cases, 'case')} that two or more decided"
        yield from (f"    {key} {_interval(bounds)}" for key, bounds in one.whole.items())
        for name, some in one.criteria.items():
            yield from (f"    `{name}`: {key} {_interval(bounds)}" for key, bounds in some.items())


def as_dict(made: Sequence[Agreed]) -> list[dict[str, Any]]:
    """For a program; an unbounded end is null."""
    return [
        {
            **asdict(one),
            "reviewers": [{**asdict(who), "left": _plain(who.left)} for who in one.reviewers],
            "whole": {key: _plain(bounds) for key, bounds in one.whole.items()},
            "criteria": {
                name: {key: _plain(bounds) for key, bounds in some.items()} for name, some in one.criteria.items()
            },
        }
        for one in made
    ]


def _kind(one: Review) -> str:
    return "rated" if one.other is None else "compared" if one.drawn == "even" else "disagree"


def _agreed(contest: Contest, kind: str, reviews: list[Review], clusters: Mapping[str, str]) -> Agreed:
    alpha = contest.found.policy.alpha
    by: dict[str, list[Review]] = {}
    for one in reviews:
        by.setdefault(one.reviewer, []).append(one)
    criteria = _rubric(contest) if kind == "rated" else ()
    rated = [one for one in reviews if one.grades is not None and one.rubric == rubric_id(criteria)]
    if kind == "rated":
        marks = ((one.reviewer, one.trial, graded(criteria, one.grades or {})) for one in rated)
        shared = _table(marks, clusters).shared()
        whole = _whole(shared, alpha)
    else:
        shared = _table(_oriented(reviews), clusters).shared()
        whole = _statistics(shared, COMPARED, "none", alpha)
    return Agreed(
        suite=contest.task.suite.name,
        model=contest.model,
        kind=kind,
        reviewers=tuple(_reviewer(name, some, alpha) for name, some in sorted(by.items())),
        shared=shared.values.shape[1],
        cases=len(set(shared.clusters.tolist())),
        whole=whole,
        criteria={c.id: some for c in criteria if (some := _criterion(c, rated, clusters, alpha))},
    )


def _rubric(contest: Contest) -> tuple[Criterion, ...]:
    suite = contest.task.suite
    return load_rubric(suite.path(suite.rubric)) if suite.rubric else ()


def _oriented(reviews: Iterable[Review]) -> Iterator[tuple[str, str, float]]:
    """(reviewer, pair, score of the contender that was first reviewed as the one to be scored)."""
    first: dict[frozenset[str], str] = {}
    for one in reviews:
        if one.score is not None and one.other is not None:
            ours = first.setdefault(frozenset((one.trial, one.other)), one.trial)
            theirs = one.other if ours == one.trial else one.trial
            yield one.reviewer, f"{ours} {theirs}", one.score if ours == one.trial else 1 - one.score


def _table(said: Iterable[tuple[str, str, float]], clusters: Mapping[str, str]) -> _Table:
    found = {(who, what): score for who, what, score in said}
    names, items = sorted({who for who, _ in found}), sorted({what for _, what in found})
    values = np.array([[found.get((who, what), np.nan) for what in items] for who in names]).reshape(len(names), -1)
    codes = {name: i for i, name in enumerate(sorted(set(clusters.values())))}
    return _Table(values, np.array([codes[clusters[what.partition(" ")[0]]] for what in items], dtype=np.int64))


def _whole(shared: _Table, alpha: float) -> dict[str, Bounds]:
    """Of weighted means, which are no categories."""
    if not shared.values.size:
        return {}
    return {"krippendorff": krippendorff(shared.values, level="interval").bounds(shared.clusters, alpha=alpha)}


def _criterion(one: Criterion, rated: list[Review], clusters: Mapping[str, str], alpha: float) -> dict[str, Bounds]:
    said = ((review.reviewer, review.trial, float((review.grades or {})[one.id])) for review in rated)
    scale = [float(score) for score in range(one.least, one.most + 1)]
    return _statistics(_table(said, clusters).shared(), scale, "quadratic", alpha)


def _statistics(shared: _Table, categories: Sequence[float], weights: Any, alpha: float) -> dict[str, Bounds]:
    """Whichever of them these reviewers allow; none where no two decided the same."""
    values, clusters = shared.values, shared.clusters
    if not values.size:
        return {}
    made: dict[str, tuple[Statistic, NDArray[np.int64]]] = {}
    complete = np.isfinite(values).all(axis=0)
    full, of = values[:, complete], clusters[complete]
    if full.size:
        if len(values) == 2:
            made["accuracy"] = accuracy(*full), of
            made["cohen"] = kappa(*full, weights=weights, categories=categories), of
        counts = np.stack([(full == category).sum(axis=0) for category in categories], axis=1)
        made["fleiss"] = fleiss(counts), of
    made["krippendorff"] = krippendorff(values, level="ordinal"), clusters
    return {name: statistic.bounds(where, alpha=alpha) for name, (statistic, where) in made.items()}


def _reviewer(name: str, reviews: list[Review], alpha: float) -> Reviewer:
    decided = [one for one in reviews if one.score is not None]
    took = [one.seconds for one in decided if one.seconds is not None]
    compared = [one for one in decided if one.other is not None]
    lefts = np.array([float((one.score == 1) == one.on_left) for one in compared if one.score != 0.5])
    interval = mean(lefts).interval(alpha) if lefts.size else None
    return Reviewer(
        id=name,
        decided=len(decided),
        ties=sum(one.score == 0.5 for one in compared),
        skipped=len(reviews) - len(decided),
        seconds=median(took) if took else None,
        decisive=int(lefts.size),
        lefts=int(lefts.sum()),
        left=Bounds(float(lefts.mean()), interval.lower, interval.upper) if interval else None,
    )


def _told(one: Reviewer) -> str:
    ties = f", {one.ties} of them {'a tie' if one.ties == 1 else 'ties'}" if one.ties else ""
    skipped = f", {one.skipped} skipped" if one.skipped else ""
    left = (
        f"; the left one {one.lefts} times of {one.decisive} ({one.left.lower:.2f} to {one.left.upper:.2f})"
        if one.left
        else ""
    )
    each = f"; {one.seconds:.0f} s each" if one.seconds is not None else ""
    return f"{one.id}: {one.decided} decided{ties}{skipped}{left}{each}"


def _interval(bounds: Bounds) -> str:
    if not isfinite(bounds.lower):
        return f"{bounds.estimate:.2f} (one source of cases has no interval)"
    return f"{bounds.estimate:.2f} ({bounds.lower:.2f} to {bounds.upper:.2f})"


def _plain(bounds: Bounds | None) -> dict[str, float | None] | None:
    return bounds and {key: value if isfinite(value) else None for key, value in bounds._asdict().items()}
