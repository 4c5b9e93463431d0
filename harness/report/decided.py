"""A verdict as a report's values: the answer in words, differences, checks, the learning curve.

>>> answer_of(verdict.suites["handbook"], "rag").word                # doctest: +SKIP
'Use retrieval'
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.report.gathered import Answer, Check, Difference, Learning, Shown, Span, Tone
from harness.verdict import Claim, SuiteVerdict, describe_suite

CHANGE = "What would change it:"
ADVICE: Mapping[str, tuple[str, Tone]] = {
    "prompt": ("Prompting suffices", "prompt"),
    "constrain": ("Constrained decoding suffices", "prompt"),
    "rag": ("Use retrieval", "context"),
    "golden": ("Use golden examples", "context"),
    "fine-tune": ("Fine-tune", "tuned"),
    "fine-tune+rag": ("Fine-tune and retrieve", "tuned"),
    "collect-data": ("Collect more data", "open"),
    "none": ("Do not fine-tune", "open"),
}
NOT_COMPARED = Answer("Not compared", "open", "NOT_COMPARED", "Nothing was compared, so there is no verdict.", "")
"""What stands in an answer's place where there is one contender."""


def answer_of(verdict: SuiteVerdict, technique: str | None) -> Answer:
    """The verdict in words; ``technique`` is that of the contender that suffices."""
    first, *rest = describe_suite(verdict)
    sentence = first.partition(": ")[2]
    change = next((text.partition(CHANGE)[2].strip() for text in rest if text.strip().startswith(CHANGE)), "")
    word, tone = ADVICE["golden" if technique == "golden" else verdict.recommendation]
    if verdict.verdict == "INVALID":
        word, tone = "Invalid evidence", "invalid"
    elif verdict.verdict == "INCONCLUSIVE" and verdict.recommendation != "collect-data":
        word, tone = "Not shown yet", "open"
    return Answer(word, tone, verdict.verdict, sentence[:1].upper() + sentence[1:], change)


def differences(verdict: SuiteVerdict, floor: float) -> tuple[Difference, ...]:
    """Gains over every baseline, those of the contender in question first."""
    ceilings = {claim.contrast: claim.upper for claim in verdict.claims if claim.name.startswith("ceiling:")}
    found = [
        _difference(claim, claim.name.removeprefix("gain:"), floor, ceilings.get(claim.contrast))
        for claim in verdict.claims
        if claim.name.startswith("gain:")
    ]
    return tuple(sorted(found, key=lambda one: one.ours != verdict.contender))


def _difference(claim: Claim, theirs: str, floor: float, ceiling: float | None) -> Difference:
    ours = claim.contrast.removesuffix(f" - {theirs}")
    refuted = ceiling is not None and ceiling < floor
    state: Shown = "shown" if claim.lower > floor else "refuted" if refuted else "open"
    return Difference(ours, theirs, _span(claim), claim.n, claim.seeds, state, ceiling)


def _span(claim: Claim) -> Span:
    return Span(claim.estimate, claim.lower, claim.upper)


def gap(claim: Claim) -> Difference:
    """A claim of the diagnosis; that of the interaction is a difference of differences: ``(a - b) - (c - d)``."""
    nested = claim.contrast.startswith("(")
    ours, _, theirs = claim.contrast.partition(") - (" if nested else " - ")
    sides = (f"{ours})", f"({theirs}") if nested else (ours, theirs)
    return Difference(*sides, _span(claim), claim.n, claim.seeds)


def checks(found: SuiteVerdict) -> tuple[Check, ...]:
    """Failed ones first."""
    made = (Check(gate.name, gate.status == "pass", gate.evidence, gate.outcome) for gate in found.gates)
    return tuple(sorted(made, key=lambda check: check.passed))


def learning(verdict: SuiteVerdict) -> Learning | None:
    """The learning curve, where one was measured; carried on where that shows something."""
    found = verdict.learning_curve
    if not found.get("points"):
        return None
    slope: Claim | None = found.get("slope")
    measured = Learning(found["contender"], _points(found["points"]), _span(slope) if slope else None)
    if "more_data" not in found:
        return measured
    said = next((r.sentence for r in verdict.reasons if r.code in ("more_data", "enough_data")), "")
    return replace(measured, doubled=_span(found["doubled"]), fitted=_points(found["fitted"]), sentence=said)


def _points(found: Sequence[Mapping[str, Any]]) -> tuple[tuple[float, float], ...]:
    return tuple((point["fraction"], point["mean"]) for point in found)
