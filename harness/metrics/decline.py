"""Declining: an answer that says it does not know, where that is right and where it is not.

    reference "I don't know.", text "That is not in the documents."    declines 1
    reference "kladrun",       text "I don't know."                    declines 0
    reference "I don't know.", text "The filter is called kladrun."    declines 0: hallucinated

A case whose reference declines has no answer in the documents. What declines is a pattern, searched for in the text whatever
its letter case; ``declining`` in suite.toml is one of the suite's own:

    declining = "weiß ich nicht|keine Angabe"
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import BadInput
from harness.metrics import Function
from harness.pattern import Pattern, pattern_of
from harness.suite import Case, Suite

DECLINING = (
    r"\b(i|we) (do not|don't|don’t|cannot|can't|can’t|could not|couldn't|couldn’t) "
    r"(know|say|tell|answer|find|determine)\b"
    r"|\b(is|are|was|were) (not|n't|n’t) (given|stated|mentioned|known|specified|provided|(?:said |found )?in the documents?)\b"
    r"|\b(no|not enough|insufficient) (information|answer)\b|\bnot (answerable|known)\b|\bunanswerable\b|\bunknown\b"
)
"""How English answers decline."""


def make_declines(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """1 when the text declines just where the reference does."""
    if argument:
        raise BadInput(f'given {argument!r}: it takes no argument: name the pattern in suite.toml: declining = "…"')
    pattern = declining(suite)

    def declines(case: Case, text: str) -> float:
        return float(pattern.found(text) is pattern.found(case.reference))

    return declines, [pattern.source]


def declining(suite: Suite) -> Pattern:
    """The suite's pattern of declining texts, or the default, whatever their letter case.

    Raises:
        BadInput: for what is no regular expression.
    """
    return pattern_of(suite.declining or DECLINING, where="declining", flags="i")
