"""Candidate minus control: within strata, so that a changing mix of traffic makes no difference, with users as what varies.

The estimate weights the differences of strata as Mantel and Haenszel (1959) do, by users g₁g₀ / (g₁ + g₀); within a stratum each rating
counts once. Its variance sums what each user contributes in all strata and in both arms (Liang and Zeger, 1986). Two made-up users
in each arm of a stratum, who give the least and the most, keep a handful of equal ratings from being certain (Agresti and
Coull, 1998): they widen, and do not move the estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan, sqrt

import numpy as np

from harness.rollout.ratings import Codes, Floats, Mask
from harness.stats.sequence import reach


@dataclass(frozen=True, slots=True)
class Difference:
    """``users`` are (control, candidate) of the strata that both arms have; of pairs the first is how many users, the second how
    many requests.
    """

    estimate: float
    variance: float
    users: tuple[int, int]
    ratings: int

    @property
    def information(self) -> float:
        return 1 / self.variance if self.variance > 0 else inf

    def bounds(self, alpha: float, planned: float) -> tuple[float, float]:
        """Lower and upper end, each of which holds at all looks together but for ``alpha``."""
        if np.isnan(self.estimate):
            return -inf, inf
        width = reach(self.information, alpha=alpha, planned=planned) * sqrt(self.variance) if self.variance > 0 else 0
        return self.estimate - width, self.estimate + width


NONE = Difference(nan, inf, (0, 0), 0)


def between(values: Floats, candidate: Mask, strata: Codes, users: Codes, span: tuple[float, float]) -> Difference:
    """Of users that have one arm or the other; NaN values are left out. ``span`` is the least and the most of a value."""
    there = ~np.isnan(values)
    values, candidate, users = values[there], candidate[there], users[there]
    if not values.size:
        return NONE
    strata = np.unique(strata[there], return_inverse=True)[1]
    cell = 2 * strata + candidate  # (stratum, arm) as one code
    count = 2 * (int(strata.max()) + 1)
    ratings = np.bincount(cell, minlength=count)
    means = np.bincount(cell, values, minlength=count) / np.maximum(ratings, 1)
    people = np.bincount(np.unique(cell * (int(users.max()) + 1) + users) // (int(users.max()) + 1), minlength=count)
    control, other = people[0::2], people[1::2]
    weights = np.where((control > 1) & (other > 1), control * other / np.maximum(control + other, 1), 0.0)
    if not weights.any():
        return NONE
    weights = weights / weights.sum()
    estimate = float(weights @ (means[1::2] - means[0::2]))
    both = np.repeat(weights, 2)
    scale = both * np.sqrt(people / np.maximum(people - 1, 1)) / np.maximum(ratings, 1)
    parts = np.where(candidate, 1.0, -1.0) * scale[cell] * (values - means[cell])
    made_up = both**2 * ((span[0] - means) ** 2 + (span[1] - means) ** 2) / np.maximum(people, 1) ** 2
    variance = float((np.bincount(users, parts) ** 2).sum() + made_up.sum())
    used = weights > 0
    kept = int(ratings[np.repeat(used, 2)].sum())
    return Difference(estimate, variance, (int(control[used].sum()), int(other[used].sum())), kept)


def paired(values: Floats, candidate: Mask, requests: Codes, users: Codes, span: tuple[float, float]) -> Difference:
    """Of requests that both arms answered and somebody rated twice."""
    there = ~np.isnan(values)
    values, candidate, requests, users = values[there], candidate[there], requests[there], users[there]
    common, left, right = np.intersect1d(requests[candidate], requests[~candidate], return_indices=True)
    if common.size < 2:
        return NONE
    gains = values[candidate][left] - values[~candidate][right]
    owners = np.unique(users[candidate][left], return_inverse=True)[1]
    people = int(owners.max()) + 1
    if people < 2:
        return NONE
    sums = np.bincount(owners, gains - gains.mean())
    most = span[1] - span[0]
    made_up = ((most - gains.mean()) ** 2 + (-most - gains.mean()) ** 2) / people**2
    variance = float((sums**2).sum() / common.size**2 * people / (people - 1) + made_up)
    return Difference(float(gains.mean()), variance, (people, int(common.size)), 2 * int(common.size))
