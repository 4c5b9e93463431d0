"""Means, Holm and PPI++ against independent computation and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from harness.stats import concordance, crossed, holm, mean, ppi


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
