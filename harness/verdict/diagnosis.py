"""Why it came out so: what is missing, measured on the same cases with the same interval.

    {"knowledge_gap": Claim(name="knowledge_gap", contrast="gold - few_shot", estimate=0.21, lower=0.17, ...),
     "flips": {"baseline": "few_shot", "fixed": 31, "broken": 12}}

Only what was measured is there. `harness.verdict.learning` is its twin over the share of training data.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt
from typing import Any

import numpy as np
from scipy.special import stdtrit

from harness.stats import Moments, crossed, mean
from harness.verdict.board import Board, Scores, compare, difference
from harness.verdict.candidate import Candidate, claim
from harness.verdict.check import ANY_OF
from harness.verdict.touched import gain_with, touched
from harness.verdict.verdict import Claim


def diagnose(
    board: Board, taken: Candidate | None, untrained: tuple[str, ...], alpha: float, *, lenient: Board | None = None
) -> dict[str, Any]:
    """Everything that the rows can say beside the claims; ``lenient`` has the same answers, form aside."""
    first = {board.test[name].technique: board.test[name] for name in reversed(untrained)}
    gold, once, often = _probes(board)
    prompt, rag = first.get("prompt"), first.get("rag")
    pairs = {
        "format_loss": (_in(lenient, prompt), prompt),
        "format_gap": (first.get("constrain"), prompt),
        "knowledge_gap": (gold, prompt),
        "retrieval_gap": (gold, rag),
        "latent_ability": (often, once or prompt),
    }
    found: dict[str, Any] = {}
    for name, (ours, theirs) in pairs.items():
        if ours is not None and theirs is not None and (made := _gap(board, name, ours, theirs, alpha)):
            found[name] = made
    given = gold or prompt
    if given and (gold or lenient) and (made := _residual(board, _in(lenient, given) or given, lenient, alpha)):
        found["skill_residual"] = made
    if prompt and rag and (made := _interaction(board, prompt, rag, alpha)):
        found["interaction"] = made
    if cases := touched(board):
        found["touched"] = cases
    return found | (dict(_of_candidate(board, taken, alpha)) if taken else {})


def _probes(board: Board) -> tuple[Scores | None, Scores | None, Scores | None]:
    """With the gold passage, one sample's share of right answers, and whether any of the most samples is right."""
    probes = {s.technique: s for _, s in sorted(board.test.items()) if s.technique.startswith("probe:")}
    tries = {technique: s for technique, s in probes.items() if ANY_OF.fullmatch(technique)}
    most = max(tries, key=lambda technique: (len(technique), technique), default="")
    return probes.get("probe:gold-passage"), probes.get("probe:pass@1"), tries.get(most)


def _in(lenient: Board | None, scores: Scores | None) -> Scores | None:
    """The same contender's scores, form aside."""
    return lenient.test.get(scores.contender) if lenient and scores else None


def _residual(board: Board, given: Scores, lenient: Board | None, alpha: float) -> Claim | None:
    """What is missing when facts and form are given: one minus the mean."""
    clean = ~given.flagged
    if given.missing or not clean.any():
        return None
    moments = mean(1 - given.values[0, clean], board.clusters[given.cases[clean]])
    said = f"1 - {given.contender}" + (" read leniently" if lenient and given.contender in lenient.test else "")
    return claim("skill_residual", said, moments, alpha)


def _gap(board: Board, name: str, ours: Scores, theirs: Scores, alpha: float) -> Claim | None:
    moments = None if ours.missing or theirs.missing else compare(board, ours, theirs)
    said = f"{ours.contender} read leniently" if ours.contender == theirs.contender else ours.contender
    return claim(name, f"{said} - {theirs.contender}", moments, alpha) if moments else None


def _interaction(board: Board, prompt: Scores, rag: Scores, alpha: float) -> Claim | None:
    """(tuned+RAG - RAG) - (tuned - prompt): do adapter and retrieval help each other? With one of each only."""
    both = [s for s in board.test.values() if s.technique == "tune+rag" and not s.missing]
    plain = [s for s in board.test.values() if s.technique == "tune" and not s.missing]
    if len(both) != 1 or len(plain) != 1:
        return None
    cases, tuned = difference(both[0], plain[0])
    others, untrained = difference(rag, prompt)
    shared, left, right = np.intersect1d(cases, others, assume_unique=True, return_indices=True)
    if shared.size == 0:
        return None
    moments = crossed(tuned[..., left] - untrained[..., right], board.clusters[shared])
    contrast = f"({both[0].contender} - {rag.contender}) - ({plain[0].contender} - {prompt.contender})"
    return claim("interaction", contrast, moments, alpha)


def _of_candidate(board: Board, taken: Candidate, alpha: float) -> Iterator[tuple[str, Any]]:
    if taken.worst is None:
        return
    other = board.test[taken.worst]
    _, matrix = difference(taken.scores, other)
    change = np.atleast_2d(matrix).mean(axis=0)
    yield "flips", {"baseline": taken.worst, "fixed": int((change > 0).sum()), "broken": int((change < 0).sum())}
    gain = f"{taken.name} - {taken.worst}"
    dirty, clean = compare(board, taken.scores, other, flagged=True), taken.gains[taken.worst]
    if dirty is not None and dirty.n > 1:
        yield "leakage", _apart("leakage", f"{gain}, flagged - clean cases", dirty, clean, alpha)
    if whole := gain_with(board, taken, alpha):
        yield "gain_with_touched", whole
    if taken.scores.recipe in board.taught:
        taught = board.taught[taken.scores.recipe]
        told = compare(board, taken.scores, other, among=taught)
        untold = compare(board, taken.scores, other, among=np.setdiff1d(taken.scores.cases, taught))
        if told is not None and untold is not None and min(told.n, untold.n) > 1:
            yield "memory", _apart("memory", f"{gain}, facts stated in training - others", told, untold, alpha)


def _apart(name: str, contrast: str, one: Moments, other: Moments, alpha: float) -> Claim:
    """Difference of two gains on different cases (the seeds, shared, cancel): Welch with the smaller df."""
    df = min(one.df, other.df)
    centre = one.centre - other.centre
    width = float(stdtrit(df, 1 - alpha)) * sqrt(one.v_case + other.v_case) if df >= 1 else float("inf")
    numbers = (one.estimate - other.estimate, centre - width, centre + width)
    return Claim(name, contrast, *numbers, alpha, df, one.n + other.n, one.seeds, one.clusters + other.clusters)
