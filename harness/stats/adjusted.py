"""A paired difference at equal length: what is left of it when answers' lengths are taken out.

    >>> import numpy as np
    >>> longer = np.array([0.0, 1.0, 2.0, 1.0, 0.0, 2.0])                       # all of the gain is length
    >>> found = adjusted(0.1 * longer, longer)
    >>> round(found.moments.estimate, 6), round(found.slope, 6)
    (0.0, 0.1)

The analysis of covariance of paired differences: with d_i the difference of scores and l_i that of lengths,
d_i = a + b·l_i + e_i by least squares, and a is the difference where both are as long (Cochran 1957, doi:10.2307/2527916). What
judges prefer for being longer is taken out of leaderboards in this way (Dubois and others 2024, arXiv:2404.04475).

The interval is the paired difference's own (`harness.stats.crossed`: cases, clusters and training seeds), of the values
a + e_i·(1 - L·(l_i - L)/V), with L the mean of the l_i and V their variance: their mean is a, and they vary as a does. The
residuals are multiplied by √((n - 1)/(n - 2)) for the slope that was estimated. Where all answers of one side are much longer, a
is read off far outside the data, and the interval says so.

Length is a result, not a circumstance: a contender that is longer because it says more that is asked for loses a deserved gain.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from harness.stats.clusters import Codes, Floats
from harness.stats.crossed import Moments, crossed

FLAT = 1e-12
"""A variance of lengths that is rounding."""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A difference at equal length, and the ``slope``: what one unit of length adds to a score."""

    moments: Moments
    slope: float


def adjusted(differences: Floats, lengths: Floats, clusters: Codes | None = None) -> Adjusted | None:
    """The difference at equal length; None where that cannot be told, since lengths differ by the same in every case.

    Args:
        differences: of scores, shape (k, n), one row a training seed; or (n,).
        lengths: differences of length, of the same shape.
        clusters: shape (n,), a small integer code a case; None when every case stands alone.

    Raises:
        ValueError: two shapes, under three cases, NaN, or clusters of another length.
    """
    if lengths.shape != differences.shape or differences.shape[-1] < 3:
        raise ValueError(
            f"differences have shape {differences.shape} and lengths {lengths.shape}: allowed are two of one shape, with three cases "
            "or more"
        )
    if not np.isfinite(lengths).all():
        raise ValueError("lengths hold NaN or infinity: leave cases that were not measured out")
    middle, mean = float(lengths.mean()), float(differences.mean())
    off = lengths - middle
    variance = float(np.mean(off**2))
    if variance <= FLAT:
        return Adjusted(crossed(differences, clusters), 0.0) if middle**2 <= FLAT else None
    slope = float(np.mean(off * (differences - mean))) / variance
    estimate, n = mean - slope * middle, differences.shape[-1]
    residuals = (differences - mean - slope * off) * sqrt((n - 1) / (n - 2))
    return Adjusted(crossed(estimate + residuals * (1 - middle * off / variance), clusters), slope)
