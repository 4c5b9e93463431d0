"""Every contender's mean with its interval, for the ladder plot, and one paired difference by name.

>>> paired(rows, "triage", "exact_match", "sft", "few_shot", 0.05).lower     # doctest: +SKIP
0.021
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import BadInput, suggest
from harness.stats import Interval, mean
from harness.verdict.board import Board, compare, load_board
from harness.verdict.policy import load_policy
from harness.verdict.rows import load_rows


@dataclass(frozen=True, slots=True)
class Summary:
    """One contender on one suite and metric, test split, clean cases."""

    suite: str
    metric: str
    contender: str
    technique: str
    source: str
    interval: Interval
    missing: int


def summaries(rows: Any, policy: Any = None) -> list[Summary]:
    """Means of every suite, metric and contender that has test rows, sorted by these names.

    Raises:
        BadInput: rows or policy that say something impossible.
    """
    loaded, declared = load_rows(rows), load_policy(policy)
    boards = (
        load_board(loaded, suite, metric, estimand=declared.estimand)
        for suite in loaded.suites
        for metric in loaded.metrics(suite)
    )
    return [summary for board in boards for summary in _summaries(board, declared.alpha)]


def paired(  # noqa: PLR0917  the plugin and fixtures call it in this order
    rows: Any, suite: str, metric: str, contender: str, baseline: str, alpha: float = 0.05
) -> Interval:
    """Contender minus baseline on the clean test cases of both.

    Raises:
        BadInput: a name that is not in the rows (what is there is said), or no case in common.
    """
    loaded = load_rows(rows)
    _known("suite", suite, loaded.suites)
    _known("metric", metric, loaded.metrics(suite))
    board = load_board(loaded, suite, metric)
    _known("contender", contender, board.test)
    _known("baseline", baseline, board.test)
    moments = compare(board, board.test[contender], board.test[baseline])
    if moments is None:
        raise BadInput(f"{contender!r} and {baseline!r} share no clean, measured test case of suite {suite!r}")
    return moments.interval(alpha)


def _summaries(board: Board, alpha: float) -> Iterator[Summary]:
    for name, scores in sorted(board.test.items()):
        matrix = scores.matrix()
        keep = ~scores.flagged & np.isfinite(scores.values).all(axis=0)
        if keep.any():
            clusters = board.clusters[scores.cases[keep]]
            interval = mean(matrix[..., keep], clusters, bounded=not board.amounts).interval(alpha)
            about = (board.suite, board.metric, name, scores.technique, board.source)
            yield Summary(*about, interval, scores.missing)


def _known(what: str, name: str, there: Any) -> None:
    if name not in there:
        raise BadInput(f"unknown {what} {name!r} in the rows: {suggest(name, there)}")
