"""One draw, decided and held against the right answer; many draws, counted.

    tally = trials(world, seed=1, first=0, count=100)
    tally["draws"], tally["false:JUSTIFIED"], tally["answer:INVALID"]

A tally is a plain counter, so that chunks from several processes add up to the same whatever their number.
"""

from __future__ import annotations

from collections import Counter
from zlib import crc32

import numpy as np

from benchmarks.planted.ranges import Family
from benchmarks.planted.rows import Draw, drawn
from benchmarks.planted.rules import said
from benchmarks.planted.world import GUARD, MARGIN, TASK, World
from harness import decide
from harness.verdict import SuiteVerdict

Tally = Counter[str]
ENOUGH = 100
"""Cases from which intervals must cover (G3)."""
DRAWS_OF_ONE = 5
"""Draws from each world of a family."""


def trials(source: World | Family, *, seed: int, first: int, count: int) -> Tally:
    """Draws number ``first`` to ``first + count``; each has a generator of its own, from the seed and its number."""
    tally: Tally = Counter()
    for number in range(first, first + count):
        world = source if isinstance(source, World) else _member(source, seed, number // DRAWS_OF_ONE)
        rng = np.random.default_rng([seed, crc32(source.name.encode()), number])
        tally += counted(drawn(world, rng))
    return tally


def _member(family: Family, seed: int, number: int) -> World:
    return family.draw(np.random.default_rng([seed, crc32(family.name.encode()), 1, number]))


def counted(draw: Draw) -> Tally:
    """What one draw adds: the answer at its last look, and whether any look was wrong."""
    world = draw.world
    sizes = enumerate((round(world.cases * look / world.looks) for look in range(1, world.looks + 1)), start=1)
    suites = [decide(draw.table(cases), world.declared, look=look).suites[TASK] for look, cases in sizes]
    last = suites[-1]
    tally: Tally = Counter({"draws": 1, f"answer:{last.verdict}": 1, f"remedy:{last.recommendation}": 1})
    tally["false:JUSTIFIED"] = any(_wrongly_justified(draw, suite) for suite in suites)
    tally["unjustified"] = not worth_anything(draw)
    tally["clear"] = world.clearly_justified
    tally["false:NOT_JUSTIFIED"] = world.clearly_justified and any(s.verdict == "NOT_JUSTIFIED" for s in suites)
    tally["justified"] = any(suite.verdict == "JUSTIFIED" for suite in suites)
    tally["right remedy"] = last.recommendation == world.remedy
    for gate in last.failed:
        tally[f"gate:{gate.name}"] = 1
    for rule, verdict in said(draw, last).items():
        tally[f"rule:{rule}"] = verdict
    return tally + _covered(draw, last)


def worth_anything(draw: Draw) -> bool:
    """Is there a right "justified"? For one fixed artefact that depends on how its training turned out."""
    return any(_worth(draw, name) for name in _named(draw))


def _named(draw: Draw) -> list[str]:
    artefacts = range(draw.world.seeds) if draw.world.declared.get("estimand") == "artefact" else [None]
    return [c.name if seed is None else f"{c.name}#{seed}" for c in draw.world.tuned for seed in artefacts]


def _worth(draw: Draw, name: str) -> bool:
    recipe, _, seed = name.partition("#")
    if not seed:
        return draw.world.worth(recipe)
    level = float(draw.levels[TASK, recipe, 1.0][int(seed)])
    return level - draw.world.base > MARGIN


def _wrongly_justified(draw: Draw, suite: SuiteVerdict) -> bool:
    return suite.verdict == "JUSTIFIED" and not _worth(draw, suite.contender or "")


def _covered(draw: Draw, suite: SuiteVerdict) -> Tally:
    """Intervals of gains and drops that hold the true difference, where nothing forbade a decision."""
    tally: Tally = Counter()
    if suite.failed:
        return tally
    for claim in suite.claims:
        kind, _, _ = claim.name.partition(":")
        if kind not in ("gain", "drop") or claim.n < ENOUGH:
            continue
        ours, theirs = claim.contrast.removesuffix(f" on {GUARD}").split(" - ")
        truth = _level(draw, ours, kind) - _level(draw, theirs, kind)
        tally[f"{kind}:intervals"] += 1
        tally[f"{kind}:under"] += truth < claim.lower
        tally[f"{kind}:over"] += truth > claim.upper
        tally[f"{kind}:covered"] += claim.lower <= truth <= claim.upper
    return tally


def _level(draw: Draw, name: str, kind: str) -> float:
    recipe, _, seed = name.partition("#")
    if seed:
        return float(draw.levels[TASK if kind == "gain" else GUARD, recipe, 1.0][int(seed)])
    if kind == "gain":
        return draw.world.level(recipe)
    if recipe == "zero_shot":
        return draw.world.guard or 0.0
    return (draw.world.guard or 0.0) - draw.world.drop(recipe)
