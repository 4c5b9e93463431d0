"""A verdict as a good colleague would write it: the answer in one line, the reasons, and what would change it.

    triage: fine-tuning is not justified; rag (bm25) suffices.
      1. sft minus bm25: -1.2 points (-3.0 to 0.6, 400 cases, 5 seeds): at most 0.9, and 3.0 is asked.
      Money: a request costs $0.0021 tuned and $0.0034 with bm25; $9,120 once. Over 12 months tuning is worth …
      What would change it: a gain over bm25 of more than 3.0 points.

Pure text; the command line and the report print it.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.verdict.economics.memo import memo
from harness.verdict.plan import sentence
from harness.verdict.reasons import points
from harness.verdict.touched import sentence as sentence_of_touched
from harness.verdict.verdict import SuiteVerdict, Verdict
from harness.visible import line

MOST = 6
ADVICE = {
    "prompt": "a prompt suffices",
    "constrain": "constrained decoding suffices",
    "rag": "retrieved or golden context suffices",
    "fine-tune": "fine-tune",
    "fine-tune+rag": "fine-tune and retrieve",
    "collect-data": "collect more training data",
    "none": "nothing can be recommended on this evidence",
}
ANSWERS = {
    "JUSTIFIED": "fine-tuning is justified",
    "NOT_JUSTIFIED": "fine-tuning is not justified",
    "INCONCLUSIVE": "undecided",
    "INVALID": "no decision, the evidence is not valid",
}


def describe(verdict: Verdict) -> list[str]:
    """Lines of text, a blank one between suites."""
    lines: list[str] = []
    for suite in verdict.suites.values():
        lines += [*([""] if lines else []), *map(_line, describe_suite(suite))]
    return lines


def describe_suite(suite: SuiteVerdict) -> Iterator[str]:
    """The memo on one suite."""
    behind = f" ({suite.suffices})" if suite.suffices else ""
    yield f"{suite.suite}: {ANSWERS[suite.verdict]}; {ADVICE[suite.recommendation]}{behind}."
    for number, reason in enumerate(suite.reasons[:MOST], start=1):
        yield f"  {number}. {reason.sentence}"
    if said := touched(suite):
        yield f"  {said}"
    for said in memo(suite.economics) if suite.verdict != "INVALID" else ():
        yield f"  {said}"
    change = _change(suite)
    if change:
        yield f"  What would change it: {change}"
    standing = "; ".join(suite.ledger.get("said", ()))
    if standing:
        yield f"  {standing[:1].upper()}{standing[1:]}."


def _line(text: str) -> str:
    """One line whatever names are in it, indented as it was."""
    return f"{text[: len(text) - len(text.lstrip(' '))]}{line(text)}"


def touched(suite: SuiteVerdict) -> str:
    """What the test cases that overlap training data change; nothing where there are none."""
    return sentence_of_touched(suite.diagnosis, suite.claims, suite.contender)


def _change(suite: SuiteVerdict) -> str:
    if suite.verdict == "INVALID":
        return f"repair {', '.join(gate.name for gate in suite.failed)} and decide again."
    if suite.verdict == "INCONCLUSIVE":
        return sentence(suite.plan, suite.suite)
    gains = [claim for claim in suite.claims if claim.name.startswith("gain:")]
    least = min(
        (c for c in gains if c.contrast.startswith(f"{suite.contender} - ")), key=lambda c: c.lower, default=None
    )
    if least is None:
        return ""
    if suite.verdict == "JUSTIFIED":
        return f"a margin above {points(least.lower)} points, or a better baseline than {least.name[5:]}."
    gain = f"beats {least.name[5:]} by more than {points(suite.margin)} points"
    return f"a tuned contender that {gain} and keeps the guards."
