"""What twice the training data would bring: the learning curve carried one doubling on, with an interval.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> shares, means = (0.125, 0.25, 0.5, 1.0), (0.55, 0.65, 0.71, 0.746)         # each doubling brings 0.6 of the last
    >>> scores = [(rng.random((3, 800)) < mean).astype(float) for mean in means]
    >>> found = doubling(shares, scores, alpha=0.05)
    >>> found.lower < 0.0216 < found.upper
    True

Three forms are fitted to the means by least squares, on a grid of what makes them bend, the rest in closed form::

    a - b·n^(-c)         a power of the data, as in Hestness et al. 2017 (arXiv 1712.00409); each doubling brings 2^(-c) of the last
    a - b·exp(-n/τ)      faster: it has all but ended where the power still climbs
    a + b·log n          through the last three shares alone: slower, after whatever came first

Four points often cannot tell them apart, so the interval is the union of those that fit; where neither of the first two
does, nothing is said: a curve that turns inside what was measured cannot be carried on. Where a doubling is shown to bring more
than the one before, as in the first half of an S, the lower end is at most zero: it will bend, and no share says where. In each form it is a parametric
bootstrap: the means are drawn again, by the covariance over cases (the same cases are answered at every share; clustered
where they are) and by the spread between trainings (pooled over shares but for one that has clearly more, t with its degrees of freedom). Percentiles of few
trainings are too near; two thirds of alpha go to each end. How often the ends err is measured in ``tests/stats/test_curve.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.stats.clusters import Codes, Floats

POINTS = 4
"""Shares that a form of three numbers needs, to have one left that says whether it fits."""
CLUSTERS = 20
"""Independent cases below which their covariance is a guess."""
RATIOS = (*np.linspace(0.05, 1.0, 20), 1.05, 1.1, 1.15, 1.2, 1.25)
"""What a doubling brings of what the last one brought; a little over 1, since 1 itself must not be the end of a grid."""
TIMES = tuple(np.geomspace(0.04, 1.0, 20))
"""τ, as a share of the data."""
MISFIT, RULED_OUT = 0.05, 0.01
"""Levels at which no form is held to fit, and at which one of them is left out: the true one shall hardly ever be."""
TINY = 1e-15
"""Residuals that are none."""
LATE = 3
"""Shares through which the late line goes."""
NARROW = 2 / 3
"""Of alpha, what each end gets."""
RISING = 0.05
"""Level at which a doubling is held to bring more than the one before."""
APART = 2.0
"""How many times the pooled variance a share's own is, when it is taken instead."""
DRAWS, SEED = 1000, 20261126
DIGITS = 12
DRAWN = 12, 4
"""Steps of the fitted curve, from the least share to all of the data, and from there to twice as much."""


@dataclass(frozen=True, slots=True)
class Doubling:
    """The gain from all of the data to twice as much, with two one-sided bounds of error ``alpha`` each; ``curve`` has the fitted
    mean by share of the data, up to 2, ``df`` are those of the trainings' spread.
    """

    estimate: float
    lower: float
    upper: float
    alpha: float
    df: float
    n: int
    clusters: int
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class _Form:
    """A form at every point g of its grid: ``rest`` (g, J, J) takes the residuals out of J means, ``fitted`` (g, J, J) the fitted
    means, ``gain`` (g, J) what the next doubling brings, and ``along`` (g, J, steps) the curve.
    """

    rest: Floats
    fitted: Floats
    gain: Floats
    along: Floats

    def misfit(self, means: Floats) -> Floats:
        """Sum of squared residuals of means (…, J) at every point of the grid: shape (g, …)."""
        size, width = self.rest.shape[:2]
        left = means @ self.rest.transpose(2, 0, 1).reshape(width, size * width)
        return np.moveaxis((left.reshape(*means.shape[:-1], size, width) ** 2).sum(axis=-1), -1, 0)

    def gains(self, means: Floats) -> Floats:
        """Of each row of means (draws, J): what the next doubling brings by the form that fits it best."""
        best = self.misfit(means).argmin(axis=0)
        return np.take_along_axis(means @ self.gain.T, best[:, None], axis=1)[:, 0]

    def fit(self, means: Floats, noise: Floats) -> float:
        """How often chance alone, in draws of the means' errors, leaves residuals as large as those of the means."""
        left = self.misfit(means)
        by_chance = self.misfit(self.fitted[int(left.argmin())] @ means + noise).min(axis=0)
        return float((by_chance >= left.min() - TINY).mean())


