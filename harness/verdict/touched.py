"""Scores with and without the test cases that overlap what a contender was trained on or is shown; claims are made without.

{"sft": {"flagged": 24, "cases": 400, "with": 0.812, "without": 0.781}}          # touched(board)
'Touched test cases: 24 of 400 of sft, which scores 81.2 with and 78.1 without them; …'   # sentence(diagnosis, "sft")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from harness.plural import plural
from harness.verdict.board import Board, Scores, compare
from harness.verdict.candidate import Candidate, claim
from harness.verdict.check import PROBE
from harness.verdict.verdict import Claim

TOO = ", touched cases too"


def touched(board: Board) -> dict[str, dict[str, Any]]:
    """Of every contender that has flagged test cases, by name; probes decide nothing and are left out."""
    named = sorted(board.test.items())
    return {name: _of(scores) for name, scores in named if scores.flagged.any() and not PROBE.match(scores.technique)}


def gain_with(board: Board, taken: Candidate, alpha: float) -> Claim | None:
    """The gain over the hardest baseline on all test cases, touched or not; None where none is."""
    if taken.worst is None:
        return None
    ours, theirs = taken.scores, board.test[taken.worst]
    if not (ours.flagged.any() or theirs.flagged.any()):
        return None
    moments = compare(board, ours, theirs, flagged=None)
    return claim("gain_with_touched", f"{taken.name} - {taken.worst}{TOO}", moments, alpha) if moments else None


def sentence(diagnosis: Mapping[str, Any], claims: Iterable[Claim], contender: str | None) -> str:
    """For a person, of the contender that the verdict is about; nothing where no case is touched. ``claims`` are the suite's."""
    found = diagnosis.get("touched", {})
    if not found:
        return ""
    first = contender if contender is not None and contender in found else next(iter(found))
    others = ", ".join(f"{name} {one['flagged']}" for name, one in found.items() if name != first)
    also = f" Also touched: {others}." if others else ""
    return f"Touched test cases: {_said(first, found[first])}{_gained(diagnosis, claims)}.{also} Claims are made without them."


def _gained(diagnosis: Mapping[str, Any], claims: Iterable[Claim]) -> str:
    whole = diagnosis.get("gain_with_touched")
    if not isinstance(whole, Claim):
        return ""
    contrast = whole.contrast.removesuffix(TOO)
    ours, _, theirs = contrast.partition(" - ")
    clean = next((one for one in claims if (one.name, one.contrast) == (f"gain:{theirs}", contrast)), None)
    without = f" and {_points(clean.estimate)} without" if clean else ""
    return f"; {ours} gains {_points(whole.estimate)} over {theirs} with them{without}"


def _of(scores: Scores) -> dict[str, Any]:
    whole = float(np.nanmean(scores.values)) if np.isfinite(scores.values).any() else float("nan")
    return {
        "flagged": int(scores.flagged.sum()),
        "cases": int(scores.cases.size),
        "with": whole,
        "without": scores.mean,
    }


def _said(name: str, found: Mapping[str, Any]) -> str:
    counts = f"{found['flagged']} of {plural(found['cases'], 'case')} of {name}"
    return f"{counts}, which scores {100 * found['with']:.1f} with them and {100 * found['without']:.1f} without"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"
