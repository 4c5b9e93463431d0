"""All that the rows say about one deciding suite, gathered before anything is answered.

>>> evidence = gather(board, guards, policy)                            # doctest: +SKIP
>>> [gate.name for gate in evidence.failed]                             # doctest: +SKIP
['prompt_variants']
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.stats import look_alpha
from harness.verdict.board import Board
from harness.verdict.candidate import Candidate, guard_pairs, weigh
from harness.verdict.choose import Finalists, choose
from harness.verdict.economics import economics
from harness.verdict.gates import check, check_guard
from harness.verdict.policy import Policy
from harness.verdict.recommend import Ladder, climb
from harness.verdict.verdict import Gate

Guards = Mapping[str, Board | None]
"""Guard suites by name; None for one that was not measured."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who is compared, what was gained and lost, what forbids a decision, and at which level it is made.

    ``candidates`` are in the finalists' order; ``money`` is by candidate, empty without a ``[cost]`` table.
    """

    board: Board
    policy: Policy
    finalists: Finalists
    alpha: float
    candidates: tuple[Candidate, ...]
    gates: tuple[Gate, ...]
    ladder: Ladder
    money: Mapping[str, Mapping[str, Any]]

    @property
    def margin(self) -> float:
        """The least gain worth having on this suite."""
        return self.policy.margin_of(self.board.suite)

    @property
    def failed(self) -> tuple[Gate, ...]:
        """Gates that forbid a decision."""
        return tuple(gate for gate in self.gates if gate.status == "fail")


def gather(board: Board, guards: Guards, policy: Policy) -> Evidence:
    """The evidence on the board's suite."""
    finalists = choose(board)
    measured = [guard for guard in guards.values() if guard is not None]
    candidates = tuple(weigh(board, name, finalists, measured, policy) for name in finalists.tuned)
    gates = (*check(board, finalists, policy), *_guard_gates(guards, board.suite, candidates, policy))
    ladder = climb(board, finalists.untrained, policy.margin_of(board.suite), policy.alpha)
    money = {candidate.name: _economics(board, candidate, ladder, policy) for candidate in candidates}
    return Evidence(board, policy, finalists, _alpha(board, finalists, policy), candidates, gates, ladder, money)


def _alpha(board: Board, finalists: Finalists, policy: Policy) -> float:
    """The level of this look: all of alpha, or with planned looks O'Brien and Fleming's share by the cases so far."""
    cases = max((int(board.test[name].cases.size) for name in (*finalists.tuned, *finalists.untrained)), default=0)
    fraction = cases / policy.n_max if policy.n_max and cases else 1.0
    return look_alpha(policy.alpha, looks=policy.looks, fraction=fraction)


def _guard_gates(guards: Guards, suite: str, candidates: Sequence[Candidate], policy: Policy) -> list[Gate]:
    """Every guard was measured for every candidate, on evidence as good as the deciding suite's."""
    gates = []
    for name, guard in guards.items():
        pairs = {c.name: guard_pairs(guard, suite, c.scores) if guard else [] for c in candidates}
        absent = ", ".join(contender for contender, found in pairs.items() if not found)
        who = f"{absent} beside an untrained contender" if absent else "anybody"
        blocked = guard is None or bool(absent)
        said = f"no test rows of {who}: run the guard suite {name!r}" if blocked else "measured"
        gates.append(Gate(f"guard:{name}", "fail" if blocked else "pass", said))
        if guard is not None and candidates and not absent:
            gates += check_guard(guard, [pair for found in pairs.values() for pair in found], policy)
    return gates


def _economics(board: Board, candidate: Candidate, ladder: Ladder, policy: Policy) -> dict[str, Any]:
    """Against the untrained contender that one would use instead."""
    if ladder.suffices is None or ladder.suffices not in candidate.gains:
        return {}
    return economics(policy.cost, candidate.scores, board.test[ladder.suffices], candidate.gains[ladder.suffices])
