"""Shares against their marks: which promise held in which world.

    for row in judged(tallies): print(row.goal, row.world, row.share, row.mark, row.passed)

With R draws a bound of 5 % passes at ≤ .05 + 1.645·√(.05·.95/R): a rate of exactly 5 % passes 95 times in a hundred. The
other marks are taken as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import sqrt

from benchmarks.planted.catalogue import BY_NAME
from benchmarks.planted.trial import Tally


@dataclass(frozen=True, slots=True)
class Goal:
    """What is promised: a share (count over base, by tally key) and the range that it must lie in."""

    name: str
    promise: str
    count: tuple[str, ...]
    base: tuple[str, ...]
    least: float = 0.0
    most: float = 1.0
    slack: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One goal in one world: ``share`` of ``n``, the mark as people read it, and whether it was met."""

    goal: str
    world: str
    share: float
    n: int
    mark: str
    passed: bool


FALSE = ("false:JUSTIFIED",)
KINDS = ("gain", "drop")
GOALS = (
    Goal("G1", "false JUSTIFIED ≤ 5 % in every world where it is not", FALSE, ("unjustified",), most=0.05, slack=True),
    Goal("G1 drop", "false JUSTIFIED ≤ 1 % where general ability falls by twice the margin", FALSE, ("unjustified",), most=0.01, slack=True),
    Goal("G2", "false NOT_JUSTIFIED ≤ 5 % where the gain is 3 points over the margin", ("false:NOT_JUSTIFIED",), ("clear",), most=0.05, slack=True),
    Goal("G3", "90 % intervals cover 87–96 % from 100 cases on", tuple(f"{k}:covered" for k in KINDS), tuple(f"{k}:intervals" for k in KINDS), 0.87, 0.96),
    Goal("G4", "power ≥ 80 % at +8 (800 cases) and +10 (400); 5 seeds", ("answer:JUSTIFIED",), ("draws",), 0.80),
    Goal("G4 +15", "power ≥ 90 % at +15 (200 cases); 5 seeds", ("answer:JUSTIFIED",), ("draws",), 0.90),
    Goal("G5", "the right remedy is named in ≥ 90 %", ("right remedy",), ("draws",), 0.90),
    Goal("G6", "false JUSTIFIED at any of up to 5 looks ≤ 5 %", FALSE, ("unjustified",), most=0.05, slack=True),
)  # fmt: skip
FEW = 50
"""Below so many intervals (a world whose answer is nearly always forbidden) coverage is not judged."""


def judged(tallies: Mapping[str, Tally]) -> Iterator[Row]:
    """Every goal in every world that tests it."""
    for goal in GOALS:
        for name, tally in tallies.items():
            if goal.name in BY_NAME[name].goals and (row := _row(goal, name, tally)):
                yield row


def _row(goal: Goal, name: str, tally: Tally) -> Row | None:
    n = sum(tally[key] for key in goal.base)
    if n < (FEW if goal.name == "G3" else 1):
        return None
    share = sum(tally[key] for key in goal.count) / n
    most = mark(goal.most, n) if goal.slack else goal.most
    return Row(goal.name, name, share, n, _said(goal, most), goal.least <= share <= most)


def mark(bound: float, n: int) -> float:
    """The share at which a bound still passes with n draws."""
    return bound + 1.645 * sqrt(bound * (1 - bound) / n)


def _said(goal: Goal, most: float) -> str:
    if goal.least and goal.most < 1:
        return f"{goal.least:.0%}–{goal.most:.0%}"
    return f"≥ {goal.least:.0%}" if goal.least else f"≤ {most:.1%}"


def worst(rows: list[Row]) -> Row:
    """The one nearest to its mark, or farthest past it."""
    return min(rows, key=_room)


def _room(row: Row) -> float:
    goal = next(goal for goal in GOALS if goal.name == row.goal)
    most = mark(goal.most, row.n) if goal.slack else goal.most
    above = row.share - goal.least if goal.least else float("inf")
    return min(above, most - row.share if most < 1 else float("inf"))
