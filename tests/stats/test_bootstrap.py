"""The bootstrap of what is no mean: equal to the usual interval where it is one, seeded, wider over clusters and trainings."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from harness.stats import Floats, bootstrap, mean


def share(sums: Floats) -> Floats:
    return np.asarray(sums[..., 0] / sums[..., 1])


def counted(hits: Floats) -> Floats:
    """Statistics (trainings, n, 2) of a mean."""
    return np.stack([hits, np.ones_like(hits)], axis=-1)


def test_of_a_mean_it_is_the_usual_interval() -> None:
    hits = (np.random.default_rng(1).random((1, 400)) < 0.7).astype(float)
    found, usual = bootstrap(counted(hits), share, alpha=0.05), mean(hits[0]).interval(0.05)
    assert found.estimate == pytest.approx(usual.estimate)
    assert (found.lower, found.upper) == pytest.approx((usual.lower, usual.upper), abs=0.006)
    assert (found.n, found.clusters, found.seeds) == (400, 400, 0)


def test_the_same_data_give_the_same_interval() -> None:
    hits = counted(np.random.default_rng(2).random((3, 50)))
    assert bootstrap(hits, share, alpha=0.05) == bootstrap(hits, share, alpha=0.05)


def test_clusters_are_drawn_whole() -> None:
    hits = np.repeat((np.random.default_rng(3).random((1, 40)) < 0.5).astype(float), 10, axis=1)
    codes = np.repeat(np.arange(40) * 7, 10)
    alone, whole = (
        bootstrap(counted(hits), share, alpha=0.05),
        bootstrap(counted(hits), share, clusters=codes, alpha=0.05),
    )
    assert whole.clusters == 40
    assert whole.upper - whole.lower > 2 * (alone.upper - alone.lower)


def test_trainings_are_drawn_too() -> None:
    random = np.random.default_rng(4)
    alike = (random.random((3, 300)) < 0.5).astype(float)
    apart = (random.random((3, 300)) < np.array([[0.2], [0.5], [0.8]])).astype(float)
    one, other = (bootstrap(counted(hits), share, alpha=0.05) for hits in (alike, apart))
    assert one.seeds == other.seeds == 3
    assert other.estimate == pytest.approx(apart.mean())
    assert other.upper - other.lower > 3 * (one.upper - one.lower)


def test_one_cluster_tells_nothing() -> None:
    found = bootstrap(counted(np.ones((1, 5))), share, clusters=np.zeros(5, dtype=int), alpha=0.05)
    assert (found.lower, found.upper) == (-np.inf, np.inf)


def test_all_right_is_not_certain() -> None:
    found = bootstrap(counted(np.ones((1, 9))), share, alpha=0.05)
    assert (found.estimate, found.lower, found.upper) == (1.0, -np.inf, np.inf)


def test_coverage() -> None:
    """A ratio of two means, whose truth is known: both ends err about 5 %."""
    random, below, above = np.random.default_rng(5), 0, 0
    for _ in range(300):
        length = random.integers(1, 6, size=(1, 80)).astype(float)
        hits = random.binomial(length.astype(int), 0.3).astype(float)
        found = bootstrap(np.stack([hits, length], axis=-1), share, alpha=0.05, draws=400)
        below, above = below + (found.upper < 0.3), above + (found.lower > 0.3)
    assert below / 300 < 0.09
    assert above / 300 < 0.09


def test_draws_in_parts_are_bounded_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    hits = counted(np.random.default_rng(6).random((2, 30)))
    before = bootstrap(hits, share, alpha=0.05)
    monkeypatch.setattr(sys.modules[bootstrap.__module__], "AT_ONCE", 64)
    after = bootstrap(hits, share, alpha=0.05)
    assert (after.lower, after.upper) == pytest.approx((before.lower, before.upper), abs=0.02)
