"""Learning curves whose next doubling is known, and scores drawn from them.

>>> drawn(np.random.default_rng(1), CURVES["power"], cases=400, trainings=3, seed_sd=0.02)[0].shape
(3, 400)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

SHARES = np.array([0.125, 0.25, 0.5, 1.0, 2.0])
"""Of the training data; the last is what nobody trained on."""
MARGIN = 0.03
ALIKE = 0.6
"""Of the variance of an answer, the part that is the case's."""


def power(last: float, ratio: float) -> Floats:
    """The last doubling brings ``last``, each further one ``ratio`` of the one before."""
    doublings = np.log2(SHARES)
    return np.asarray(0.7 + last * (doublings if ratio == 1 else (1 - ratio**doublings) / (1 / ratio - 1)))


CURVES: Mapping[str, Floats] = {
    "flat": power(0.0, 1.0),
    "straight": power(0.06, 1.0),
    "straight, at the margin": power(MARGIN, 1.0),
    "power": power(0.06, 0.7),
    "power, at the margin": power(MARGIN / 0.5, 0.5),
    "soon at its end": power(0.01, 0.4),
    "exponential": 0.8 - 0.25 * np.exp(-SHARES / 0.25),
    "slow exponential": 0.8 - 0.3 * np.exp(-SHARES / 0.5),
    "fast exponential": 0.8 - 0.3 * np.exp(-SHARES / 0.1),
    "hyperbola": 0.5 + 0.4 * SHARES / (SHARES + 0.5),
}
TURNING: Mapping[str, Floats] = {"S-shaped": 0.5 + 0.35 / (1 + np.exp(-2 * (np.log2(SHARES) + 1)))}
"""What none of the fitted shapes is like."""


def drawn(
    rng: np.random.Generator, means: Floats, *, cases: int, trainings: int, seed_sd: float, cluster: int = 1
) -> list[Floats]:
    """Scores at each share but the last: a case is easy or hard at all of them alike, and trainings differ by ``seed_sd``."""
    ease = np.repeat(rng.standard_normal(cases // cluster), cluster)
    found = []
    for mean in means[:-1]:
        levels = np.clip(mean + seed_sd * rng.standard_normal((trainings, 1)), 0.001, 0.999)
        own = np.sqrt(ALIKE) * ease + np.sqrt(1 - ALIKE) * rng.standard_normal((trainings, cases))
        found.append((own < ndtri(levels)).astype(np.float64))
    return found
