"""What to do, apart from what is claimed: the cheapest layer whose costlier neighbours are not shown better.

    prompt → constrained decoding → golden examples → RAG: a step up needs lower(gain) > 0 and an estimate ≥ margin

The steps share alpha: one needless step in all is taken in at most alpha of the cases. Fine-tuning is recommended only
when it is JUSTIFIED, more data when the slope per doubling is shown and at most two more doublings would reach the
margin over what suffices now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.stats import Moments
from harness.verdict.board import Board, compare
from harness.verdict.candidate import Candidate, claim
from harness.verdict.learning import reaches
from harness.verdict.verdict import Answer, Claim, Recommendation

LAYERS: Mapping[str, Recommendation] = {
    "prompt": "prompt",
    "constrain": "constrain",
    "golden": "rag",
    "rag": "rag",
    "tune": "fine-tune",
    "tune+rag": "fine-tune+rag",
}
DOUBLINGS = 2


@dataclass(frozen=True, slots=True)
class Ladder:
    """The untrained contender that suffices, and the steps (costlier minus cheaper) that were looked at."""

    suffices: str | None
    steps: tuple[Claim, ...]


def climb(board: Board, untrained: Sequence[str], margin: float, alpha: float) -> Ladder:
    """Step up the untrained finalists, cheapest first, as long as a step is shown better."""
    current, steps = (untrained[0] if untrained else None), []
    alpha /= max(len(untrained) - 1, 1)
    for name in untrained[1:]:
        moments = compare(board, board.test[name], board.test[current]) if current else None
        if moments is not None:
            steps.append(claim(f"step:{name}", f"{name} - {current}", moments, alpha))
            current = name if _better(moments, margin, alpha) else current
    return Ladder(current, tuple(steps))


def cheapest(board: Board, winners: Sequence[Candidate], margin: float, alpha: float) -> Candidate:
    """Of justified candidates the one to take: no retrieval beside the adapter unless that is shown better."""
    order = sorted(winners, key=lambda c: (c.scores.technique, -round(c.scores.mean, 12), c.name))
    taken = order[0]
    for other in order[1:]:
        moments = (
            compare(board, other.scores, taken.scores) if other.scores.technique != taken.scores.technique else None
        )
        taken = other if moments is not None and _better(moments, margin, alpha) else taken
    return taken


def recommend(
    board: Board, verdict: Answer, taken: Candidate | None, ladder: Ladder, learning: Mapping[str, Any]
) -> tuple[Recommendation, str | None]:
    """The recommendation and the contender behind it."""
    if verdict == "INVALID":
        return "none", None
    if verdict == "JUSTIFIED" and taken is not None:
        return LAYERS[taken.scores.technique], taken.name
    if verdict != "JUSTIFIED" and taken is not None and _more_data(taken, ladder.suffices, learning):
        return "collect-data", taken.name
    if ladder.suffices is None:
        return "none", None
    return LAYERS[board.test[ladder.suffices].technique], ladder.suffices


def _more_data(candidate: Candidate, suffices: str | None, learning: Mapping[str, Any]) -> bool:
    """The slope is shown, what is asked is at most two doublings away, by the slope and by the curve where it could be carried
    on, and no guard has lost what data will not repair.
    """
    slope = learning.get("slope")
    gain = candidate.gains.get(suffices) if suffices else None
    if slope is None or slope.lower <= 0 or gain is None or candidate.dropped_on(slope.alpha):
        return False
    return reaches(learning, missing=candidate.floor - gain.estimate, doublings=DOUBLINGS)


def _better(moments: Moments, margin: float, alpha: float) -> bool:
    return moments.interval(alpha).lower > 0 and moments.estimate >= margin
