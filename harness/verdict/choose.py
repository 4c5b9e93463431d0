"""Who stands for each technique: chosen on dev, so that test is used once.

    >>> choose(board)                                                     # doctest: +SKIP
    Finalists(untrained=('few_shot', 'bm25'), tuned=('sft',), chosen=True, absent=(), recipes=1)

Without dev rows nothing is chosen: every contender counts, and Holm pays for the tuned ones. The field's habit of
taking the best on test is what makes 83 % of true nulls "justified".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import isnan

from harness.verdict.board import Board, Scores
from harness.verdict.check import TUNED, UNTRAINED
from harness.verdict.merges import WITH_RAG


@dataclass(frozen=True, slots=True)
class Finalists:
    """Names of those who are compared on test.

    ``untrained`` goes from the cheapest technique to the costliest. ``tuned`` is the best on dev first, one a
    technique, when ``chosen``; otherwise all by name. ``absent`` were chosen on dev but have no test rows. ``recipes`` is
    among how many tuned ones dev chose, 1 where it did not; ``reverted`` are merges that lost too much there.
    """

    untrained: tuple[str, ...]
    tuned: tuple[str, ...]
    chosen: bool
    absent: tuple[str, ...]
    recipes: int
    reverted: tuple[str, ...] = ()


def choose(board: Board, reverted: Collection[str] = ()) -> Finalists:
    """The finalists of every technique that was measured, without the contenders of ``reverted`` recipes."""
    untrained = [name for technique in UNTRAINED for name in _of(board, technique)]
    gone = tuple(name for name in board.techniques(*TUNED) if _recipe(board, name) in reverted)
    per_technique = [_of(board, technique, without=gone) for technique in TUNED]
    tuned = [name for names in per_technique for name in names]
    chosen = all(len(names) <= 1 for names in per_technique) and (len(tuned) <= 1 or all(n in board.dev for n in tuned))
    tuned.sort(key=(lambda name: rank(board.dev, name)) if chosen and len(tuned) > 1 else str)
    absent = tuple(name for name in (*untrained, *tuned) if name not in board.test)
    return Finalists(
        tuple(name for name in untrained if name in board.test),
        tuple(name for name in tuned if name in board.test),
        chosen,
        absent,
        max(len([name for name in board.techniques(*TUNED) if name in board.dev]), 1) if chosen else 1,
        gone,
    )


def _recipe(board: Board, name: str) -> str:
    return (board.dev.get(name) or board.test[name]).recipe.removesuffix(WITH_RAG)


def _of(board: Board, technique: str, *, without: Collection[str] = ()) -> list[str]:
    """The best on dev, or all where dev cannot tell; a contender without dev rows is not chosen over one with."""
    names = [name for name in board.techniques(technique) if name not in without]
    ranked = sorted((name for name in names if name in board.dev), key=lambda name: rank(board.dev, name))
    return ranked[:1] or names


def rank(dev: Mapping[str, Scores], name: str) -> tuple[float, str]:
    """Sorts contenders by their mean on dev, the best first, equals by name."""
    mean = dev[name].mean
    return (float("inf") if isnan(mean) else -round(mean, 12), name)
