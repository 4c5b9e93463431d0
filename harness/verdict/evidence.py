"""All that the rows say about one deciding suite, gathered before anything is answered.

>>> evidence = gather(board, guards, policy)                            # doctest: +SKIP
>>> [gate.name for gate in evidence.failed]                             # doctest: +SKIP
['prompt_variants']
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.verdict.board import Board
from harness.verdict.candidate import Candidate, guard_pairs, weigh
from harness.verdict.choose import Finalists, choose
from harness.verdict.economics import economics
from harness.verdict.economics.margin import claim_reversals
from harness.verdict.gates import check, check_guard
from harness.verdict.lock import History, Standing, Term, gate, read, stand, terms
from harness.verdict.merges import Loss, reverted
from harness.verdict.policy import Policy
from harness.verdict.recommend import Ladder, climb
from harness.verdict.rows import Rows
from harness.verdict.verdict import Gate

Guards = Mapping[str, Board | None]
"""Guard suites by name; None for one that was not measured."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who is compared, what was gained and lost, what forbids a decision, and at which level it is made.

    ``candidates`` are in the finalists' order; ``money`` is by candidate, empty without a ``[cost]`` table; ``losses`` are what
    merges lose beside their parts, on any suite.
    """

    board: Board
    policy: Policy
    finalists: Finalists
    standing: Standing
    candidates: tuple[Candidate, ...]
    gates: tuple[Gate, ...]
    ladder: Ladder
    money: Mapping[str, Mapping[str, Any]]
    losses: tuple[Loss, ...] = ()

    @property
    def alpha(self) -> float:
        """The one-sided level of a claim at this look."""
        return self.standing.alpha

    @property
    def margin(self) -> float:
        """The least gain worth having on this suite."""
        return self.policy.margin_of(self.board.suite)

    @property
    def failed(self) -> tuple[Gate, ...]:
        """Gates that forbid a decision."""
        return tuple(gate for gate in self.gates if gate.status == "fail")

    @property
    def answers(self) -> bool:
        """Whether the scores could answer at all: then this is a look, and spends its level."""
        return bool(self.candidates) and not self.failed


def gather(
    rows: Rows, board: Board, guards: Guards, policy: Policy, history: History, *, losses: Sequence[Loss] = ()
) -> Evidence:
    """The evidence on the board's suite."""
    finalists = choose(board, reverted(losses))
    measured = [guard for guard in guards.values() if guard is not None]
    candidates = tuple(weigh(board, name, finalists, measured, policy, losses=losses) for name in finalists.tuned)
    gates = (
        *check(board, finalists, policy),
        *_guard_gates(guards, board.suite, candidates, policy),
        gate(history.lock, policy),
    )
    ladder = climb(board, finalists.untrained, policy.margin_of(board.suite), policy.alpha)
    seen = read(rows, _compared(board, finalists, measured, candidates), _terms(board, measured, policy))
    standing = stand(history, rows=seen, cases=_cases(board, finalists), policy=policy)
    money = {c.name: _economics(board, c, ladder, policy, standing.alpha) for c in candidates}
    return Evidence(board, policy, finalists, standing, candidates, gates, ladder, money, tuple(losses))


def _compared(
    board: Board, finalists: Finalists, guards: Sequence[Board], candidates: Sequence[Candidate]
) -> Iterator[tuple[str, str, set[str]]]:
    """(suite, metric, contenders) whose test rows the claims are read from."""
    yield board.suite, board.metric, {board.test[name].recipe for name in (*finalists.tuned, *finalists.untrained)}
    for guard in guards:
        pairs = (pair for candidate in candidates for pair in guard_pairs(guard, board.suite, candidate.scores))
        yield guard.suite, guard.metric, {scores.recipe for pair in pairs for scores in pair}


def _terms(board: Board, guards: Sequence[Board], policy: Policy) -> dict[str, Term]:
    return terms(policy, board.suite, board.metric, [guard.suite for guard in guards])


def _cases(board: Board, finalists: Finalists) -> int:
    """Test cases so far: what a plan of several looks goes by."""
    return max((int(board.test[name].cases.size) for name in (*finalists.tuned, *finalists.untrained)), default=0)


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


def _economics(board: Board, candidate: Candidate, ladder: Ladder, policy: Policy, alpha: float) -> dict[str, Any]:
    """Against the untrained contender that one would use instead, with the margin and judge's error that turn it."""
    if ladder.suffices is None or ladder.suffices not in candidate.gains:
        return {}
    gain = candidate.gains[ladder.suffices]
    found = economics(policy.cost, candidate.scores, board.test[ladder.suffices], gain, route=policy.route)
    if found:
        found["reversals"] += claim_reversals(candidate, policy.route, alpha, judged=board.source == "judge")
    return found
