"""The gates that a suite declares, judged for the report as ``pytest suites/`` judges them.

Claimed("labels are right", "sft", True, "shown: json_exact of sft is 0.912, at least 0.888 (…); needed: at least 0.85")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.errors import Incomplete
from harness.gate.judge import judge
from harness.report.gathered import Claimed
from harness.suite import Suite
from harness.verdict import Policy, Rows
from harness.verdict.board import load_board
from harness.verdict.check import TUNED, UNTRAINED


def claims(suite: Suite, rows_of: Callable[[str], Rows], policy: Policy) -> Iterator[Claimed]:
    """Every gate for every contender that it names, in the order of the declaration; ``rows_of`` a metric has its scores."""
    for gate in suite.gates:
        metric = gate.metric or suite.metric
        board = load_board(rows_of(metric), suite.name, metric, estimand=policy.estimand)
        recipes = dict.fromkeys(
            scores.recipe for scores in board.test.values() if scores.technique in (*UNTRAINED, *TUNED)
        )
        for contender in [name for name in recipes if name != gate.over] if gate.contender == "*" else [gate.contender]:
            try:
                outcome = judge(gate, board, contender, alpha=policy.alpha)
            except Incomplete as error:
                yield Claimed(gate.name, contender, None, str(error))
            else:
                yield Claimed(gate.name, contender, outcome.passed, outcome.sentence)
