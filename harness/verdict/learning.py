"""Would more data help? The tuned contender over shares of its training data.

    {"contender": "sft", "points": [{"fraction": 0.125, "mean": 0.61, "seeds": 3, "n": 400}, …],
     "slope": Claim(name="slope", …), "doubled": Claim(name="doubled", …), "fitted": [{"fraction": 2.0, "mean": 0.83}, …],
     "more_data": "helps"}

``slope`` is measured: the gain of the last doubling that was trained. ``doubled`` is carried on beyond all of the data, with
the ends that this costs (`harness.stats.curve`); ``more_data`` says what it shows, and is there only when it shows something.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from math import log2
from typing import Any, Literal

import numpy as np

from harness.stats import Doubling, doubling
from harness.verdict.board import Board, Scores, clusters_of, compare
from harness.verdict.candidate import claim
from harness.verdict.verdict import Claim

MoreData = Literal["helps", "too_little"]


LEAST = 0.0005
"""What a gain must be shown to exceed: less is written as 0.0 points."""


def learning_curve(board: Board, scores: Scores, alpha: float, margin: float) -> dict[str, Any]:
    """Mean by share of the training data, the slope per doubling from the share nearest to one half, and what twice the data
    would bring.
    """
    parts = _parts(board, scores)
    points = [{"fraction": f, "mean": s.mean, "seeds": len(s.seeds), "n": int(s.cases.size)} for f, s in parts]
    found: dict[str, Any] = {"contender": scores.contender, "points": points} if len(parts) > 1 else {}
    return found | _slope(board, scores, parts, alpha) | _carried_on(board, scores, parts, alpha, margin)


def _slope(board: Board, scores: Scores, parts: list[tuple[float, Scores]], alpha: float) -> dict[str, Any]:
    for fraction, part in sorted(parts[:-1], key=lambda item: abs(log2(item[0]) + 1)):
        moments = None if part.missing else compare(board, scores, part)
        if moments is not None:
            made = claim("slope", f"{scores.contender}: all data - {fraction:g} of it, per doubling", moments, alpha)
            return {"slope": _scaled(made, 1 / -log2(fraction))}
    return {}


def _carried_on(
    board: Board, scores: Scores, parts: list[tuple[float, Scores]], alpha: float, margin: float
) -> dict[str, Any]:
    made = None if scores.fixed else _doubling(board, parts, alpha)
    if made is None:
        return {}
    counts = made.n, len(scores.seeds), made.clusters
    contrast = f"{scores.contender}: twice the data - all data"
    doubled = Claim("doubled", contrast, made.estimate, made.lower, made.upper, alpha, made.df, *counts)
    shown = more_data(doubled, margin)
    said: dict[str, Any] = {"more_data": shown} if shown else {}
    return {"doubled": doubled, "fitted": [{"fraction": s, "mean": m} for s, m in made.curve]} | said


def _doubling(board: Board, parts: list[tuple[float, Scores]], alpha: float) -> Doubling | None:
    """On the clean cases that were measured at every share."""
    common = reduce(np.intersect1d, (scores.cases for _, scores in parts))
    rows = [scores.values[:, np.searchsorted(scores.cases, common)] for _, scores in parts]
    dirty = [scores.flagged[np.searchsorted(scores.cases, common)] for _, scores in parts]
    keep = np.isfinite(np.concatenate(rows)).all(axis=0) & ~np.any(dirty, axis=0)
    if not keep.any():
        return None
    shares, cases = [share for share, _ in parts], common[keep]
    return doubling(shares, [row[:, keep] for row in rows], clusters_of(board, cases), alpha=alpha)


def more_data(doubled: Claim, margin: float) -> MoreData | None:
    """``too_little`` when twice the data would bring less than the margin, ``helps`` when it would bring something; None when
    neither is shown.
    """
    if doubled.upper < margin:
        return "too_little"
    return "helps" if doubled.lower >= LEAST else None


def reaches(learning: Mapping[str, Any], *, missing: float, doublings: int) -> bool:
    """Whether so many more doublings can bring what is missing, by the slope, and by the curve where it is carried on."""
    slope: Claim | None = learning.get("slope")
    doubled: Claim | None = learning.get("doubled")
    if slope is None or doublings * slope.estimate < missing:
        return False
    return doubled is None or doublings * doubled.upper >= missing


def _parts(board: Board, scores: Scores) -> list[tuple[float, Scores]]:
    """(share, scores) ascending, the full data last; under the same name, or as a contender of its own technique."""
    own = [(f, s) for (name, f), s in sorted(board.fractions.items()) if name == scores.recipe]
    other = [(f, s) for (name, f), s in sorted(board.fractions.items()) if name not in board.test]
    parts = own or [(f, s) for f, s in other if s.technique == scores.technique]
    return [*sorted(parts, key=lambda item: item[0]), (1.0, scores)]


def _scaled(made: Claim, by: float) -> Claim:
    numbers = (made.estimate * by, made.lower * by, made.upper * by)
    return Claim(made.name, made.contrast, *numbers, made.alpha, made.df, made.n, made.seeds, made.clusters)
