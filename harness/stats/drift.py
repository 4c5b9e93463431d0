"""Whether the same cases, asked again and again, score otherwise than before: an alarm that keeps its error, where and how much.

    >>> import numpy as np
    >>> scores = np.array([[1.0] * 40, [1.0] * 40, [0.0] * 20 + [1.0] * 20, [0.0] * 20 + [1.0] * 20])
    >>> found = alarm(scores, alpha=0.05)
    >>> found.round, round(found.evidence)                    # heard at round 2, which is the first that differs
    (2, 628)
    >>> change(scores).at, change(scores).size.estimate
    (2, -0.5)

Scores are rounds × cases, round 0 first, NaN where a case was not measured. Rounds are compared by their cases, so that how hard
a case is cancels, and the cases of a source are one cluster (`harness.stats.clusters`).

**Alarm.** That nothing changed means: of each source, the answers of the rounds could have come in any order. The contrasts "round j
minus the mean of all before it" are then uncorrelated, whatever the cases; each is a clustered t, carried to a normal z_j. With
S_k the sum and m the number of z_k … z_J, the evidence is a mixture over the round k of a change and its size, N(0, τ²)::

    E_J = 1 + Σ_{k ≤ J} w_k·(exp(τ²S_k² / 2(1 + mτ²)) / √(1 + mτ²) - 1)      w_k = 6/(π·k)², τ = 2

a martingale that begins with 1, so that it passes 1/alpha ever, over any number of rounds, with a chance of at most alpha (Ville 1939; the
mixture: Robbins 1970, doi:10.1214/aoms/1177696786; as an e-process: Ramdas et al. 2023, doi:10.1214/23-STS894). It holds
for these cases: a model that answers greedily repeats its luck with them in every round.

**In general.** That cases like these score otherwise is a claim about sources that were not drawn, and rounds of one model are no
independent evidence of it. At round j the contrasts "the last w rounds minus all before them", w = 1, 2, 4, … ≤ j, are each a
two-sided clustered t; the smallest p times their number is held against alpha·6/(π·j)² (`harness.stats.looks`). The union bound
needs nothing of how rounds hang together. ``benchmarks/drift.py`` measures both.

**Place of a change.** Two levels, a flat prior on the place and on both levels; for the place k of J + 1 rounds, with the residual
sum of squares RSS_k of the rounds' means and their variance v::

    p(k) ∝ exp(-RSS_k / 2v) / √(k·(J + 1 - k))

which is Smith's (1975, doi:10.1093/biomet/62.2.407) with a known v: the larger of what sources and what rounds say of it. The
interval holds the likeliest places of together 1 - alpha. Its p is that of the largest split when the rounds of each source are
shuffled, independently (the exact null is: nothing changed).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from harness.stats.clusters import Codes, Floats
from harness.stats.crossed import Interval, Moments, crossed
from harness.stats.looks import unplanned_alpha

SPREAD = 4.0
"""τ²: shifts of two standard errors of one round are expected; others are found a little later."""
SHUFFLES = 999
SEED = 20261126
"""Of the shuffles: the same data give the same p."""
MONTH = 30.0
"""Days in what a trend is told by."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """The first round at which there was as much ``evidence`` as is ``needed``."""

    round: int
    evidence: float
    needed: float


@dataclass(frozen=True, slots=True)
class General:
    """The first round at which a change was shown for cases like these; ``since`` is the first of the window that showed it.
    ``p`` counts all windows, ``bound`` is what it had to be below.
    """

    round: int
    since: int
    p: float
    bound: float


@dataclass(frozen=True, slots=True)
class Change:
    """The likeliest two levels: rounds before ``at`` and from ``at`` on, which lies from ``earliest`` to ``latest``; ``size`` is
    after minus before, and ``p`` that of any such split.
    """

    at: int
    earliest: int
    latest: int
    size: Interval
    p: float


def alarm(scores: Floats, clusters: Codes | None = None, *, alpha: float) -> Alarm | None:
    """The first alarm of all rounds so far, None where there is none. What was heard once stays.

    Args:
        scores: shape (rounds, n), in [0, 1].
        clusters: shape (n,), a small integer code a case; None when every case stands alone.
        alpha: the chance of any false alarm, however many rounds there will be; two-sided.
    """
    z = list[float]()
    for last in range(1, len(scores)):
        z.append(_z(contrast(scores, last, last, clusters)))
        value = evidence(np.array(z))
        if value >= 1 / alpha:
            return Alarm(last, value, 1 / alpha)
    return None


def evidence(z: Floats) -> float:
    """E_J of the contrasts of rounds 1 … J."""
    places = np.arange(1, z.size + 1)
    sums, spread = np.cumsum(z[::-1])[::-1], 1 + SPREAD * places[::-1]
    weights = 6 / (np.pi * places) ** 2
    ratios = np.exp(np.minimum(SPREAD * sums**2 / (2 * spread) - np.log(spread) / 2, 700.0))
    return float(1 + (weights * (ratios - 1)).sum())


def general(scores: Floats, clusters: Codes | None = None, *, alpha: float) -> General | None:
    """The first round at which cases like these are shown to score otherwise than before; arguments as for `alarm`."""
    for last in range(1, len(scores)):
        widths = windows(last)
        found = [_p(contrast(scores, last - width + 1, last, clusters)) for width in widths]
        least = int(np.argmin(found))
        p, bound = min(1.0, found[least] * len(widths)), unplanned_alpha(alpha, last)
        if p <= bound:
            return General(last, last - widths[least] + 1, p, bound)
    return None


def windows(last: int) -> list[int]:
    """1, 2, 4, … rounds, as many as there are after round 0."""
    return [1 << power for power in range(last.bit_length())]


def contrast(scores: Floats, start: int, last: int, clusters: Codes | None = None) -> Moments | None:
    """Rounds ``start`` to ``last`` minus all before them, over the cases that both have; None where there are none."""
    before, after = _means(scores[:start]), _means(scores[start : last + 1])
    both = ~np.isnan(before) & ~np.isnan(after)
    if not both.any():
        return None
    return crossed((after - before)[both], None if clusters is None else clusters[both])


def change(scores: Floats, clusters: Codes | None = None, *, alpha: float = 0.05) -> Change | None:
    """The likeliest place and size of one change; None for fewer than two rounds or sources.

    Args:
        scores: as for `alarm`; a case that a round lacks counts there as its mean over the others.
        clusters: as for `alarm`.
        alpha: of the interval of the place, and two-sided of that of the size.
    """
    whole, codes = _filled(scores, clusters)
    rounds, n = whole.shape
    if rounds < 2 or n == 0 or codes.max() == 0:
        return None
    rss = _rss(whole.mean(axis=1)[None, :])[0]
    at = int(np.argmin(rss)) + 1
    first, last = _places(rss, _variance(whole, codes, at, float(rss[at - 1])), alpha)
    size = contrast(scores, at, rounds - 1, clusters)
    assert size is not None
    return Change(at, first, last, size.interval(alpha / 2), _shuffled(_sums(whole, codes)))


def trend(scores: Floats, days: Floats, clusters: Codes | None = None, *, alpha: float = 0.05) -> Interval | None:
    """Change of the mean in thirty days by a straight line through each case's scores; None where rounds span less than a day,
    or there are fewer than three. ``alpha`` is two-sided.
    """
    whole, codes = _filled(scores, clusters)
    if len(days) < 3 or float(np.ptp(days)) < 1.0 or whole.shape[1] == 0:
        return None
    centred = days - days.mean()
    slopes = MONTH * (centred @ whole) / float(centred @ centred)
    return crossed(slopes, codes, pseudo=()).interval(alpha / 2)


# --- parts


def _t(found: Moments | None) -> float:
    """0 where no variance is known: nothing is learnt then."""
    if found is None or not isfinite(found.v_case) or not found.v_case > 0:
        return 0.0
    return found.centre / sqrt(found.v_case)


def _p(found: Moments | None) -> float:
    """Two-sided, that the mean is 0."""
    return float(2 * stdtr(found.df, -abs(_t(found)))) if found and found.df else 1.0


def _z(found: Moments | None) -> float:
    """Where a normal has the tail that the t has."""
    t = _t(found)
    tail = float(stdtr(found.df, -abs(t))) if found and found.df else 0.5
    return float(np.copysign(ndtri(max(tail, 1e-300)), t))


def _means(scores: Floats) -> Floats:
    """Of each case over the rounds that have it, NaN where none does."""
    there = ~np.isnan(scores)
    counts = there.sum(axis=0)
    sums = np.where(there, scores, 0.0).sum(axis=0)
    means: Floats = np.divide(sums, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return means


def _filled(scores: Floats, clusters: Codes | None) -> tuple[Floats, NDArray[np.int64]]:
    """Cases that any round has, with their means where a round lacks them; their clusters as 0, 1, 2, …"""
    means = _means(scores)
    known = ~np.isnan(means)
    given = np.arange(means.size) if clusters is None else clusters
    codes = np.unique(given[known], return_inverse=True)[1].astype(np.int64)
    return np.where(np.isnan(scores), means, scores)[:, known], codes


def _rss(means: Floats) -> Floats:
    """Residual sums of squares of two levels, shape (draws, J), for every place 1 … J of J + 1 rounds."""
    rounds = means.shape[1]
    centred = means - means.mean(axis=1, keepdims=True)
    k = np.arange(1, rounds)
    sums = np.cumsum(centred, axis=1)[:, :-1]
    rss: Floats = (centred**2).sum(axis=1, keepdims=True) - sums**2 * rounds / (k * (rounds - k))
    return np.maximum(rss, 0.0)


def _sums(scores: Floats, codes: NDArray[np.int64]) -> Floats:
    """Over the cases of each source, shape (sources, rounds)."""
    return np.stack([np.bincount(codes, weights=row) for row in scores], axis=1)


def _variance(scores: Floats, codes: NDArray[np.int64], at: int, rss: float) -> float:
    """Of a round's mean about its level: what sources say of it, each taken about its own two levels, or what rounds say."""
    rounds, n = scores.shape
    if rounds < 3:
        return 0.0
    levels = np.where(np.arange(rounds)[:, None] < at, scores[:at].mean(axis=0), scores[at:].mean(axis=0))
    of_sources = float(np.square(_sums(scores - levels, codes)).sum()) / float((rounds - 2) * n**2)
    return max(of_sources, rss / float(rounds - 2))


