"""Bounds for every look, against drawn Brownian motion; the split's evidence against its exact sum."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest

from harness.stats.sequence import evidence, mismatch, reach, tightest

GRID = np.geomspace(0.01, 100, 400)


def crossings(alpha: float, draws: int = 4000) -> float:
    """How often a path of sums with independent parts ever lies above its bound."""
    rng = np.random.default_rng(7)
    steps = np.sqrt(np.diff(GRID, prepend=0.0))
    paths = np.cumsum(rng.standard_normal((draws, len(GRID))) * steps, axis=1)
    bound = np.array([reach(float(t), alpha=alpha, planned=1.0) for t in GRID]) * np.sqrt(GRID)
    return float((paths > bound).any(axis=1).mean())


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_a_path_ever_crosses_in_alpha_at_most_and_not_much_less(alpha: float) -> None:
    assert alpha / 2 < crossings(alpha) < alpha + 3 * sqrt(alpha / 4000)


def test_it_is_tightest_where_it_is_planned_to_be() -> None:
    found = [reach(float(t), alpha=0.05, planned=1.0) for t in GRID]
    assert GRID[int(np.argmin(found))] == pytest.approx(1.0, rel=0.05)
    assert min(found) == pytest.approx(tightest(0.05), abs=1e-3)
    assert 1.645 < min(found) < 2.8
    assert reach(1.0, alpha=0.001, planned=1.0) > min(found) > reach(1.0, alpha=0.2, planned=1.0)


def test_the_scale_of_the_planned_information_is_free() -> None:
    assert reach(3.0, alpha=0.05, planned=2.0) == pytest.approx(reach(300.0, alpha=0.05, planned=200.0))


def test_evidence_against_a_split_is_a_ratio_of_likelihoods() -> None:
    """Over all outcomes of ten units it sums to one where the declared share is true."""
    from math import comb

    for share in (0.05, 0.5):
        total = sum(comb(10, k) * share**k * (1 - share) ** (10 - k) * exp(mismatch(k, 10, share)) for k in range(11))
        assert total == pytest.approx(1.0)
    assert evidence(0.0) == 1.0
    assert evidence(log(1000)) == pytest.approx(0.001)
    assert evidence(1e6) == 0.0
    assert evidence(-5.0) == 1.0


def test_a_wrong_split_is_found_and_a_right_one_is_not() -> None:
    assert mismatch(4500, 10_000, 0.5) > log(1000)
    assert mismatch(5050, 10_000, 0.5) < 0
    assert mismatch(300, 10_000, 0.05) > log(1000)
    assert mismatch(505, 10_000, 0.05) < 0
