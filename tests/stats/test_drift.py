"""Drift: an alarm whose error is kept over many rounds, a place that is found, and a trend; by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from harness.stats import Floats, alarm, change, general, trend
from harness.stats.drift import contrast, evidence, windows
from harness.stats.looks import unplanned_alpha

FEW = 50


def rounds(count: int, *, shift: float = 0.0, at: int = 0, cases: int = 100, seed: int = 0) -> Floats:
    """Answers drawn anew in every round, ``shift`` fewer right from ``at`` on."""
    random = np.random.default_rng(seed)
    p = np.repeat(random.beta(2.0, 0.5, cases)[None, :], count, axis=0)
    if shift:
        p[at:] *= 1 - shift / p.mean()
    return (random.random(p.shape) < p).astype(np.float64)


def greedy(count: int, lost: int, *, at: int, cases: int = 100) -> Floats:
    scores = np.ones((count, cases))
    scores[at:, :lost] = 0.0
    return scores


def test_without_drift_the_alarm_is_rare_over_all_rounds() -> None:
    heard = [alarm(rounds(31, seed=seed), alpha=0.2) for seed in range(FEW)]
    assert sum(one is not None for one in heard) <= 0.3 * FEW


def test_evidence_by_numerical_integration() -> None:
    """Two rounds: a change with the first or the second, its size N(0, 4), or none of them yet."""
    z = np.array([0.7, -1.9])
    grid = np.linspace(-20, 20, 40_001)
    prior = norm.pdf(grid, scale=2.0)
    ratio = [np.exp(grid * part.sum() - part.size * grid**2 / 2) for part in (z, z[1:])]
    parts = [float(np.trapezoid(prior * one, grid)) for one in ratio]
    w = [6 / np.pi**2, 6 / (4 * np.pi**2)]
    assert evidence(z) == pytest.approx(w[0] * parts[0] + w[1] * parts[1] + 1 - sum(w))


def test_a_shift_is_heard_and_stays_heard() -> None:
    scores = rounds(25, shift=0.15, at=8, seed=3)
    found = alarm(scores, alpha=0.05)
    assert found is not None
    assert 8 <= found.round <= 16
    assert found.evidence >= found.needed == 20
    recovered = np.concatenate([scores, rounds(25, seed=3)])
    assert alarm(recovered, alpha=0.05) == found


def test_greedy_answers_repeated_are_evidence_about_these_cases_only() -> None:
    scores = greedy(40, 5, at=2)
    assert alarm(scores, alpha=0.05) is not None
    assert general(scores, alpha=0.05) is None
    assert general(greedy(6, 30, at=2), alpha=0.05) is not None


def test_what_changed_in_one_source_alone_is_less() -> None:
    scores = greedy(4, 20, at=1)
    alone = general(scores, alpha=0.05)
    assert alone is not None
    assert general(scores, np.repeat(np.arange(5), 20), alpha=0.05) is None
    assert alarm(scores, np.zeros(100, dtype=np.int64), alpha=0.05) is None, "one source: nothing is known"


def test_general_holds_the_smallest_p_against_what_the_round_may_spend() -> None:
    scores = rounds(30, shift=0.2, at=10, seed=5)
    found = general(scores, alpha=0.05)
    assert found is not None
    assert found.bound == unplanned_alpha(0.05, found.round)
    assert found.p <= found.bound
    assert general(scores[: found.round], alpha=0.05) is None, "not a round before"
    assert (windows(1), windows(4), windows(9)) == ([1], [1, 2, 4], [1, 2, 4, 8])


def test_a_contrast_is_paired_by_case_and_leaves_out_what_was_not_measured() -> None:
    nan = np.nan
    scores = np.array([[1.0, 0.0, nan, 1.0], [1.0, 1.0, nan, nan], [0.0, 1.0, 1.0, nan]])
    found = contrast(scores, 2, 2)
    assert found is not None
    assert (found.n, found.estimate) == (2, pytest.approx((-1.0 + 0.5) / 2))
    assert contrast(np.full((2, 3), nan), 1, 1) is None


@pytest.mark.parametrize("at", [1, 4, 9])
def test_the_place_of_a_change_is_found(at: int) -> None:
    found = change(rounds(12, shift=0.4, at=at, seed=at))
    assert found is not None
    assert found.earliest <= at <= found.latest
    assert found.latest - found.earliest <= 3
    assert found.size.lower < -0.4 < found.size.upper
    assert found.p < 0.01


def test_intervals_of_the_place_have_it() -> None:
    found = [change(rounds(16, shift=0.06, at=8, seed=seed)) for seed in range(30)]
    inside = [one is not None and one.earliest <= 8 <= one.latest for one in found]
    assert np.mean(inside) >= 0.88
    assert np.mean([one is not None and one.latest - one.earliest < 14 for one in found]) > 0.5, (
        "and are not everything"
    )


def test_without_a_change_its_p_is_level() -> None:
    found = [change(rounds(8, cases=40, seed=seed)) for seed in range(FEW)]
    p = [one.p for one in found if one is not None]
    assert 0.3 < np.mean(p) < 0.7
    assert np.mean(np.array(p) < 0.1) <= 0.22


def test_a_lone_round_has_no_change() -> None:
    assert change(rounds(1)) is None
    assert change(np.full((3, 4), np.nan)) is None
    assert change(rounds(4), np.zeros(100, dtype=np.int64)) is None


def test_a_trend_is_told_by_thirty_days() -> None:
    days = np.array([0.0, 10.0, 20.0, 60.0])
    scores = 0.9 - 0.002 * days[:, None] + np.zeros((4, 30)) + np.linspace(0, 0.05, 30)
    found = trend(scores, days)
    assert found is not None
    assert found.estimate == pytest.approx(-0.06)
    assert trend(scores, np.array([0.0, 0.1, 0.2, 0.3])) is None, "a day at least"
    assert trend(scores[:2], days[:2]) is None
    lacking = np.where(np.arange(30) == 3, np.nan, scores)
    assert trend(lacking, days) is not None
