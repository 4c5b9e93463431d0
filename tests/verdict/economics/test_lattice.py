"""The draws: each coordinate alone is exact, every pair is even, and nothing is random."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import t

from harness.verdict.economics.cost import NAMES
from harness.verdict.economics.lattice import FEW, POINTS, VECTOR, few, shares, spread, student
from harness.verdict.economics.plan import FIRST


def test_every_input_has_a_coordinate() -> None:
    assert FIRST + len(NAMES) <= len(VECTOR)
    assert len(set(VECTOR)) == len(VECTOR)


def test_each_coordinate_takes_every_midpoint_once() -> None:
    for coordinate in range(len(VECTOR)):
        assert np.array_equal(np.sort(spread(coordinate)), np.arange(POINTS))


def test_every_pair_is_spread_over_the_square() -> None:
    """Of 256 boxes each should hold 128 points; of random points one box in nearly every pair is off by 27 and more."""
    for one, other in combinations(range(FIRST + len(NAMES)), 2):
        boxes = spread(one) * 16 // POINTS * 16 + spread(other) * 16 // POINTS
        assert np.abs(np.bincount(boxes, minlength=256) - 128).max() <= 20, (one, other)


def test_a_few_are_a_lattice_again() -> None:
    some = few(shares()[spread(3)])
    assert isinstance(some, np.ndarray)
    np.testing.assert_allclose(np.sort(some), (np.arange(FEW) + 0.5) / FEW, atol=0.5 / POINTS, rtol=0)
    assert few(2.5) == 2.5


@pytest.mark.parametrize("df", [1, 2, 4, 39, 399])
def test_students_t(df: int) -> None:
    drawn = np.sort(student(df, 0))
    inner = slice(int(0.0005 * POINTS), int(0.9995 * POINTS))
    np.testing.assert_allclose(drawn[inner], t.ppf(shares()[inner], df), rtol=1e-2, atol=1e-3)
    for share in (0.05, 0.25, 0.95):
        assert np.quantile(drawn, share) == pytest.approx(t.ppf(share, df), rel=2e-3)