def doubling(
    shares: Sequence[float], scores: Sequence[Floats], clusters: Codes | None = None, *, alpha: float
) -> Doubling | None:
    """The gain of a doubling beyond all of the data, at most what is left to 1; None where points, cases or trainings are too
    few, or no form fits.

    Args:
        shares: of the data, J of them, ascending, the last one 1.
        scores: for each share (trainings, n), the same n cases in the same order, each in [0, 1]: a curve that is carried on
            past 1 turns before it gets there, and is held to fit no form.
        clusters: shape (n,), a small integer code a case; None when every case stands alone.
        alpha: of one side.

    Raises:
        ValueError: scores of different cases, or NaN among them.
    """
    n = scores[0].shape[1]
    if any(one.shape[1] != n for one in scores) or not all(np.isfinite(one).all() for one in scores):
        raise ValueError("scores must be of the same cases at every share, without NaN: leave others out")
    counts = np.array([one.shape[0] for one in scores])
    codes = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    count = int(codes.max(initial=-1)) + 1
    if len(shares) < POINTS or counts.min() < 2 or count < CLUSTERS:
        return None
    means = np.array([one.mean() for one in scores])
    noise = _noise(scores, codes, count)
    fits = [(form.fit(means, noise), form) for form in _whole(np.asarray(shares))]
    if max(fit for fit, _ in fits) <= MISFIT:
        return None
    whole = [form for fit, form in fits if fit > RULED_OUT]
    estimate = float(np.mean([form.gains(means[None])[0] for form in whole]))
    late = _late(np.asarray(shares))
    drawn = [form.gains(means + noise) for form in (*whole, *([late] if late.fit(means, noise) > RULED_OUT else ()))]
    level = alpha * NARROW
    room = 1 - float(np.quantile(means[-1] + noise[:, -1], level))
    if estimate > room:
        return None
    ends = min(np.quantile(one, level) for one in drawn), min(max(np.quantile(one, 1 - level) for one in drawn), room)
    if _rising(np.asarray(shares), means, noise):
        ends = min(ends[0], 0.0), ends[1]
    estimate, lower, upper = (round(float(value), DIGITS) + 0.0 for value in (estimate, *ends))
    df = float((counts - 1).sum())
    return Doubling(estimate, lower, upper, alpha, df, n, count, _curve(whole, means, shares))


def _rising(shares: Floats, means: Floats, noise: Floats) -> bool:
    """Whether a doubling is shown to bring more than the one before it, by the draws of the means' errors: the first half of an S,
    of which no share says where it will bend.
    """
    slopes = np.diff(np.eye(shares.size), axis=0) / np.diff(np.log2(shares))[:, None]
    steeper = np.diff(slopes, axis=0)
    return bool((steeper @ means > np.quantile(noise @ steeper.T, 1 - RISING, axis=0)).any())


def _noise(scores: Sequence[Floats], codes: Codes, count: int) -> Floats:
    """Draws of the means' errors, shape (DRAWS, J): cases and trainings."""
    rng = np.random.default_rng(SEED)
    cases = np.stack([one.mean(axis=0) for one in scores])
    n = cases.shape[1]
    centred = cases - cases.mean(axis=1, keepdims=True)
    sums = np.stack([np.bincount(codes, weights=row, minlength=count) for row in centred])
    # a pseudo-case a share: without a case that differs there still is uncertainty
    covariance = count / (count - 1) * (sums @ sums.T) / n**2 + np.eye(len(cases)) / n**2
    over_cases = rng.standard_normal((DRAWS, len(cases))) @ np.linalg.cholesky(covariance).T
    draws = [spread.sd * rng.standard_t(spread.df, size=DRAWS) for spread in _spreads(scores)]
    return over_cases + np.stack(draws, axis=1)