def _places(rss: Floats, variance: float, alpha: float) -> tuple[int, int]:
    """The first and the last of the likeliest places that have 1 - alpha together."""
    places = np.arange(1, rss.size + 1)
    if variance <= 1e-15:  # every round is one of two: nothing else fits
        fitting = places[rss <= rss.min() + 1e-12]
        return int(fitting[0]), int(fitting[-1])
    log = -(rss - rss.min()) / (2 * variance) - np.log(places * (rss.size + 1.0 - places)) / 2
    weight = np.exp(log - log.max())
    order = np.argsort(-weight, kind="stable")
    count = int(np.searchsorted(np.cumsum(weight[order]), (1 - alpha) * weight.sum())) + 1
    likeliest = places[order[:count]]
    return int(likeliest.min()), int(likeliest.max())


def _shuffled(sums: Floats) -> float:
    """p of the largest split, the rounds of every source in any order (with the one observed: Phipson and Smyth 2010,
    doi:10.2202/1544-6115.1585).
    """
    random = np.random.default_rng(SEED)
    observed = _split(sums.sum(axis=0)[None, :])[0]
    drawn = np.stack([random.permuted(sums, axis=1).sum(axis=0) for _ in range(SHUFFLES)])
    as_large = int(np.count_nonzero(_split(drawn) >= observed - 1e-9))
    return (1 + as_large) / (SHUFFLES + 1)


def _split(totals: Floats) -> Floats:
    """How much of the squares the best two levels take away."""
    centred = totals - totals.mean(axis=1, keepdims=True)
    split: Floats = (centred**2).sum(axis=1) - _rss(totals).min(axis=1)
    return split
