"""Several looks at one growing test set, with the error of a single one.

    >>> [round(float(ndtri(1 - look_alpha(0.05, looks=5, fraction=j / 5))), 2) for j in (1, 2, 3, 4, 5)]
    [3.92, 2.77, 2.26, 1.96, 1.75]

O'Brien and Fleming 1979: at information fraction f the bound on z is c/√f. c comes from the exact recursion over
partial sums (Armitage, McPherson and Rowe 1969) with equal steps.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

GRID = 401


def look_alpha(alpha: float, *, looks: int, fraction: float) -> float:
    """The one-sided level of a look at ``fraction`` (0 to 1) of the planned cases; ``alpha`` itself for one look.

    Raises:
        ValueError: a fraction that is not positive.
    """
    if fraction <= 0:
        raise ValueError(f"fraction was {fraction!r}, allowed is more than 0")
    if looks == 1:
        return alpha
    return float(ndtr(-boundary(alpha, looks) / sqrt(min(fraction, 1.0))))


@lru_cache(maxsize=64)
def boundary(alpha: float, looks: int) -> float:
    """c: the bound on z at the last of ``looks`` equally spaced looks."""
    return float(brentq(lambda c: _crossing(c, looks) - alpha, float(ndtri(1 - alpha)), 6.0, xtol=1e-7))


def _crossing(c: float, looks: int) -> float:
    """P(any partial sum of ``looks`` standard normals exceeds c·√looks), by Simpson's rule on a grid."""
    top = c * sqrt(looks)
    grid = np.linspace(-8.0 * sqrt(looks), top, GRID)
    weights = np.where(np.arange(GRID) % 2 == 1, 4.0, 2.0) * (grid[1] - grid[0]) / 3
    weights[[0, -1]] /= 2
    step = np.exp(-((grid[:, None] - grid[None, :]) ** 2) / 2) / sqrt(2 * np.pi)
    density = np.exp(-(grid**2) / 2) / sqrt(2 * np.pi)
    crossed = float(ndtr(-top))
    for _ in range(looks - 1):
        crossed += float(np.dot(weights * density, ndtr(grid - top)))
        density = step @ (weights * density)
    return crossed
