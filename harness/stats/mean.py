"""Interval for one contender's mean score, as the ladder plot draws it.

    >>> import numpy as np
    >>> round(mean(np.ones(98)).interval(0.05).lower, 3)    # all right, and yet not certain
    0.973

The crossed form of `harness.stats.crossed` with the pseudo-cases 1 and 0 (Agresti and Coull 1998 in spirit). For
looking at: two overlapping bars do not mean "no difference", the paired claims do.
"""

from __future__ import annotations

from harness.stats.clusters import Codes, Floats
from harness.stats.crossed import SCORE, Moments, crossed


def mean(scores: Floats, clusters: Codes | None = None, *, bounded: bool = True) -> Moments:
    """Moments of the mean of scores, shape (seeds, cases) or (cases,): in [0, 1], or ``bounded`` by nothing (seconds), of which no
    pseudo-case can be said.

    Raises:
        ValueError: no case, NaN, or clusters of another length.
    """
    return crossed(scores, clusters, pseudo=SCORE if bounded else ())
