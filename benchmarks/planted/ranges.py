"""Worlds drawn from ranges, so that nothing is tuned to the named ones.

FAMILIES["drawn"].draw(np.random.default_rng(1))        # a World: 30–1,000 cases, 3–5 seeds, clusters of 1–10, ...
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks.planted.world import MARGIN, Contender, Judge, Leak, World

Rng = np.random.Generator
VARIANTS = 4
"""Prompts beside the best one: five in all, as the policy asks."""


@dataclass(frozen=True, slots=True)
class Family:
    """Worlds of one kind; ``draw`` makes one."""

    name: str
    why: str
    draw: Callable[[Rng], World]


def _world(rng: Rng, *, name: str, gain: Callable[[Rng], float]) -> World:
    """One world: everything from its range, then the gain over the best untrained contender."""
    base = rng.uniform(0.3, 0.75)
    untrained = [Contender("few_shot", "prompt", base)]
    untrained += [Contender(f"prompt_{i}", "prompt", base - rng.uniform(0.01, 0.15)) for i in range(VARIANTS)]
    for contender, technique in (("json", "constrain"), ("bm25", "rag")):
        if rng.random() < 0.5:
            untrained.append(Contender(contender, technique, base + rng.uniform(-0.05, 0.10)))
    best = max(c.level for c in untrained)
    level = best + gain(rng)
    guard = rng.uniform(0.4, 0.7) if rng.random() < 0.4 else None
    kept = None if guard is None else guard - rng.uniform(0.0, 0.06)
    slope = rng.uniform(0.0, 0.04) if rng.random() < 0.3 else None
    tuned = [Contender("sft", "tune", level, guard=kept, slope=slope)]
    if rng.random() < 0.25:
        tuned.append(Contender("both", "tune+rag", min(level, best + rng.uniform(-0.05, 0.03)), guard=kept))
    return World(name, (*untrained, *tuned), guard=guard, guard_cases=int(rng.integers(200, 601)), **_shape(rng))


def _shape(rng: Rng) -> dict[str, Any]:
    """How many, how alike, and what went wrong."""
    cases = round(float(np.exp(rng.uniform(np.log(30), np.log(1000)))))
    judged = rng.random() < 0.25 and cases >= 100
    leaks = rng.random() < 0.3
    return {
        "cases": cases,
        "dev": int(rng.integers(60, 201)),
        "seeds": int(rng.integers(3, 6)),
        "seed_sd": rng.uniform(0.0, 0.04),
        "tail": "t3" if rng.random() < 0.25 else "normal",
        "cluster": int(rng.integers(1, 11)) if rng.random() < 0.6 else 1,
        "uneven": rng.random() < 0.5,
        "shared": rng.uniform(0.3, 0.6),
        "own": rng.uniform(0.05, 0.25),
        "icc": rng.uniform(0.0, 0.6),
        "missing": rng.uniform(0.001, 0.02) if rng.random() < 0.05 else 0.0,
        "leak": Leak(rng.uniform(0.0, 0.3)) if leaks else None,
        "judge": Judge(rng.uniform(0.0, 0.10), int(rng.integers(50, 101))) if judged else None,
    }


def _any(rng: Rng) -> float:
    return float(rng.uniform(-0.05, 0.15))


def _at_the_margin(_: Rng) -> float:
    return MARGIN


def _clear(rng: Rng) -> float:
    return float(rng.uniform(MARGIN + 0.03, 0.15))


def _family(name: str, why: str, gain: Callable[[Rng], float]) -> Family:
    return Family(name, why, partial(_world, name=name, gain=gain))


FAMILIES = (
    _family("drawn", "everything from its range, gains −5 to +15", _any),
    _family("drawn, at the margin", "the same, and the gain is exactly the margin", _at_the_margin),
    _family("drawn, clear gain", "the same, with gains +6 to +15", _clear),
)
