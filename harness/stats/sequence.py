"""Bounds that hold at every look, however often one looks: a mean that is approximately normal, and counts of two arms.

>>> round(reach(100.0, alpha=0.05, planned=100.0), 2)     # in standard errors; a single look at 5 % takes 1.64
2.65

``reach`` is the one-sided normal mixture of Robbins (1970) in intrinsic time, as in Howard, Ramdas, McAuliffe and Sekhon (2021, "Time-uniform,
nonparametric, nonasymptotic confidence sequences"), with an estimated variance as in Waudby-Smith et al. (2024, "Time-uniform
central limit theory and asymptotic confidence sequences"). ``mismatch`` is the multinomial test of Lindon and Malek (2022, "Anytime-valid
inference for multinomial count data").
"""

from __future__ import annotations

from functools import cache
from math import exp, lgamma, log, sqrt

import numpy as np
from scipy.special import ndtr

CONCENTRATION = 1000.0
"""Of the prior on the share of an arm: a mismatch of 1.6 points is thought of at a share of one half."""


def reach(information: float, *, alpha: float, planned: float) -> float:
    """How many standard errors a one-sided bound lies from the estimate, so that it holds at all looks together.

    Args:
        information: one over the squared standard error, now.
        alpha: the chance that the bound ever fails, over unboundedly many looks.
        planned: the information at which the bound shall be tightest.
    """
    return _reach(_best(alpha) * information / planned, alpha)


def tightest(alpha: float) -> float:
    """``reach`` at the planned information, which is the least there is: what sequential looking costs beside 1.64 at 5 %."""
    return _reach(_best(alpha), alpha)


def _reach(ratio: float, alpha: float) -> float:
    """``ratio`` is information times the variance of the mixture: where 2 exp(x²/2) Φ(x) / √(1 + ratio) reaches 1 / alpha."""
    spread = log(sqrt(1 + ratio) / (2 * alpha))
    x, before = sqrt(max(2 * spread, 0.0)), -1.0
    while abs(x - before) > 1e-10:  # three or four rounds: Φ is nearly one
        x, before = sqrt(max(2 * (spread - log(float(ndtr(x)))), 0.0)), x
    return x * sqrt(1 + 1 / ratio)


@cache
def _best(alpha: float) -> float:
    ratios = np.geomspace(0.5, 100, 2000)
    return float(ratios[np.argmin([_reach(float(ratio), alpha) for ratio in ratios])])


def mismatch(counted: int, total: int, share: float) -> float:
    """The logarithm of the evidence against an arm getting ``share`` of all units, when it got ``counted`` of ``total``: whatever is
    true of 1 in 1,000 at most, if the share is right, ever reaches log(1000).
    """
    a, b = CONCENTRATION * share, CONCENTRATION * (1 - share)
    rest = total - counted
    seen = lgamma(a + counted) + lgamma(b + rest) - lgamma(a + b + total) - lgamma(a) - lgamma(b) + lgamma(a + b)
    return seen - counted * log(share) - rest * log(1 - share)


def evidence(log_evidence: float) -> float:
    """The always-valid p-value of it."""
    return min(1.0, exp(-log_evidence)) if log_evidence < 700 else 0.0
