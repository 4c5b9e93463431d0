"""From evidence to one of four words, and the contender that it is about.

gates → INVALID or INCONCLUSIVE · all claims hold → JUSTIFIED · shown not to → NOT_JUSTIFIED · else INCONCLUSIVE
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.stats import holm
from harness.verdict.candidate import Candidate
from harness.verdict.economics import pays
from harness.verdict.evidence import Evidence
from harness.verdict.recommend import cheapest
from harness.verdict.verdict import Answer


def winners(evidence: Evidence) -> list[Candidate]:
    """Those for whom everything holds: in dev's order until the first fails, or, without a choice, by Holm.

    Both keep the error of any false one at alpha (fixed-sequence testing needs no correction).
    """

    def holds(candidate: Candidate, level: float) -> bool:
        return candidate.holds(level) and pays(evidence.money[candidate.name], evidence.policy.route)

    candidates, alpha = evidence.candidates, evidence.alpha
    if not evidence.finalists.chosen:
        return holm(candidates, holds, alpha)
    stop = next((i for i, candidate in enumerate(candidates) if not holds(candidate, alpha)), len(candidates))
    return list(candidates[:stop])


def answer(evidence: Evidence, won: Sequence[Candidate]) -> Answer:
    """Gates first: never a decision on bad evidence."""
    failed = {gate.outcome for gate in evidence.failed}
    if failed:
        return "INVALID" if "INVALID" in failed else "INCONCLUSIVE"
    if won:
        return "JUSTIFIED"
    judged = evidence.candidates[:1] if evidence.finalists.chosen else evidence.candidates
    if judged and all(candidate.refuted(evidence.alpha) or _loses(evidence, candidate) for candidate in judged):
        return "NOT_JUSTIFIED"
    return "INCONCLUSIVE"


def taken(evidence: Evidence, won: Sequence[Candidate]) -> Candidate | None:
    """Whom the answer is about: the cheapest winner, else dev's choice, else the one nearest to winning."""
    if won:
        return cheapest(evidence.board, won, evidence.margin, evidence.policy.alpha)
    if evidence.finalists.chosen:
        return next(iter(evidence.candidates), None)
    return max(evidence.candidates, key=_nearness, default=None)


def _nearness(candidate: Candidate) -> tuple[float, str]:
    worst = candidate.worst
    return (round(candidate.gains[worst].estimate, 12) if worst else float("-inf"), candidate.name)


def _loses(evidence: Evidence, candidate: Candidate) -> bool:
    """On the cost route a loss of money, as sure as a gain must be, is an answer too."""
    found = evidence.money[candidate.name]
    return evidence.policy.route == "cost" and bool(found) and found["p_npv_positive"] <= evidence.policy.alpha
