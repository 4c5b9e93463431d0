"""The clustered variance against its definition in matrices, and by simulation where C - 1 is known to fail."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from harness.stats import cluster_variance, crossed
from harness.stats.clusters import correlation

SIZES = ([3, 1, 7, 2, 9, 4], [40, 40, 5, 5, 5, 5, 5], [100] + [1] * 50, [10] * 10)


def codes(sizes: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(sizes)), sizes)


def by_definition(x: np.ndarray, labels: np.ndarray, rho: float) -> tuple[float, float]:
    """CR2 and Bell and McCaffrey's degrees of freedom for a regression on a constant, written out as matrices."""
    n = x.size
    same = labels[:, None] == labels[None, :]
    residual_maker = np.eye(n) - 1 / n
    residuals = residual_maker @ x
    variance, columns = 0.0, []
    for label in np.unique(labels):
        mine = labels == label
        adjusted = np.linalg.inv(sqrtm(residual_maker[np.ix_(mine, mine)]).real)
        weights = np.ones(mine.sum()) @ adjusted / n
        variance += float(weights @ residuals[mine]) ** 2
        columns.append(weights @ residual_maker[mine])
    g = np.array(columns)
    eigenvalues = np.linalg.eigvalsh(g @ np.where(same, np.where(np.eye(n) > 0, 1.0, rho), 0.0) @ g.T)
    return variance, eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


@pytest.mark.parametrize("sizes", SIZES)
def test_matches_the_matrices(sizes: list[int]) -> None:
    rng = np.random.default_rng(len(sizes))
    labels = codes(sizes)
    x = rng.normal(size=labels.size) + rng.normal(size=len(sizes))[labels]
    got = cluster_variance(x, labels)
    variance, df = by_definition(x, labels, correlation(x, labels))
    assert (got.value, got.df, got.clusters) == pytest.approx((variance, df, len(sizes)))


def test_even_clusters_have_the_usual_variance_and_df() -> None:
    x, labels = np.random.default_rng(1).normal(size=60), codes([6] * 10)
    sums = np.array([(x - x.mean())[labels == label].sum() for label in range(10)])
    got = cluster_variance(x, labels)
    assert (got.value, got.df) == pytest.approx((10 / 9 * (sums**2).sum() / 60**2, 9))


def test_cases_alone_are_the_variance_of_a_mean() -> None:
    x = np.random.default_rng(2).normal(size=25)
    alone, labelled = cluster_variance(x), cluster_variance(x, np.arange(25)[::-1])
    assert (alone.value, alone.df, alone.clusters) == pytest.approx((x.var(ddof=1) / 25, 24, 25))
    assert (labelled.value, labelled.df) == pytest.approx((alone.value, 24))


def test_the_correlation_is_found() -> None:
    rng = np.random.default_rng(3)
    labels = codes(list(rng.integers(1, 11, 3000)))
    x = np.sqrt(0.7) * rng.normal(size=labels.size) + np.sqrt(0.3) * rng.normal(size=3000)[labels]
    assert correlation(x, labels) == pytest.approx(0.3, abs=0.03)
    assert correlation(np.zeros(6), codes([3, 3])) == 0.0
    assert correlation(np.array([0.0, 0.0, 1.0, 1.0]), codes([2, 2])) == 1.0


def test_one_cluster_knows_nothing_and_pseudo_cases_count_no_cluster() -> None:
    assert cluster_variance(np.ones(9), np.zeros(9, dtype=np.int64)).value == np.inf
    assert cluster_variance(np.ones(1)).value == np.inf
    got = cluster_variance(np.zeros(10), codes([5, 5]), pseudo=(1.0, -1.0))
    assert (got.clusters, got.df) == pytest.approx((2, 1))
    assert got.value == pytest.approx(2 / (1 - 1 / 12) / 12**2)


@pytest.mark.parametrize("sizes", [[100] + [1] * 100, [40, 40] + [5] * 10, [10] * 10 + [1] * 20])
def test_uneven_clusters_err_at_most_alpha(sizes: list[int]) -> None:
    """With C - 1 degrees of freedom and C/(C - 1) these err 17-20 %, 8-10 % and 5-6 % a side."""
    rng, labels, runs = np.random.default_rng(20261122), codes(sizes), 1500
    missed = np.zeros(2)
    for _ in range(runs):
        common, own = rng.normal(size=len(sizes))[labels], rng.normal(size=labels.size)
        x = np.clip(np.round(0.8 * (np.sqrt(0.3) * common + np.sqrt(0.7) * own)), -1, 1)
        seen = crossed(x, labels).interval(0.05)
        missed += (seen.lower > 0, seen.upper < 0)
    assert max(missed) / runs <= 0.05 + 2.33 * np.sqrt(0.05 * 0.95 / runs)
