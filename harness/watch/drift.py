"""What the rounds of one contender show: each round beside round 0, an alarm, a change and a trend; a pure function of rows.

    >>> drift(one, rounds)                                                     # doctest: +SKIP
    Drift(suite='triage', …, alarm=Alarm(round=4, …), change=Change(at=3, earliest=2, latest=4, …))

Rounds come as ``Heard``: the answers and scores by the ids of round 0's trials. ``harness.stats.drift`` has the statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, pairwise
from math import isfinite

import numpy as np

from harness.stats import Alarm, Change, Codes, Floats, General, Interval, alarm, change, general, mean, trend
from harness.stats.drift import contrast
from harness.trial import Generation
from harness.watch.watched import MOST, Watched

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One finished round, 0 among them; ``versions`` are those of Python and packages, where they are known."""

    number: int
    asked: datetime | None
    answers: Mapping[str, Generation]
    scores: Mapping[str, float]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """One round: its mean score, the paired difference from round 0, and what else was another than the round before."""

    number: int
    asked: datetime | None
    measured: int
    level: Interval | None
    difference: Interval | None
    unchanged: float | None
    served: tuple[str, ...]
    renamed: bool
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rounds one after another that one vendor's model id answered; ``change`` is against the stretch before."""

    served: tuple[str, ...]
    first: int
    last: int
    level: Interval | None
    change: Interval | None
    trend: Interval | None


@dataclass(frozen=True, slots=True)
class Drift:
    """All that is known of one contender. ``under_way`` is a round that is not finished; ``former`` counts rounds of another
    question or another round 0, and ``left_out`` rounds of this one with too few scores.
    """

    suite: str
    contender: str
    model: str
    metric: str
    cases: int
    sources: int
    alpha: float
    rounds: tuple[Told, ...]
    stretches: tuple[Stretch, ...]
    alarm: Alarm | None
    general: General | None
    change: Change | None
    trend: Interval | None
    under_way: int | None = None
    former: int = 0
    left_out: tuple[int, ...] = ()

    @property
    def named(self) -> str:
        return f"{self.suite}={self.contender}"

    def round(self, place: int) -> Told:
        """The round in a place of the statistics, which count those that are compared."""
        return self.rounds[place]


def drift(
    one: Watched, heard: Sequence[Heard], *, alpha: float, under_way: int | None = None, former: int = 0
) -> Drift:
    """What rounds show, round 0 first; ``alpha`` is two-sided, and of all of them together."""
    cases = list(one.cases)
    codes = np.unique([case.cluster for case in one.cases.values()], return_inverse=True)[1]
    matrix = np.stack([_scores(one, cases, some.scores) for some in heard])
    full = [place == 0 or _full(row, matrix[0]) for place, row in enumerate(matrix)]
    kept = [some for some, whole in zip(heard, full, strict=True) if whole]
    matrix = matrix[full]
    told = tuple(_told(matrix, codes, kept, place, alpha) for place in range(len(kept)))
    return Drift(
        suite=one.suite,
        contender=one.contender,
        model=one.model.id,
        metric=one.metric.name,
        cases=len(cases),
        sources=int(codes.max()) + 1,
        alpha=alpha,
        rounds=told,
        stretches=tuple(_stretches(matrix, codes, told, alpha)),
        alarm=alarm(matrix, codes, alpha=alpha),
        general=general(matrix, codes, alpha=alpha),
        change=change(matrix, codes, alpha=alpha),
        trend=_trend(matrix, codes, told, alpha),
        under_way=under_way,
        former=former,
        left_out=tuple(some.number for some, whole in zip(heard, full, strict=True) if not whole),
    )


def _scores(one: Watched, cases: Sequence[str], scores: Mapping[str, float]) -> Floats:
    """Of each case, the mean over its trainings and repeats; NaN where one of them has none."""
    sums, counts = dict.fromkeys(cases, 0.0), dict.fromkeys(cases, 0)
    for name, asked in one.asked.items():
        sums[asked.case.id] += scores.get(name, np.nan)
        counts[asked.case.id] += 1
    return np.array([sums[case] / counts[case] for case in cases])


def _full(row: Floats, first: Floats) -> bool:
    known = ~np.isnan(first)
    return bool(known.any()) and float(np.isnan(row[known]).mean()) <= MOST


def _told(matrix: Floats, codes: Codes, heard: Sequence[Heard], place: int, alpha: float) -> Told:
    here, before = heard[place], heard[place - 1] if place else None
    served = _served(here)
    paired = contrast(matrix[[0, place]], 1, 1, codes) if place else None
    return Told(
        number=here.number,
        asked=here.asked,
        measured=int((~np.isnan(matrix[place])).sum()),
        level=_level(matrix[place : place + 1], codes, alpha),
        difference=paired.interval(alpha / 2) if paired else None,
        unchanged=_unchanged(heard[0], here) if place else None,
        served=served,
        renamed=before is not None and _served(before) != served,
        versions=tuple(_changed(before.versions, here.versions)) if before else (),
    )


def _served(heard: Heard) -> tuple[str, ...]:
    return tuple(sorted({answer.served for answer in heard.answers.values() if answer.served}))


def _unchanged(first: Heard, here: Heard) -> float | None:
    """Share of answers that are word for word those of round 0."""
    both = [(first.answers[n].text, a.text) for n, a in here.answers.items() if n in first.answers and a.error is None]
    return sum(ours == theirs for ours, theirs in both) / len(both) if both else None


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    if before and after:
        for name in sorted({*before, *after}):
            ours, theirs = before.get(name, "none"), after.get(name, "none")
            if ours != theirs:
                yield f"{name} {ours} → {theirs}"


def _level(rows: Floats, codes: Codes, alpha: float) -> Interval | None:
    """The mean score, over rounds where there are several."""
    known = ~np.isnan(rows).any(axis=0)
    if not known.any():
        return None
    found = mean(rows[:, known].mean(axis=0), codes[known]).interval(alpha / 2)
    if not isfinite(found.lower):
        return found
    # inside [0, 1] and around the estimate: the pseudo-cases pull its centre to one half
    lower, upper = max(0.0, min(found.lower, found.estimate)), min(1.0, max(found.upper, found.estimate))
    return replace(found, lower=lower, upper=upper)


def _trend(matrix: Floats, codes: Codes, told: Sequence[Told], alpha: float) -> Interval | None:
    """Over rounds whose time is known."""
    dated = [place for place, one in enumerate(told) if one.asked is not None]
    days = np.array([one.asked.timestamp() / DAY for one in told if one.asked is not None])
    return trend(matrix[dated], days, codes, alpha=alpha)


def _stretches(matrix: Floats, codes: Codes, told: Sequence[Told], alpha: float) -> Iterator[Stretch]:
    spans = []
    for _, some in groupby(range(len(told)), key=lambda place: told[place].served):
        places = list(some)
        spans.append((places[0], places[-1]))
    changes = [None, *(contrast(matrix[a : d + 1], c - a, d - a, codes) for (a, _), (c, d) in pairwise(spans))]
    for (start, last), found in zip(spans, changes, strict=True):
        part = slice(start, last + 1)
        yield Stretch(
            served=told[start].served,
            first=told[start].number,
            last=told[last].number,
            level=_level(matrix[part], codes, alpha),
            change=found.interval(alpha / 2) if found else None,
            trend=_trend(matrix[part], codes, told[part], alpha),
        )
