"""How surely a gain will be shown, and how many cases or seeds that takes; asked before anything is paid for.

    >>> round(power(gain=0.10, margin=0.03, v_case=0.25, v_seed=0.0004, cases=400, seeds=5), 2)
    0.82
    >>> cases_needed(gain=0.10, margin=0.03, v_case=0.25, v_seed=0.0004, seeds=5)
    378

``v_case`` is the variance of one case's difference (mean over seeds) and ``v_seed`` that of one seed's mean. With
both known, n = (z_α + z_β)²·v_case / ((gain - margin)² - (z_α + z_β)²·v_seed/k), and when the bracket is not positive
no number of cases is enough: "seeds, not cases" (Cohen 1988, ch. 2, with the seeds' variance added). They are not
known, so the interval has t quantiles (`harness.stats.crossed`), above all t with k - 1 for the seeds: `power` is the
chance that that interval's lower bound exceeds the margin, and `cases_needed` the fewest cases at which it is enough.
``choices`` is among how many recipes the one that is claimed of was chosen: its seeds' part has alpha / choices.

``gain`` is the planned one; the observed one, put in here, makes a plan that is wrong half the time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import ceil, floor, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri, ndtr, ndtri, stdtrit

QUANTILES = (np.arange(100) + 0.5) / 100
MOST_CASES = 1_000_000
"""More cases than this are no plan."""


def power(
    *,
    gain: float,
    margin: float,
    v_case: float,
    v_seed: float,
    cases: int,
    seeds: int,
    alpha: float = 0.05,
    choices: int = 1,
) -> float:
    """Probability that the lower bound of the crossed interval exceeds ``margin`` when the truth is ``gain``.

    The seeds' variance is itself estimated from k - 1 differences: the width is averaged over that estimate's χ².
    Without seeds (0) only cases vary; one seed shows nothing.

    Raises:
        ValueError: no case, no choice, or an alpha outside (0, 1).
    """
    _check(alpha=alpha)
    if choices < 1:
        raise ValueError(f"choices was {choices!r}, allowed is 1 or more")
    if cases < 1 or seeds < 0:
        raise ValueError(f"cases was {cases!r} and seeds {seeds!r}, allowed is 1 case or more and 0 seeds or more")
    if cases < 2 or seeds == 1:
        return 0.0
    of_cases, of_seeds = v_case / cases, v_seed / seeds if seeds else 0.0
    width = np.asarray(of_cases * stdtrit(cases - 1, 1 - alpha) ** 2)
    if seeds:
        width = width + of_seeds * _estimated(seeds) * stdtrit(seeds - 1, 1 - alpha / choices) ** 2
    room = gain * cases / (cases + 2) - margin - np.sqrt(width)
    sd = sqrt(of_cases + of_seeds)
    return float(np.mean(ndtr(room / sd) if sd > 0 else room > 0))


def cases_needed(
    *,
    gain: float,
    margin: float,
    v_case: float,
    v_seed: float,
    seeds: int,
    alpha: float = 0.05,
    power: float = 0.8,
    choices: int = 1,
) -> int | None:
    """The fewest cases with which the given seeds reach ``power``, or None when seeds are what is missing.

    Raises:
        ValueError: no seeds, or a power or alpha outside (0, 1).
    """
    if seeds < 1:
        raise ValueError(f"seeds was {seeds!r}, allowed is 1 or more")
    factor = _factor(alpha, power)
    room = (gain - margin) ** 2 - factor * v_seed / seeds
    if gain <= margin or room <= 0:
        return None

    def enough(cases: int) -> bool:
        known = {"margin": margin, "v_case": v_case, "v_seed": v_seed, "alpha": alpha}
        return _reaches(power, cases, seeds, choices, gain=gain, **known)

    low = high = max(ceil(factor * v_case / room), 2)
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_CASES:
            return None
    return _first(enough, low - 1, high)


def seeds_needed(
    *, gain: float, margin: float, v_seed: float, alpha: float = 0.05, power: float = 0.8, share: float = 0.5
) -> int | None:
    """Seeds that leave the cases ``1 - share`` of the room; None when the gain does not exceed the margin.

    Raises:
        ValueError: a share, power or alpha outside (0, 1).
    """
    factor = _factor(alpha, power)
    _check(share=share)
    if gain <= margin:
        return None
    return max(ceil(factor * v_seed / (share * (gain - margin) ** 2)), 1)


def gain_shown(
    *,
    margin: float,
    v_case: float,
    v_seed: float,
    cases: int,
    seeds: int,
    alpha: float = 0.05,
    power: float = 0.8,
    choices: int = 1,
) -> float | None:
    """The least true gain that so many cases and seeds show with ``power``, to a tenth of a point; None above 1.

    Raises:
        ValueError: no case, or a power or alpha outside (0, 1).
    """
    _check(power=power)

    def enough(tenths: int) -> bool:
        known = {"margin": margin, "v_case": v_case, "v_seed": v_seed, "alpha": alpha}
        return _reaches(power, cases, seeds, choices, gain=tenths / 1000, **known)

    return _first(enough, floor(1000 * margin), 1000) / 1000 if enough(1000) else None


@lru_cache(maxsize=64)
def _estimated(seeds: int) -> NDArray[np.float64]:
    """Quantiles of the estimated variance of ``seeds`` trainings, as a multiple of the true one."""
    # chdtri takes the upper tail: the same grid, read from the other end
    return np.asarray(chdtri(seeds - 1, QUANTILES) / (seeds - 1))


def _first(enough: Callable[[int], bool], low: int, high: int) -> int:
    """The least number in (low, high] that is enough; ``high`` is."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _reaches(target: float, cases: int, seeds: int, choices: int, **known: float) -> bool:
    return power(cases=cases, seeds=seeds, choices=choices, **known) >= target


def _factor(alpha: float, power: float) -> float:
    _check(alpha=alpha, power=power)
    return float(ndtri(1 - alpha) + ndtri(power)) ** 2


def _check(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} was {value!r}, allowed is more than 0 and less than 1")
