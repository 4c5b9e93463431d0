"""Statistics that are functions of totals, with bootstrap bounds over cases.

    >>> import numpy as np
    >>> wins = Statistic(np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]]), lambda t: t[..., 0] / t[..., 1])
    >>> round(wins.value, 3)
    0.667

Each case adds its part to the totals. Cases drawn again are then a product of two matrices, how often each was drawn times what
it adds, and thousands of draws take no loop. What is drawn is whole clusters (a case with all its answers, or cases of one
source), with replacement; the bounds are percentiles (Efron 1979, doi:10.1214/aos/1176344552).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

import numpy as np

from harness.stats.clusters import Codes, Floats

DRAWS, SEED = 2000, 20260101
AT_ONCE = 1 << 22
"""Numbers in a block of draws: bounds the memory to some ten megabytes."""


class Bounds(NamedTuple):
    """An estimate with two one-sided bounds."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Statistic:
    """Of cases: ``parts``, shape (n, m), is what each adds to the m totals, and ``of`` makes of totals, shape
    (…, m), the statistic, shape (…).
    """

    parts: Floats
    of: Callable[[Floats], Floats]

    @property
    def value(self) -> float:
        return float(self.of(self.parts.sum(axis=0)))

    def bounds(
        self, clusters: Codes | None = None, *, alpha: float = 0.05, draws: int = DRAWS, seed: int = SEED
    ) -> Bounds:
        """The statistic with its bootstrap bounds, each of error ``alpha``; infinite for a single cluster.

        Args:
            clusters: shape (n,), a small integer code a case; None when every case stands alone.
            alpha: one-sided, more than 0 and less than 0.5.
            draws: how often the clusters are drawn again.
            seed: of the generator.

        Raises:
            ValueError: alpha out of range, or clusters of another length.
        """
        if not 0 < alpha < 0.5:
            raise ValueError(f"alpha was {alpha!r}, allowed is more than 0 and less than 0.5")
        parts = self.parts if clusters is None else _by_cluster(self.parts, clusters)
        if len(parts) < 2:
            return Bounds(self.value, -inf, inf)
        lower, upper = np.quantile(self._drawn(parts, draws, seed), (alpha, 1 - alpha))
        return Bounds(self.value, float(lower), float(upper))

    def _drawn(self, parts: Floats, draws: int, seed: int) -> Floats:
        """The statistic of clusters drawn with replacement, shape (draws,)."""
        rng, count = np.random.default_rng(seed), len(parts)
        block = max(AT_ONCE // count, 1)
        found = []
        for start in range(0, draws, block):
            rows = min(block, draws - start)
            picks = rng.integers(0, count, size=(rows, count)) + np.arange(rows)[:, None] * count
            often = np.bincount(picks.ravel(), minlength=rows * count).reshape(rows, count)
            found.append(self.of(often.astype(np.float64) @ parts))
        return np.concatenate(found)


def _by_cluster(parts: Floats, clusters: Codes) -> Floats:
    """What each cluster adds."""
    if clusters.shape != (len(parts),):
        raise ValueError(f"clusters has shape {clusters.shape}, allowed is ({len(parts)},), one code a case")
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.zeros((int(codes.max()) + 1, parts.shape[1]))
    np.add.at(sums, codes, parts)
    return sums
