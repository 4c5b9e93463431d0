"""The difference at equal length against statsmodels and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from harness.stats import adjusted, crossed


def test_intercept_and_slope_are_least_squares() -> None:
    rng = np.random.default_rng(0)
    length = rng.normal(0.8, 1.0, size=80)
    difference = 0.05 + 0.1 * length + rng.normal(0, 0.2, size=80)
    found, fit = adjusted(difference, length), sm.OLS(difference, sm.add_constant(length)).fit(cov_type="HC1")
    assert found is not None
    assert (found.moments.estimate, found.slope) == pytest.approx(tuple(fit.params))
    # but for the two pseudo-cases, which widen it a little
    assert np.sqrt(found.moments.v_case) == pytest.approx(fit.bse[0], rel=0.2)
    assert found.moments.v_case > fit.bse[0] ** 2


@pytest.mark.parametrize("gain", [0.0, 0.1])
def test_a_gain_that_is_length_is_taken_out_and_one_that_is_not_stays(gain: float) -> None:
    """Bounds miss the truth as often as they say, with seeds and clusters."""
    rng, runs, low, high = np.random.default_rng(1), 400, 0, 0
    clusters = np.repeat(np.arange(40), 3)
    for _ in range(runs):
        shared = np.repeat(rng.normal(0, 0.1, 40), 3)
        length = rng.normal(0.7, 0.8, size=(3, 120))
        seed = rng.normal(0, 0.03, size=(3, 1))
        noise = rng.normal(0, 0.25, size=(3, 120)) + shared
        found = adjusted(gain + seed + 0.15 * length + noise, length, clusters)
        assert found is not None
        bounds = found.moments.interval(0.05)
        low, high = low + (bounds.lower > gain), high + (bounds.upper < gain)
    allowed = 0.06 + 2 * np.sqrt(0.05 * 0.95 / runs)
    assert low / runs <= allowed
    assert high / runs <= allowed
    assert (low + high) / runs >= 0.02


def test_equal_lengths_change_nothing() -> None:
    difference = np.array([[0.0, 1.0, 0.0, 0.5], [1.0, 1.0, 0.0, 0.0]])
    found = adjusted(difference, np.zeros((2, 4)))
    assert found is not None
    assert (found.moments, found.slope) == (crossed(difference), 0.0)


def test_lengths_that_differ_by_the_same_tell_nothing() -> None:
    assert adjusted(np.array([0.0, 1.0, 0.0]), np.full(3, 2.0)) is None


def test_far_outside_the_data_nothing_is_known() -> None:
    rng = np.random.default_rng(2)
    noise, length = rng.normal(0, 0.2, size=100), rng.normal(0, 0.2, size=100)
    near, far = adjusted(noise, length), adjusted(noise, length + 3)
    assert near is not None
    assert far is not None
    widths = [found.moments.interval(0.05) for found in (near, far)]
    assert widths[1].upper - widths[1].lower > 5 * (widths[0].upper - widths[0].lower)


@pytest.mark.parametrize(
    ("difference", "length", "said"),
    [
        (np.zeros(3), np.zeros(4), "allowed are two of one shape"),
        (np.zeros(2), np.zeros(2), "three cases or more"),
        (np.zeros(3), np.array([0.0, np.nan, 1.0]), "lengths hold NaN"),
        (np.array([0.0, np.nan, 1.0]), np.arange(3.0), "differences holds NaN"),
    ],
)
def test_what_cannot_be_reckoned_is_said(difference: np.ndarray, length: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        adjusted(difference, length)