@dataclass(frozen=True, slots=True)
class _Spread:
    """Standard deviation of a share's mean that comes from its trainings, and the degrees of freedom it is known with."""

    sd: float
    df: float


def _spreads(scores: Sequence[Floats]) -> list[_Spread]:
    """Pooled over shares; a share whose trainings clearly differ more has its own: where nobody can answer, nobody differs."""
    own = [max(float(np.var(one.mean(axis=1), ddof=1)) - _residual(one) / one.shape[1], 0.0) for one in scores]
    freedom = [len(one) - 1 for one in scores]
    pooled = float(np.average(own, weights=freedom))
    return [
        _Spread(float(np.sqrt(alone / (df + 1))), df)
        if alone > APART * pooled
        else _Spread(float(np.sqrt(pooled / (df + 1))), float(sum(freedom)))
        for alone, df in zip(own, freedom, strict=True)
    ]


def _residual(one: Floats) -> float:
    """Mean square of what is neither the case's nor the training's."""
    rest = one - one.mean(axis=1, keepdims=True) - one.mean(axis=0) + one.mean()
    return float(np.sum(rest**2)) / float((one.shape[0] - 1) * (one.shape[1] - 1))


def _whole(shares: Floats) -> tuple[_Form, _Form]:
    """Those that go through all shares."""
    powers = [partial(_power, ratio=ratio) for ratio in RATIOS]
    return _form(shares, powers), _form(shares, [partial(_exponential, time=time) for time in TIMES])


def _late(shares: Floats) -> _Form:
    """The line that goes through the last shares."""
    return _form(shares, [np.log2], least=float(shares[-LATE]))


def _power(shares: Floats, ratio: float) -> Floats:
    """Climbs by 1 in the last doubling, and by ``ratio`` in the next."""
    doublings = np.log2(shares)
    return np.asarray(doublings if ratio == 1 else (1 - ratio**doublings) / (1 / ratio - 1))


def _exponential(shares: Floats, time: float) -> Floats:
    return np.asarray(-np.exp(-shares / time))


def _form(shares: Floats, bends: Sequence[Callable[[Floats], Floats]], *, least: float = 0.0) -> _Form:
    """Least squares of a level and a height, for each bend, on the means of shares from ``least`` on."""
    at, kept = _along(float(shares[0])), np.diag((shares >= least).astype(np.float64))
    rest, fitted, gain, along = [], [], [], []
    for bend in bends:
        design = np.stack([np.ones(shares.size), bend(shares)], axis=1)
        solve = np.linalg.pinv(kept @ design)
        now, then = bend(np.array([1.0, 2.0]))
        rest.append(kept @ (np.eye(shares.size) - design @ solve))
        fitted.append(design @ solve)
        gain.append(solve[1] * (then - now))
        along.append(solve.T @ np.stack([np.ones(at.size), bend(at)]))
    return _Form(np.stack(rest), np.stack(fitted), np.stack(gain), np.stack(along))


def _along(least: float) -> Floats:
    measured, beyond = (np.geomspace(*ends, steps + 1) for ends, steps in zip(((least, 1), (1, 2)), DRAWN, strict=True))
    return np.concatenate([measured, beyond[1:]])


def _curve(forms: Sequence[_Form], means: Floats, shares: Sequence[float]) -> tuple[tuple[float, float], ...]:
    """The mean of the fitted forms, whose gain beyond all of the data is the estimate."""
    drawn = np.mean([means @ form.along[int(form.misfit(means).argmin())] for form in forms], axis=0)
    at = _along(shares[0])
    return tuple((round(float(s), DIGITS), round(min(float(m), 1.0), DIGITS)) for s, m in zip(at, drawn, strict=True))
