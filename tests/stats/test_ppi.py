"""A judge and few labels, when trainings differ: the seeds' part by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from harness.stats import ppi, seed_variance, share_seen


def graded(rng: np.random.Generator, *, n: int, seed_sd: float) -> tuple[np.ndarray, ...]:
    """People's and a judge's scores of five trainings (5, n) and a baseline (n,): the judge errs and likes the tuned."""
    base = rng.random(n) < 0.6
    tuned = rng.random((5, n)) < 0.6 + rng.normal(0, seed_sd, size=5)[:, None]
    flips = rng.random((6, n)) < 0.15
    liked = rng.random(n) < 0.2
    seen = np.where(flips[:5], ~tuned, tuned) | liked
    return tuple(part.astype(float) for part in (tuned, base, seen, np.where(flips[5], ~base, base)))


def judged(rng: np.random.Generator, *, labels: int, graded_seeds: int, seed_sd: float) -> tuple[float, float]:
    tuned, base, seen, seen_base = graded(rng, n=800, seed_sd=seed_sd)
    people, judge, mine = tuned - base, seen - seen_base, slice(0, graded_seeds)
    found = ppi(
        judge[mine, :labels].mean(axis=0),
        people[mine, :labels].mean(axis=0),
        judge[:, labels:].mean(axis=0),
        v_seed=seed_variance(judge),
        seeds=5,
        graded_seeds=graded_seeds,
        seen=share_seen(seen[mine, :labels], tuned[mine, :labels]),
    ).interval(0.05)
    return found.lower, found.upper


@pytest.mark.parametrize("graded_seeds", [1, 2, 5])
def test_each_bound_errs_at_most_alpha_whichever_trainings_people_saw(graded_seeds: int) -> None:
    rng, runs = np.random.default_rng(20261122), 800
    bounds = np.array([judged(rng, labels=300, graded_seeds=graded_seeds, seed_sd=0.06) for _ in range(runs)])
    allowed = 0.05 + 2.33 * np.sqrt(0.05 * 0.95 / runs)
    assert (bounds[:, 0] > 0).mean() <= allowed
    assert (bounds[:, 1] < 0).mean() <= allowed


def test_one_graded_training_of_five_weighs_more_than_all() -> None:
    rng = np.random.default_rng(1)
    people, judge = rng.choice([-1.0, 0.0, 1.0], size=(2, 100))
    rest = rng.choice([-1.0, 0.0, 1.0], size=300)
    one, every = (ppi(judge, people, rest, v_seed=0.001, seeds=5, graded_seeds=s).v_seed for s in (1, 5))
    assert one > every >= 0.001
    assert ppi(judge, people, np.empty(0), v_seed=0.001, seeds=5, graded_seeds=1).v_seed == pytest.approx(5 * every)
    assert ppi(people, people, rest, v_seed=0.001, seeds=5).v_seed == pytest.approx(0.001)


def test_share_seen_is_youdens_index() -> None:
    people = np.array([1.0] * 10 + [0.0] * 20)
    judge = np.array([1.0] * 8 + [0.0] * 2 + [1.0] * 5 + [0.0] * 15)
    assert share_seen(judge, people) == pytest.approx(0.8 + 0.75 - 1)
    assert share_seen(judge, np.ones(30)) == 1.0
    assert share_seen(1 - people, people) == 0.1
