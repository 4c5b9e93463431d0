"""How often does the learning curve, carried on to twice the data, miss what that would have brought?

    python benchmarks/learning_curve.py --draws 400

Every curve is drawn with few and many cases and trainings. An end errs when what twice the data bring lies beyond it; each may in
5 % of the draws. "Silent" are draws in which no shape fits; "no" says that less than the margin of 3 points would be gained, "yes"
that something would.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.planted.curves import CURVES, MARGIN, SHARES, TURNING, drawn
from harness.stats import doubling

RESULTS = Path(__file__).parent / "results"
WORLDS = (
    {"cases": 100, "trainings": 3, "seed_sd": 0.02},
    {"cases": 200, "trainings": 3, "seed_sd": 0.03},
    {"cases": 400, "trainings": 3, "seed_sd": 0.02, "cluster": 4},
    {"cases": 800, "trainings": 5, "seed_sd": 0.01},
)
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of the draws of one curve in one world; ``gain`` is the truth, ``width`` the mean of upper minus lower."""

    curve: str
    world: str
    gain: float
    lower_errs: float
    upper_errs: float
    silent: float
    no: float
    yes: float
    width: float


def rates(curve: str, *, draws: int, **world: float) -> Rates:
    """Of so many draws."""
    means = {**CURVES, **TURNING}[curve]
    rng, truth = np.random.default_rng(20261126), float(means[-1] - means[-2])
    clusters = np.arange(int(world["cases"])) // int(world.get("cluster", 1))
    shares = SHARES[:-1].tolist()
    found = [
        doubling(shares, drawn(rng, means, **world), clusters, alpha=ALPHA)  # type: ignore[arg-type]
        for _ in range(draws)
    ]
    told = [one for one in found if one is not None]
    return Rates(
        curve=curve,
        world=", ".join(f"{value:g} {name.replace('_', ' ')}" for name, value in world.items()),
        gain=truth,
        lower_errs=sum(truth < one.lower for one in told) / draws,
        upper_errs=sum(truth > one.upper for one in told) / draws,
        silent=1 - len(told) / draws,
        no=sum(one.upper < MARGIN for one in told) / draws,
        yes=sum(one.upper >= MARGIN and one.lower > 0 for one in told) / draws,
        width=float(np.mean([one.upper - one.lower for one in told])) if told else float("nan"),
    )


def table(found: list[Rates]) -> Iterator[str]:
    """Markdown; gains and widths in points."""
    yield "| curve | world | gain | lower end errs | upper end errs | silent | no | yes | width |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in found:
        parts = (one.lower_errs, one.upper_errs, one.silent, one.no, one.yes)
        shown = " | ".join(f"{100 * part:.1f} %" for part in parts)
        yield f"| {one.curve} | {one.world} | {100 * one.gain:.1f} | {shown} | {100 * one.width:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=400)
    draws = parser.parse_args().draws
    found = [rates(curve, draws=draws, **world) for world in WORLDS for curve in (*CURVES, *TURNING)]
    lines = list(table(found))
    print("\n".join(lines))
    known = [one for one in found if one.curve in CURVES]
    worst = max(max(one.lower_errs, one.upper_errs) for one in known)
    print(
        f"\n{draws} draws each; of the shapes that are fitted, and hyperbolas, no end erred more than {100 * worst:.1f} %"
    )
    RESULTS.mkdir(exist_ok=True)
    written = {"draws": draws, "alpha": ALPHA, "rates": [asdict(one) for one in found]}
    (RESULTS / "learning_curve.json").write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "learning_curve.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
