"""A learning curve carried one doubling on: its ends hold on planted curves of several shapes, by simulation (seeds fixed)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from benchmarks.planted.curves import CURVES, MARGIN, SHARES, TURNING, drawn
from harness.stats import Doubling, doubling


def found(name: str, *, draws: int, n: int, k: int, sd: float, size: int = 1) -> list[Doubling | None]:
    rng, clusters = np.random.default_rng(20261126), np.repeat(np.arange(n // size), size)
    return [
        doubling(
            SHARES[:-1].tolist(),
            drawn(rng, {**CURVES, **TURNING}[name], cases=n, trainings=k, seed_sd=sd, cluster=size),
            clusters=clusters,
            alpha=0.05,
        )
        for _ in range(draws)
    ]


def hold(name: str, *, draws: int, **world: float) -> None:
    """Neither end errs more than in 5 % of the draws; fails where that would come up once in a thousand."""
    truth = CURVES[name][-1] - CURVES[name][-2]
    some = found(name, draws=draws, **world)  # type: ignore[arg-type]
    told = [one for one in some if one is not None]
    most = binom.ppf(0.999, draws, 0.05)
    assert sum(truth < one.lower for one in told) <= most, name
    assert sum(truth > one.upper for one in told) <= most, name
    assert len(told) >= 0.8 * draws, "a curve that is none of these shapes is rare"


@pytest.mark.parametrize("name", ["flat", "straight, at the margin", "power", "exponential"])
def test_ends_hold(name: str) -> None:
    hold(name, draws=50, n=200, k=3, sd=0.02)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize(
    "world",
    [
        {"n": 100, "k": 3, "sd": 0.02},
        {"n": 200, "k": 3, "sd": 0.03},
        {"n": 400, "k": 3, "sd": 0.02, "size": 4},
        {"n": 800, "k": 5, "sd": 0.01},
    ],
    ids=str,
)
def test_ends_hold_in_many_worlds(name: str, world: dict[str, float]) -> None:
    hold(name, draws=400, **world)


def test_what_is_clear_is_said() -> None:
    flat = [one for one in found("flat", draws=15, n=800, k=5, sd=0.01) if one]
    assert sum(one.upper < MARGIN for one in flat) >= 12
    rising = [one for one in found("straight", draws=15, n=800, k=5, sd=0.01) if one]
    assert sum(one.lower > 0 for one in rising) >= 13


def test_the_first_half_of_an_s_does_not_say_that_it_goes_on() -> None:
    """Doublings that bring more and more will bend, and no share says where: no gain is promised, and none is ruled out."""
    truth = TURNING["S-shaped"][-1] - TURNING["S-shaped"][-2]
    told = [one for one in found("S-shaped", draws=15, n=800, k=5, sd=0.01) if one]
    assert told
    assert all(one.lower <= 0 and one.upper > truth for one in told)
    clear = [one for one in found("power", draws=15, n=800, k=5, sd=0.01) if one]
    assert sum(one.lower > 0 for one in clear) >= 13, "one that brings less and less is carried on as ever"


def test_the_curve_goes_through_the_points_and_on_to_the_estimate() -> None:
    (one,) = found("power", draws=1, n=4000, k=5, sd=0.001)
    assert one is not None
    curve = dict(one.curve)
    assert min(curve) == 0.125
    assert [curve[share] for share in (1.0, 2.0)] == pytest.approx(CURVES["power"][-2:], abs=0.03)
    assert curve[2.0] - curve[1.0] == pytest.approx(one.estimate, abs=1e-9)
    assert (one.n, one.clusters, one.df, one.alpha) == (4000, 4000, 16.0, 0.05)


@pytest.mark.parametrize(
    ("shares", "k", "n"), [((0.25, 0.5, 1.0), 3, 200), ((0.125, 0.25, 0.5, 1.0), 1, 200), ((0.125, 0.25, 0.5, 1.0), 3, 12)]
)  # fmt: skip
def test_nothing_is_said_of_too_little(shares: tuple[float, ...], k: int, n: int) -> None:
    rng = np.random.default_rng(1)
    scores = [(rng.random((k, n)) < 0.5 + 0.2 * share).astype(float) for share in shares]
    assert doubling(shares, scores, alpha=0.05) is None


def test_a_curve_that_turns_is_not_carried_on() -> None:
    rng = np.random.default_rng(1)
    scores = [(rng.random((5, 800)) < mean).astype(float) for mean in (0.5, 0.8, 0.5, 0.8)]
    assert doubling((0.125, 0.25, 0.5, 1.0), scores, alpha=0.05) is None


def test_all_right_leaves_uncertainty() -> None:
    one = doubling((0.125, 0.25, 0.5, 1.0), [np.ones((3, 50))] * 4, alpha=0.05)
    assert one is not None
    assert one.lower < -0.005 < one.estimate < 0.005 < one.upper


def test_clusters_count_and_wrong_scores_are_refused() -> None:
    alone, together = (found("flat", draws=1, n=200, k=3, sd=0.02, size=size)[0] for size in (1, 5))
    assert alone is not None
    assert together is not None
    assert (alone.clusters, together.clusters) == (200, 40)
    four = [np.ones((3, 50))] * 3
    for wrong in (np.ones((3, 49)), np.full((3, 50), np.nan)):
        with pytest.raises(ValueError, match="same cases at every share, without NaN"):
            doubling((0.125, 0.25, 0.5, 1.0), [*four, wrong], alpha=0.05)


def test_nothing_gains_more_than_is_left() -> None:
    """Steep to the last: carried on it would pass 1, so that it must turn, and nobody knows where."""
    rng = np.random.default_rng(4)
    shares = (0.125, 0.25, 0.5, 1.0)
    steep = [(rng.random((3, 300)) < mean).astype(float) for mean in (0.05, 0.2, 0.5, 0.97)]
    assert doubling(shares, steep, alpha=0.05) is None
    near = [(rng.random((3, 300)) < mean).astype(float) for mean in (0.86, 0.92, 0.955, 0.975)]
    found = doubling(shares, near, alpha=0.05)
    assert found is not None
    assert found.upper <= 1 - near[-1].mean() + 0.02
    assert max(mean for _, mean in found.curve) <= 1
