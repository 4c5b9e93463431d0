"""What of a judge's differences is length: the tuned finalists minus the untrained ones, as they are and at equal length.

    lengths(found, "reply", "rubric", "embedded:tiny")
    [Longer(ours="dpo", theirs="short", raw=(0.08, 0.02, 0.14), equal=(0.03, -0.02, 0.08), slope=0.05)]

Length is log2 of 1 + characters, so that the slope is what a doubling of length adds to a score. Characters count in every
language, words do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log2

import numpy as np

from harness.evidence import Evidence
from harness.gradings import answers, cells
from harness.prompt import final_answer
from harness.stats import Bounds, Moments, adjusted, crossed
from harness.store import batches
from harness.verdict import Rows
from harness.verdict.board import Board, Scores, difference, load_board
from harness.verdict.choose import choose
from harness.verdict.decide import reverted_in

Measured = Mapping[tuple[str, int | None, str], float]
"""(contender, training seed, case) → the length of the answer."""


@dataclass(frozen=True, slots=True)
class Longer:
    """Ours minus theirs: ``raw``, and at ``equal`` length, None where one is longer by the same in every case."""

    ours: str
    theirs: str
    raw: Bounds
    equal: Bounds | None
    slope: float | None


def length(text: str) -> float:
    """log2 of 1 + characters."""
    return log2(1 + len(text))


def lengths(found: Evidence, rows: Rows, suite: str, metric: str, model: str) -> list[Longer]:
    """Every tuned finalist against every untrained one, by the judge's scores alone."""
    board = load_board(rows, suite, metric)
    finalists = choose(board, reverted_in(rows, found.policy))
    pairs = [(ours, theirs) for ours in finalists.tuned for theirs in finalists.untrained]
    if not pairs:
        return []
    measured = _measured(found, suite, model, {name for pair in pairs for name in pair})
    long = {name: _as_lengths(board.test[name], rows, measured) for pair in pairs for name in pair}
    made = (_longer(board, long, *pair, found.policy.alpha) for pair in pairs)
    return [one for one in made if one is not None]


def _measured(found: Evidence, suite: str, model: str, names: set[str]) -> Measured:
    made: dict[tuple[str, int | None, str], float] = {}
    for cell in cells(found, suite, model):
        if cell.contender.name in names:
            for cases in batches(cell.task.split("test")):
                for _, case, text in answers(found, cell, cases):
                    made[cell.contender.name, cell.seed, case.id] = length(final_answer(cell.contender, text))
    return made


def _longer(board: Board, long: Mapping[str, Scores], ours: str, theirs: str, alpha: float) -> Longer | None:
    cases, differences = difference(board.test[ours], board.test[theirs])
    _, longer = difference(long[ours], long[theirs])
    if cases.size < 3 or longer.shape != differences.shape:
        return None
    clusters = board.clusters[cases]
    at_equal = adjusted(differences, longer, clusters)
    return Longer(
        ours,
        theirs,
        raw=_bounds(crossed(differences, clusters), alpha),
        equal=_bounds(at_equal.moments, alpha) if at_equal else None,
        slope=at_equal.slope if at_equal else None,
    )


def _as_lengths(side: Scores, rows: Rows, measured: Measured) -> Scores:
    """A side with the lengths of its answers in the place of their scores, where these were measured."""
    seeds = side.seeds or (None,)
    values = [[measured.get((side.recipe, seed, rows.cases[case]), np.nan) for case in side.cases] for seed in seeds]
    return replace(side, values=np.where(np.isfinite(side.values), np.array(values), np.nan))


def _bounds(moments: Moments, alpha: float) -> Bounds:
    interval = moments.interval(alpha)
    return Bounds(interval.estimate, interval.lower, interval.upper)
