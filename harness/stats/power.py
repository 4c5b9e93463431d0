"""How many cases, or how many seeds, a claim will take; asked before anything is paid for.

    >>> cases_needed(gain=0.10, margin=0.03, v_case=0.25, v_seed=0.0004, seeds=5)
    351

n = (z_α + z_β)²·v_case / ((gain - margin)² - (z_α + z_β)²·v_seed/k), where ``v_case`` is the variance of one case's
difference (mean over seeds) and ``v_seed`` that of one seed's mean. When the bracket is not positive, no number of
cases is enough and the answer is "seeds, not cases": None. ``gain`` is the planned one; the observed one, put in here,
makes a plan that is wrong half the time.
"""

from __future__ import annotations

from math import ceil

from scipy.special import ndtri


def cases_needed(
    *, gain: float, margin: float, v_case: float, v_seed: float, seeds: int, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Cases for the given seeds, or None when seeds are what is missing.

    Raises:
        ValueError: no seeds, or a power or alpha outside (0, 1).
    """
    factor = _factor(alpha, power)
    if seeds < 1:
        raise ValueError(f"seeds was {seeds!r}, allowed is 1 or more")
    room = (gain - margin) ** 2 - factor * v_seed / seeds
    if gain <= margin or room <= 0:
        return None
    return max(ceil(factor * v_case / room), 2)


def seeds_needed(
    *, gain: float, margin: float, v_seed: float, alpha: float = 0.05, power: float = 0.8, share: float = 0.5
) -> int | None:
    """Seeds that leave the cases ``1 - share`` of the room; None when the gain does not exceed the margin.

    Raises:
        ValueError: a share, power or alpha outside (0, 1).
    """
    factor = _factor(alpha, power)
    if not 0 < share < 1:
        raise ValueError(f"share was {share!r}, allowed is more than 0 and less than 1")
    if gain <= margin:
        return None
    return max(ceil(factor * v_seed / (share * (gain - margin) ** 2)), 1)


def _factor(alpha: float, power: float) -> float:
    for name, value in (("alpha", alpha), ("power", power)):
        if not 0 < value < 1:
            raise ValueError(f"{name} was {value!r}, allowed is more than 0 and less than 1")
    return float(ndtri(1 - alpha) + ndtri(power)) ** 2
