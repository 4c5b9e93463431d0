"""Several looks at one growing test set, with the error of a single one.

    >>> [round(float(ndtri(1 - look_alpha(0.05, looks=5, fraction=j / 5))), 2) for j in (1, 2, 3, 4, 5)]
    [3.92, 2.77, 2.26, 1.96, 1.75]
    >>> [round(unplanned_alpha(0.05, j), 4) for j in (1, 2, 3)]
    [0.0304, 0.0076, 0.0034]

Planned (O'Brien and Fleming 1979, doi:10.2307/2530245): at information fraction f the bound on z is c/√f. c comes from
the exact recursion over partial sums (Armitage, McPherson and Rowe 1969, doi:10.2307/2343787) with equal steps; a look
between two steps uses the step below it, because c/√f at uneven fractions erred up to 5.5 % in simulation.

Unplanned: the j-th look spends alpha·6/(π²·j²), of which the sum over all j is alpha.
"""

from __future__ import annotations

from functools import lru_cache
from math import floor, pi, sqrt

import numpy as np
from scipy.special import ndtr, ndtri

GRID = 401
ROUNDING = 0.02
"""Of a step: 133 of 333 cases are the second of five looks."""


def look_alpha(alpha: float, *, looks: int, fraction: float) -> float:
    """The one-sided level of a look at ``fraction`` (0 to 1) of the planned cases; ``alpha`` itself for one look.

    Raises:
        ValueError: a fraction that is not positive.
    """
    if fraction <= 0:
        raise ValueError(f"fraction was {fraction!r}, allowed is more than 0")
    if looks == 1:
        return alpha
    done = step(looks, fraction)
    return float(ndtr(-boundary(alpha, looks) / sqrt(min(done / looks, fraction) if done else fraction)))


def step(looks: int, fraction: float) -> int:
    """How many of the equally spaced looks are reached at ``fraction`` of the planned cases, 0 to ``looks``."""
    return min(floor(looks * fraction + ROUNDING), looks)


def unplanned_alpha(alpha: float, look: int) -> float:
    """The one-sided level of the ``look``-th look, counted from 1, when nobody said how many there will be.

    Raises:
        ValueError: a number under 1.
    """
    if look < 1:
        raise ValueError(f"look was {look!r}, allowed is 1 or more")
    return alpha * 6 / (pi * look) ** 2


@lru_cache(maxsize=64)
def boundary(alpha: float, looks: int) -> float:
    """c: the bound on z at the last of ``looks`` equally spaced looks."""
    from scipy.optimize import brentq  # a fifth of a second, for those who look more than once

    return float(brentq(lambda c: _crossing(c, looks) - alpha, float(ndtri(1 - alpha)), 6.0, xtol=1e-7))


def _crossing(c: float, looks: int) -> float:
    """P(any partial sum of ``looks`` standard normals exceeds c·√looks), by Simpson's rule on a grid."""
    top = c * sqrt(looks)
    grid = np.linspace(-8.0 * sqrt(looks), top, GRID)
    weights = np.where(np.arange(GRID) % 2 == 1, 4.0, 2.0) * (grid[1] - grid[0]) / 3
    weights[[0, -1]] /= 2
    kernel = np.exp(-((grid[:, None] - grid[None, :]) ** 2) / 2) / sqrt(2 * np.pi)
    density = np.exp(-(grid**2) / 2) / sqrt(2 * np.pi)
    crossed = float(ndtr(-top))
    for _ in range(looks - 1):
        crossed += float(np.dot(weights * density, ndtr(grid - top)))
        density = kernel @ (weights * density)
    return crossed
