"""Looks: the published bounds, and the error of all looks together, by simulation (seeds fixed)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from harness.stats import look_alpha
from harness.stats.looks import step, unplanned_alpha


def any_crossed(levels: list[float], fractions: list[float], *, runs: int = 40_000) -> float:
    """Share of Brownian motions that pass any of the bounds, each at its fraction of the information."""
    steps = np.diff([0.0, *fractions])
    sums = (np.random.default_rng(5).normal(size=(runs, len(steps))) * np.sqrt(steps)).cumsum(axis=1)
    return float((sums / np.sqrt(fractions) > ndtri(1 - np.array(levels))).any(axis=1).mean())


def test_five_looks_have_the_published_bounds_and_the_error_of_one() -> None:
    levels = [look_alpha(0.05, looks=5, fraction=j / 5) for j in range(1, 6)]
    assert [round(float(ndtri(1 - a)), 2) for a in levels] == [3.92, 2.77, 2.26, 1.96, 1.75]
    assert any_crossed(levels, [j / 5 for j in range(1, 6)]) == pytest.approx(0.05, abs=0.004)


@pytest.mark.parametrize("fractions", [[0.9, 1.0], [0.5, 0.75, 1.0], [0.34, 0.99, 1.0], [0.05, 0.39, 0.41, 0.8, 1.0]])
def test_uneven_looks_never_err_more(fractions: list[float]) -> None:
    looks = len(fractions)
    taken = [f for i, f in enumerate(fractions) if i == 0 or step(looks, f) > step(looks, fractions[i - 1])]
    levels = [look_alpha(0.05, looks=looks, fraction=f) for f in taken]
    assert any_crossed(levels, taken) <= 0.05 + 0.003


def test_cases_that_do_not_divide_evenly_are_on_time() -> None:
    assert [step(5, round(333 * j / 5) / 333) for j in range(1, 6)] == [1, 2, 3, 4, 5]
    assert [step(5, f) for f in (0.1, 0.39, 0.99, 2.0)] == [0, 1, 4, 5]
    early, exact = look_alpha(0.05, looks=5, fraction=133 / 333), look_alpha(0.05, looks=5, fraction=0.4)
    assert early < exact


def test_one_look_spends_all_and_no_case_is_refused() -> None:
    assert look_alpha(0.05, looks=1, fraction=0.2) == 0.05
    assert look_alpha(0.05, looks=3, fraction=2.0) == look_alpha(0.05, looks=3, fraction=1.0)
    assert look_alpha(0.05, looks=3, fraction=0.1) < look_alpha(0.05, looks=3, fraction=1 / 3)
    with pytest.raises(ValueError, match="fraction"):
        look_alpha(0.05, looks=3, fraction=0.0)


def test_unplanned_looks_sum_to_alpha() -> None:
    levels = [unplanned_alpha(0.05, j) for j in range(1, 20_000)]
    assert sum(levels) == pytest.approx(0.05, abs=1e-5)
    assert levels[:3] == pytest.approx([0.0304, 0.0076, 0.0034], abs=5e-5)
    with pytest.raises(ValueError, match="look was 0"):
        unplanned_alpha(0.05, 0)


def test_a_planned_look_and_four_that_nobody_planned() -> None:
    """The first has all of alpha: together they err a little more than one, never 1.4 times as much."""
    levels = [0.05, *(unplanned_alpha(0.05, j) for j in range(2, 6))]
    grown = any_crossed(levels, [0.2, 0.4, 0.6, 0.8, 1.0])
    assert 0.05 < grown < 0.06
    assert sum(levels) < 1.4 * 0.05
