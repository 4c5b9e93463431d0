"""What a rule would cost that one more right answer can never hurt: rules beside the crossed interval, on drawn trainings.

    python benchmarks/monotone.py --draws 4000

Errors are the share of draws in which a rule claims a gain of more than 3 points when the recipe's gain is exactly 3: the worst
of seed SDs of 0, 1, 2 and 4 points (the last also with Student's t, 3 degrees of freedom), 200 and 800 test cases. Power is
at a seed SD of 2 points. Each has 80 dev cases. The theorem behind it is in docs/verdict.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from harness.stats import Moments, crossed, seed_variance

MARGIN, ALPHA, BASE, AFRESH, DEV, WIDEST = 0.03, 0.05, 0.6, 0.3, 80, 0.04
Z = float(ndtri(1 - ALPHA))
NULLS = list(product((200, 800), ((0.0, False), (0.01, False), (0.02, False), (0.04, False), (0.04, True))))
POWERS = ((0.08, 800, 5), (0.10, 400, 5), (0.10, 400, 4))
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Differences to the baseline, (trainings, cases), and the moments of those on test."""

    test: Floats
    dev: Floats
    moments: Moments

    def lower(self, v_seed: float) -> float:
        """Our bound with another variance of the trainings."""
        return replace(self.moments, v_seed=v_seed).interval(ALPHA).lower

    def fixed(self, v_seed: float) -> float:
        """The bound when that variance is known."""
        t = float(stdtrit(self.moments.df, 1 - ALPHA))
        return self.moments.centre - sqrt(self.moments.v_case * t**2 + v_seed * Z**2)


RULES: dict[str, Callable[[Drawn], float]] = {
    "the crossed interval": lambda d: d.lower(d.moments.v_seed),
    "trainings' variance from dev, the cases' noise taken out": lambda d: d.lower(seed_variance(d.dev)),
    "the same, the noise left in": lambda d: d.lower(float(np.var(d.dev.mean(axis=1), ddof=1)) / len(d.dev)),
    "seed SD taken to be 4 points": lambda d: d.fixed(WIDEST**2 / len(d.test)),
    "the cases' bound, and every training above the margin": lambda d: min(
        d.lower(0.0), float(d.test.mean(axis=1).min())
    ),
}
"""A lower bound each; all but the first never fall when a training answers one more test case right, but for the cases' part."""


def draw(rng: np.random.Generator, *, gain: float, cases: int, seeds: int, seed_sd: float, heavy: bool) -> Drawn:
    """Cases are easy or hard for everybody; a share of all answers is drawn afresh; each training has its own level."""
    hard = rng.random(cases + DEV)
    shift = rng.standard_t(3, seeds) / sqrt(3) if heavy else rng.normal(size=seeds)
    levels = np.append(BASE + gain + np.clip(seed_sd * shift, -0.3, 0.3), BASE)[:, None]
    own = np.where(rng.random((seeds + 1, hard.size)) < AFRESH, rng.random((seeds + 1, hard.size)), hard)
    answers = (own < levels).astype(np.float64)
    differences = answers[:-1] - answers[-1]
    return Drawn(differences[:, DEV:], differences[:, :DEV], crossed(differences[:, DEV:]))


def claimed(draws: int, **world: float | bool) -> dict[str, float]:
    """Share of draws in which each rule claims more than the margin."""
    rng = np.random.default_rng([int(1000 * value) for value in world.values()])
    counts = dict.fromkeys(RULES, 0)
    for _ in range(draws):
        drawn = draw(rng, **world)  # type: ignore[arg-type]
        for name, rule in RULES.items():
            counts[name] += rule(drawn) > MARGIN
    return {name: count / draws for name, count in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draws", type=int, default=4000)
    draws = parser.parse_args().draws
    columns: dict[str, dict[str, float]] = {}
    for seeds in (3, 4, 5):
        nulls = [claimed(draws, gain=MARGIN, cases=n, seeds=seeds, seed_sd=sd, heavy=heavy) for n, (sd, heavy) in NULLS]
        columns[f"worst error, {seeds}"] = {name: max(null[name] for null in nulls) for name in RULES}
    for gain, cases, seeds in POWERS:
        made = claimed(draws, gain=gain, cases=cases, seeds=seeds, seed_sd=0.02, heavy=False)
        columns[f"power, {100 * gain:+.0f}, {cases} cases, {seeds}"] = made
    print(f"| rule | {' | '.join(columns)} |\n|---|{'---:|' * len(columns)}")
    for name in RULES:
        print(f"| {name} | {' | '.join(f'{100 * found[name]:.1f}' for found in columns.values())} |")


if __name__ == "__main__":
    main()
