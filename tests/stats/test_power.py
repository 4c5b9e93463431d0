"""Power and planning: against the textbook formula where variances are known, and against simulated intervals."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from scipy.special import ndtri

from harness.stats import cases_needed, crossed, seeds_needed
from harness.stats.power import gain_shown, power

KNOWN = {"margin": 0.03, "v_case": 0.25, "v_seed": 0.0004}


def differences(rng: np.random.Generator, *, gain: float, cases: int, seeds: int, seed_sd: float) -> np.ndarray:
    """(seeds, cases): -1, 0 and 1 with variance 0.25 over cases, a shift for each seed, some noise in each cell."""
    up, down = 0.125 + gain / 2 + gain**2 / 2, 0.125 - gain / 2 + gain**2 / 2
    case = rng.choice([-1.0, 0.0, 1.0], p=[down, 1 - up - down, up], size=cases)
    return case + rng.normal(0, seed_sd, size=(seeds, 1)) + rng.normal(0, 0.1, size=(seeds, cases))


@pytest.mark.parametrize(
    ("gain", "cases", "seeds", "seed_sd"), [(0.10, 300, 3, 0.03), (0.10, 400, 5, 0.02), (0.15, 150, 4, 0.04)]
)
def test_power_is_what_the_interval_does(gain: float, cases: int, seeds: int, seed_sd: float) -> None:
    rng, runs = np.random.default_rng(cases), 800
    shown = 0
    for _ in range(runs):
        drawn = differences(rng, gain=gain, cases=cases, seeds=seeds, seed_sd=seed_sd)
        shown += crossed(drawn).interval(0.05).lower > 0.03
    said = power(
        gain=gain, margin=0.03, v_case=0.25 + 0.01 / seeds, v_seed=seed_sd**2, cases=cases, seeds=seeds, alpha=0.05
    )
    assert shown / runs == pytest.approx(said, abs=3 * np.sqrt(said * (1 - said) / runs) + 0.015)


@pytest.mark.parametrize(("gain", "seeds", "choices"), [(0.12, 3, 3), (0.10, 5, 4)])
def test_a_recipe_that_was_chosen_among_several_shows_less(gain: float, seeds: int, choices: int) -> None:
    rng, runs, cases, seed_sd = np.random.default_rng(seeds), 800, 400, 0.02
    shown = 0
    for _ in range(runs):
        drawn = differences(rng, gain=gain, cases=cases, seeds=seeds, seed_sd=seed_sd)
        shown += replace(crossed(drawn), choices=choices).interval(0.05).lower > 0.03
    known = {"gain": gain, "margin": 0.03, "v_case": 0.25 + 0.01 / seeds, "v_seed": seed_sd**2}
    said = power(cases=cases, seeds=seeds, choices=choices, **known)
    assert shown / runs == pytest.approx(said, abs=3 * np.sqrt(said * (1 - said) / runs) + 0.015)
    assert said < power(cases=cases, seeds=seeds, **known) - 0.05
    few, more = (cases_needed(seeds=8, choices=n, **known) for n in (1, choices))
    assert few is not None
    assert more is not None
    assert more > few


def test_more_of_anything_is_more_power() -> None:
    base = power(gain=0.08, cases=400, seeds=5, **KNOWN)
    assert power(gain=0.09, cases=400, seeds=5, **KNOWN) > base
    assert power(gain=0.08, cases=500, seeds=5, **KNOWN) > base
    assert power(gain=0.08, cases=400, seeds=6, **KNOWN) > base
    assert power(gain=0.08, cases=400, seeds=5, alpha=0.01, **KNOWN) < base
    assert power(gain=0.08, cases=400, seeds=1, **KNOWN) == 0.0, "one seed says nothing about the next"
    assert power(gain=0.08, cases=400, seeds=0, **KNOWN) > power(gain=0.08, cases=400, seeds=50, **KNOWN) > base


def test_the_gain_at_the_margin_is_shown_in_alpha_at_most() -> None:
    assert power(gain=0.03, cases=100_000, seeds=0, **KNOWN) == pytest.approx(0.05, abs=0.001)
    assert power(gain=0.03, cases=400, seeds=3, **KNOWN) < 0.06


@pytest.mark.parametrize("seeds", [3, 5, 12])
def test_planned_cases_are_the_fewest_that_reach_the_power(seeds: int) -> None:
    n = cases_needed(gain=0.10, seeds=seeds, power=0.8, **KNOWN)
    assert n is not None
    assert power(gain=0.10, cases=n, seeds=seeds, **KNOWN) >= 0.8 > power(gain=0.10, cases=n - 1, seeds=seeds, **KNOWN)
    z = (ndtri(0.95) + ndtri(0.8)) ** 2
    formula = ceil(z * 0.25 / (0.07**2 - z * 0.0004 / seeds))
    assert n >= formula, "variances that are not known cost something"


def test_with_many_seeds_it_is_the_formula() -> None:
    z = (ndtri(0.95) + ndtri(0.8)) ** 2
    formula = z * 0.25 / (0.05**2 - z * 0.0004 / 200)
    n = cases_needed(gain=0.08, seeds=200, **KNOWN)
    assert n == pytest.approx(formula, rel=0.03)


def test_more_cases_cannot_replace_seeds() -> None:
    noisy = {"margin": 0.03, "v_case": 0.25, "v_seed": 0.0016}
    assert cases_needed(gain=0.05, seeds=3, **noisy) is None
    k = seeds_needed(gain=0.05, margin=0.03, v_seed=0.0016)
    assert k is not None
    assert cases_needed(gain=0.05, seeds=k, **noisy) is not None


def test_seeds_that_the_formula_lets_pass_and_t_does_not() -> None:
    """Two seeds have one degree of freedom: t is 6.3, and no number of cases makes up for it."""
    z = (ndtri(0.95) + ndtri(0.8)) ** 2
    assert z * 0.0004 / 2 < 0.05**2
    assert cases_needed(gain=0.08, seeds=2, **KNOWN) is None


def test_a_gain_at_the_margin_cannot_be_shown() -> None:
    assert cases_needed(gain=0.03, margin=0.03, v_case=0.25, v_seed=0.0, seeds=3) is None
    assert seeds_needed(gain=0.03, margin=0.03, v_seed=0.1) is None


def test_the_least_gain_that_is_shown() -> None:
    least = gain_shown(cases=300, seeds=3, **KNOWN)
    assert least == pytest.approx(0.116, abs=0.001)
    assert (
        power(gain=least, cases=300, seeds=3, **KNOWN) >= 0.8 > power(gain=least - 0.001, cases=300, seeds=3, **KNOWN)
    )
    assert gain_shown(margin=-0.03, v_case=0.01, v_seed=0.0, cases=400, seeds=3) < 0, "a guard: even a small loss holds"
    assert gain_shown(margin=0.03, v_case=0.25, v_seed=1.0, cases=300, seeds=3) is None


@pytest.mark.parametrize(("name", "value"), [("alpha", 0.0), ("power", 1.0), ("seeds", 0)])
def test_planning_refuses(name: str, value: float) -> None:
    given = {"gain": 0.1, "margin": 0.0, "v_case": 0.2, "v_seed": 0.0, "seeds": 3, name: value}
    with pytest.raises(ValueError, match=f"{name} was"):
        cases_needed(**given)


def test_power_refuses() -> None:
    with pytest.raises(ValueError, match="cases was 0"):
        power(gain=0.1, cases=0, seeds=3, **KNOWN)
    with pytest.raises(ValueError, match="alpha was 1"):
        power(gain=0.1, cases=10, seeds=3, alpha=1.0, **KNOWN)
    with pytest.raises(ValueError, match="share was 0"):
        seeds_needed(gain=0.1, margin=0.0, v_seed=0.1, share=0.0)
