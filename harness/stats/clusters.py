"""The variance of a mean when cases come in clusters, and how many degrees of freedom it is known with.

    >>> import numpy as np
    >>> cases, codes = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0]), np.array([0, 0, 1, 1, 2, 2])
    >>> found = cluster_variance(cases, codes)
    >>> found.clusters, round(found.df, 6)                  # clusters of one size: C - 1
    (3, 2.0)

With e_c = Σ_{i in c}(x_i - x̄) the sum of cluster c's residuals, n_c its size and N = Σ n_c::

    V  = Σ_c e_c² / (1 - n_c/N) / N²                        CR2; C/(C-1) · Σ e_c²/N² for clusters of one size
    df = (Σ λ_j)² / Σ λ_j²                                  λ: eigenvalues of V as a quadratic form

CR2 and its degrees of freedom are Bell and McCaffrey's (2002, Survey Methodology 28); the variance model inside df is
random effects with the correlation found in the cases (Imbens and Kolesár 2016, doi:10.1162/REST_a_00552). The usual
C - 1 is right for clusters of one size. Clusters of 1 to 10 cases let it err up to 6.4 %, one cluster with half the
cases 20 %; this form kept 5.2 % or less in the same simulations (``docs/error-rates.md`` repeats some of them).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Variance:
    """Of a mean: its value, with ``df`` degrees of freedom, from ``clusters`` independent clusters."""

    value: float
    df: float
    clusters: int


def cluster_variance(cases: Floats, clusters: Codes | None = None, *, pseudo: tuple[float, ...] = ()) -> Variance:
    """Variance of the mean of ``cases``, shape (n,), infinite for a single cluster.

    Args:
        cases: shape (n,).
        clusters: shape (n,), a small integer code a case; None when every case stands alone.
        pseudo: values that enter the variance as clusters of one case each, and neither df nor the count.
    """
    values = np.concatenate([cases, np.asarray(pseudo, dtype=np.float64)])
    centred = values - values.mean()
    if values.size < 2:
        return Variance(inf, 0.0, cases.size)
    if clusters is None:
        value = float(np.dot(centred, centred)) / (values.size * (values.size - 1))
        return Variance(value, float(cases.size - 1), cases.size)
    sums, sizes = _sums(centred[: cases.size], clusters)
    if sizes.size < 2:
        return Variance(inf, 0.0, sizes.size)
    alone = centred[cases.size :]
    total = np.dot(sums, sums / (1 - sizes / values.size)) + np.dot(alone, alone) / (1 - 1 / values.size)
    return Variance(float(total) / values.size**2, _df(sizes, correlation(cases, clusters)), sizes.size)


def correlation(cases: Floats, clusters: Codes) -> float:
    """Of two cases of one cluster, 0 to 1: the analysis of variance's (Donner 1986, doi:10.2307/1403259)."""
    centred = cases - cases.mean()
    sums, sizes = _sums(centred, clusters)
    n, count = cases.size, sizes.size
    if not 1 < count < n:
        return 0.0
    between = float(np.dot(sums, sums / sizes))
    within = max(float(np.dot(centred, centred)) - between, 0.0) / (n - count)
    between /= count - 1
    typical = (n - float(np.dot(sizes, sizes)) / n) / (count - 1)
    spread = between + (typical - 1) * within
    return float(np.clip((between - within) / spread, 0.0, 1.0)) if spread > 0 else 0.0


def _df(sizes: Floats, rho: float) -> float:
    """(tr A)²/tr(A²) for A = W·R·diag(v)·R', R = I - sizes·1'/N, v_c the variance of a cluster's sum; in linear time."""
    n = float(sizes.sum())
    share, v = sizes / n, sizes * (1 + (sizes - 1) * rho)
    weight, total = 1 / (1 - share), float(v.sum())
    ss, sv, vv = (float(np.dot(weight * a, b)) for a, b in ((share, share), (share, v), (v, v)))
    off = total * share**2 - 2 * share * v
    trace = float(np.dot(weight, v + off))
    square = (
        float(np.dot(weight**2 * v, v + 2 * off)) + (total * ss) ** 2 + 2 * vv * ss + 2 * sv**2 - 4 * total * ss * sv
    )
    return max(trace**2 / square, 1.0)


def _sums(centred: Floats, clusters: Codes) -> tuple[Floats, Floats]:
    """Sum and size of every cluster."""
    labels = clusters - clusters.min()
    sizes = np.bincount(labels)
    there = sizes > 0
    sums = np.bincount(labels, weights=centred)[there]
    return sums.astype(np.float64, copy=False), sizes[there].astype(np.float64)
