"""Metrics on plain text: equality, labels, patterns, numbers.

exact_match   "Paris " is "Paris"; "paris" is not
contains      "It is Paris, of course." holds "paris"; "Parisian" does not
accuracy      "BILLING\\n" is "billing": labels, whatever their case
regex         the reference is a pattern, searched for in the text; anchor it with ^ and $ for the whole text
numeric       "1,200.0" is "1200"; ``numeric:0.5`` allows 0.5 to either side, ``numeric:1%`` 1 % of the reference
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from harness.errors import BadInput
from harness.metrics import Function
from harness.metrics.number import read_number, read_tolerance
from harness.pattern import Pattern, pattern_of
from harness.suite import Case, Suite


def exact_match(case: Case, text: str) -> float:
    """1 when the text is the reference, white space around either aside."""
    return float(text.strip() == case.reference.strip())


def contains(case: Case, text: str) -> float:
    """1 when the reference stands in the text as words of its own, letter case and white space aside; an empty one only in
    an empty text.
    """
    wanted, given = (" ".join(side.casefold().split()) for side in (case.reference, text))
    if not wanted:
        return float(not given)
    return float(re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", given) is not None)


def accuracy(case: Case, text: str) -> float:
    """1 when the text is the reference's label, letter case and white space around it aside."""
    return float(text.strip().casefold() == case.reference.strip().casefold())


def regex(case: Case, text: str) -> float:
    """1 when the reference, a regular expression, is found in the text."""
    return float(_pattern(case.reference).found(text))


def make_numeric(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """1 when the whole text is one number, near enough to the reference (``argument``: ``0.5``, ``1%`` or nothing)."""
    tolerance = read_tolerance(argument)

    def numeric(case: Case, text: str) -> float:
        wanted, given = read_number(case.reference), read_number(text)
        if wanted is None:
            raise BadInput(f"reference: given {case.reference[:60]!r}: this metric needs a number, such as '1200.5'")
        return float(given is not None and tolerance.near(given, wanted))

    return numeric, ()


@lru_cache(maxsize=1 << 14)
def _pattern(reference: str) -> Pattern:
    return pattern_of(reference, where="reference")
