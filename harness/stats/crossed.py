"""Interval for a paired difference when training seeds and cases are both samples.

    >>> import numpy as np
    >>> crossed(np.array([[0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 1.0]])).interval(0.05).n
    4

``differences`` is k seeds × n cases of tuned minus baseline score, repeats averaged. With c_i the mean of case i over
seeds, m_s the mean of seed s over cases and D the grand mean::

    V_case = Σ_clusters e_c²/(1 - n_c/n)/n², e_c = Σ_{i in cluster}(c_i - D)    (without clusters: var(c)/n)
    V_seed = max(var(m)/k - MSE/(k·n), 0)                                       MSE: the case-by-seed residual
    bound  = D·n/(n+2) ∓ √(V_case·t²(df) + V_seed·t²(k-1))                      df: n - 1, C - 1 for even clusters

Two pseudo-cases, +1 and -1 (Bonett and Price 2012, doi:10.3102/1076998611411915, for 0/1 pairs), enter the centre and V_case:
without a discordant pair there still is uncertainty. Each part has its own t: the textbook Satterthwaite t on the sum
erred up to 7.7 % at k = 3 in simulation, this form at most 5.6 %. V_case and its df are `harness.stats.clusters`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy.special import stdtrit

from harness.stats.clusters import Codes, Floats, cluster_variance

DIFFERENCE = (1.0, -1.0)
"""Pseudo-cases of a paired difference of scores in [0, 1]: its two extremes."""
SCORE = (1.0, 0.0)
"""Pseudo-cases of a score in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with two one-sided bounds, each of error ``alpha``: together a 1 - 2·alpha interval.

    ``df`` belongs to the case part; ``seeds`` is 0 when nothing trained was compared.
    """

    estimate: float
    lower: float
    upper: float
    alpha: float
    df: float
    n: int
    seeds: int
    clusters: int


@dataclass(frozen=True, slots=True)
class Moments:
    """What the interval needs of the data; bounds at any ``alpha`` come from it without a second pass.

    ``choices`` is among how many recipes this one was chosen by the same trainings on other cases: the luckiest trainings
    win, and are as lucky on test. The seeds' part then has alpha / choices (Bonferroni); cases are new, theirs has alpha.
    """

    estimate: float
    centre: float
    v_case: float
    v_seed: float
    n: int
    seeds: int
    clusters: int
    df: float
    choices: int = 1

    def interval(self, alpha: float) -> Interval:
        """Both one-sided bounds; infinite when there are too few clusters or seeds to know a variance.

        Raises:
            ValueError: alpha outside (0, 0.5).
        """
        if not 0 < alpha < 0.5:
            raise ValueError(f"alpha was {alpha!r}, allowed is more than 0 and less than 0.5")
        of_seeds = _part(self.v_seed, max(self.seeds - 1, 0), alpha / self.choices)
        width = sqrt(_part(self.v_case, self.df, alpha) + of_seeds)
        lower, upper = self.centre - width, self.centre + width
        return Interval(self.estimate, lower, upper, alpha, self.df, self.n, self.seeds, self.clusters)

    def negated(self) -> Moments:
        """The same comparison with its sides swapped."""
        same = (self.v_case, self.v_seed, self.n, self.seeds, self.clusters, self.df, self.choices)
        return Moments(-self.estimate, -self.centre, *same)


def crossed(differences: Floats, clusters: Codes | None = None, *, pseudo: tuple[float, ...] = DIFFERENCE) -> Moments:
    """Moments of k × n differences, or of n when nothing was trained (then the case part alone).

    Args:
        differences: shape (k, n), one row a training seed; or (n,).
        clusters: shape (n,), a small integer code a case; None when every case stands alone.
        pseudo: the two pseudo-cases, or none.

    Raises:
        ValueError: no case, NaN, or clusters of another length.
    """
    matrix = _matrix(differences, clusters)
    cases = matrix.mean(axis=0)
    case = cluster_variance(cases, clusters, pseudo=pseudo)
    seeds = matrix.shape[0] if differences.ndim == 2 else 0
    n = cases.size
    estimate = float(cases.mean())
    centre = (n * estimate + sum(pseudo)) / (n + len(pseudo))
    v_seed = seed_variance(matrix) if seeds else 0.0
    return Moments(estimate, centre, case.value, v_seed, n, seeds, case.clusters, case.df)


def seed_variance(matrix: Floats) -> float:
    """V_seed of k × n differences: variance of the mean that comes from seeds, the cases' own noise taken out.

    Infinite for one seed: it says nothing about the next training.
    """
    k, n = matrix.shape
    if k < 2:
        return inf
    seeds: Floats = matrix.mean(axis=1)
    spread: float = np.var(seeds, ddof=1).item() / k
    if n < 2:
        return spread
    residual = matrix - seeds[:, None] - matrix.mean(axis=0) + matrix.mean()
    mse = float(np.sum(residual**2)) / ((k - 1) * (n - 1))
    return float(max(spread - mse / (k * n), 0.0))


def _matrix(differences: Floats, clusters: Codes | None) -> Floats:
    matrix = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    if matrix.ndim != 2 or matrix.size == 0:
        raise ValueError(f"differences has shape {differences.shape}, allowed is (seeds, cases) or (cases,), not empty")
    if not np.isfinite(matrix).all():
        raise ValueError("differences holds NaN or infinity: leave cases that were not measured out, on both sides")
    if clusters is not None and clusters.shape != (matrix.shape[1],):
        raise ValueError(f"clusters has shape {clusters.shape}, allowed is ({matrix.shape[1]},), one code a case")
    return matrix


def _part(variance: float, df: float, alpha: float) -> float:
    """One term under the root: variance times the squared t quantile."""
    if variance == 0:
        return 0.0
    if df < 1 or variance == inf:
        return inf
    return variance * float(stdtrit(df, 1 - alpha)) ** 2
