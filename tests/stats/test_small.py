"""Means, Holm, planning, looks and PPI++ against independent computation and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm
from statsmodels.stats.multitest import multipletests

from harness.stats import cases_needed, concordance, crossed, holm, look_alpha, mean, ppi, seeds_needed


def test_mean_of_all_right_is_under_one() -> None:
    seen = mean(np.ones(50)).interval(0.05)
    assert seen.estimate == 1.0
    assert 0.9 < seen.lower < 1.0


def test_mean_with_seeds_is_wider_than_without() -> None:
    rng = np.random.default_rng(0)
    scores = (rng.random((4, 100)) < np.array([[0.3], [0.5], [0.6], [0.8]])).astype(float)
    wide, narrow = mean(scores).interval(0.05), mean(scores.mean(axis=0)).interval(0.05)
    assert wide.upper - wide.lower > narrow.upper - narrow.lower


@pytest.mark.parametrize("seed", range(20))
def test_holm_equals_the_p_value_form(seed: int) -> None:
    p = np.random.default_rng(seed).random(6) ** 4
    rejected = multipletests(p, alpha=0.05, method="holm")[0]
    assert holm(range(6), lambda i, level: p[i] <= level, 0.05) == list(np.flatnonzero(rejected))


def test_holm_of_nothing() -> None:
    assert holm([], lambda item, level: True, 0.05) == []


def test_planned_cases_reach_the_planned_power() -> None:
    n = cases_needed(gain=0.10, margin=0.03, v_case=0.25, v_seed=0.0004, seeds=5, power=0.8)
    assert n is not None
    error = np.sqrt(0.25 / n + 0.0004 / 5)
    assert norm.sf(ndtri(0.95) - 0.07 / error) == pytest.approx(0.8, abs=0.002)


def test_more_cases_cannot_replace_seeds() -> None:
    assert cases_needed(gain=0.05, margin=0.03, v_case=0.25, v_seed=0.0016, seeds=3) is None
    k = seeds_needed(gain=0.05, margin=0.03, v_seed=0.0016)
    assert k is not None
    assert cases_needed(gain=0.05, margin=0.03, v_case=0.25, v_seed=0.0016, seeds=k) is not None


def test_a_gain_at_the_margin_cannot_be_shown() -> None:
    assert cases_needed(gain=0.03, margin=0.03, v_case=0.25, v_seed=0.0, seeds=3) is None
    assert seeds_needed(gain=0.03, margin=0.03, v_seed=0.1) is None


@pytest.mark.parametrize(("name", "value"), [("alpha", 0.0), ("power", 1.0), ("seeds", 0)])
def test_planning_refuses(name: str, value: float) -> None:
    given = {"gain": 0.1, "margin": 0.0, "v_case": 0.2, "v_seed": 0.0, "seeds": 3, name: value}
    with pytest.raises(ValueError, match=f"{name} was"):
        cases_needed(**given)


def test_looks_keep_the_error_of_one() -> None:
    levels = [look_alpha(0.05, looks=5, fraction=j / 5) for j in range(1, 6)]
    assert [round(float(ndtri(1 - a)), 2) for a in levels] == [3.92, 2.77, 2.26, 1.96, 1.75]
    sums = np.random.default_rng(5).normal(size=(40_000, 5)).cumsum(axis=1) / np.sqrt(np.arange(1, 6))
    assert (sums > ndtri(1 - np.array(levels))).any(axis=1).mean() == pytest.approx(0.05, abs=0.004)


def test_one_look_spends_all_and_no_case_is_refused() -> None:
    assert look_alpha(0.05, looks=1, fraction=0.2) == 0.05
    assert look_alpha(0.05, looks=3, fraction=2.0) == look_alpha(0.05, looks=3, fraction=1.0)
    with pytest.raises(ValueError, match="fraction"):
        look_alpha(0.05, looks=3, fraction=0.0)


def biased(rng: np.random.Generator, *, n: int, labels: int, bias: float) -> tuple[np.ndarray, np.ndarray]:
    """Judge and people on paired differences: the judge adds ``bias`` and errs now and then."""
    people = rng.choice([-1.0, 0.0, 1.0], p=[0.2, 0.6, 0.2], size=n)
    judge = np.where(rng.random(n) < 0.15, rng.choice([-1.0, 0.0, 1.0], size=n), people) + bias
    return judge, people


def test_ppi_removes_the_judges_bias_and_is_narrower_than_people_alone() -> None:
    rng, runs, shown, widths = np.random.default_rng(7), 600, 0, []
    for _ in range(runs):
        judge, people = biased(rng, n=400, labels=100, bias=0.1)
        both = ppi(judge[:100], people[:100], judge[100:]).interval(0.05)
        alone = crossed(people[:100]).interval(0.05)
        shown += both.lower > 0
        widths.append((both.upper - both.lower) / (alone.upper - alone.lower))
    assert shown / runs <= 0.05 + 1.645 * np.sqrt(0.05 * 0.95 / runs)
    assert np.mean(widths) < 0.85


def test_ppi_without_unlabelled_cases_is_people_alone() -> None:
    rng = np.random.default_rng(8)
    judge, people = biased(rng, n=60, labels=60, bias=0.1)
    got, alone = ppi(judge, people, np.empty(0)), crossed(people)
    assert (got.estimate, got.centre, got.v_case) == pytest.approx((alone.estimate, alone.centre, alone.v_case))


def test_ppi_refuses_no_label() -> None:
    with pytest.raises(ValueError, match="one label or more"):
        ppi(np.empty(0), np.empty(0), np.zeros(5))


def test_concordance_is_the_quadratic_kappa() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(9)
    a = rng.integers(0, 5, size=200)
    b = np.clip(a + rng.integers(-1, 2, size=200), 0, 4)
    assert concordance(a / 4, b / 4) == pytest.approx(cohen_kappa_score(a, b, weights="quadratic"))


def test_concordance_of_constants() -> None:
    assert concordance(np.ones(5), np.ones(5)) == 1.0
    assert concordance(np.ones(5), np.zeros(5)) == 0.0
