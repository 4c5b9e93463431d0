"""Interval for a number that is no mean over cases (corpus BLEU, macro F1), by drawing clusters and trainings again.

    >>> import numpy as np
    >>> hits = np.array([[[1.0], [0.0], [1.0], [1.0]]])               # one training, four cases, one statistic each
    >>> bootstrap(hits, lambda sums: sums[..., 0] / 4, alpha=0.05).estimate
    0.75

The number is a function of sums of statistics over cases, so that a draw is a weighted sum, and all draws are one matrix product.
Its estimate is the mean over trainings of each one's number. A draw takes C of the C clusters, and of k trainings k, both with
replacement and independently (the pigeonhole bootstrap: Owen 2007, doi:10.1214/07-AOAS122, which errs on the wide side for two
ways of varying); percentiles of the draws are the ends. With few clusters they are too near: it describes, and never decides.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from harness.stats.clusters import Codes, Floats
from harness.stats.crossed import Interval

DRAWS = 2000
SEED = 20261126
"""Of the draws: the same data give the same interval."""
AT_ONCE = 1 << 22
"""Weights and drawn sums that may be in memory at once."""

Value = Callable[[Floats], Floats]
"""From sums of statistics, shape (…, k), to numbers, shape (…); NaN where there is none."""


def bootstrap(
    statistics: Floats, value: Value, *, clusters: Codes | None = None, alpha: float, draws: int = DRAWS
) -> Interval:
    """The estimate and both one-sided bounds, each of error ``alpha``; infinite for a single cluster, and where no draw differs.

    Args:
        statistics: shape (trainings, n, k), one training for what is not trained.
        value: the number that sums over cases have.
        clusters: shape (n,), a small integer code a case; None when every case stands alone.
        alpha: of one side.
        draws: how many.
    """
    trainings, n, _ = statistics.shape
    totals = _totals(statistics, clusters)
    estimate = float(np.mean(value(totals.sum(axis=1))))
    count = totals.shape[1]
    lower, upper = _ends(_drawn(totals, value, draws), alpha) if count > 1 else (-inf, inf)
    seeds = trainings if trainings > 1 else 0
    return Interval(estimate, lower, upper, alpha, float(count - 1), n, seeds, count)


def _ends(drawn: Floats, alpha: float) -> tuple[float, float]:
    """Percentiles; infinite where no draw differs (all answers right): drawing again then says nothing."""
    lower, upper = (float(end) for end in np.nanquantile(drawn, [alpha, 1 - alpha]))
    return (lower, upper) if np.nanmin(drawn) < np.nanmax(drawn) else (-inf, inf)


def _totals(statistics: Floats, clusters: Codes | None) -> Floats:
    """Sums by cluster, shape (trainings, clusters, k)."""
    if clusters is None:
        return statistics
    _, codes = np.unique(clusters, return_inverse=True)
    totals = np.zeros((statistics.shape[0], int(codes.max()) + 1, statistics.shape[2]))
    for training, found in zip(totals, statistics, strict=True):
        np.add.at(training, codes, found)
    return totals


def _drawn(totals: Floats, value: Value, draws: int) -> Floats:
    """The number of every draw, shape (draws,)."""
    trainings, count, width = totals.shape
    random = np.random.default_rng(SEED)
    each = max(1, AT_ONCE // max(count, trainings * width))
    found = []
    for start in range(0, draws, each):
        some = min(each, draws - start)
        weights = random.multinomial(count, np.full(count, 1 / count), size=some).astype(np.float64)
        numbers = value(weights @ totals)
        picks = random.integers(trainings, size=(some, trainings))
        found.append(numbers[picks, np.arange(some)[:, None]].mean(axis=1))
    return np.concatenate(found)
