"""Metrics on plain text: equality, labels, patterns, numbers.

exact_match   "Paris " is "Paris"; "paris" is not
contains      "It is Paris, of course." holds "paris"; "Parisian" does not
accuracy      "BILLING\\n" is "billing": labels, whatever their case
regex         the reference is a pattern, searched for in the text; anchor it with ^ and $ for the whole text
numeric       "1,200.0" is "1200"; ``numeric:0.5`` allows 0.5 to either side, ``numeric:1%`` 1 % of the reference
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import lru_cache

from harness.errors import BadInput
from harness.metrics import Function
from harness.suite import Case, Suite

# Without an argument, numbers that differ by rounding in their last places are equal.
ROUNDING = 1e-9

_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d{1,3})?", re.ASCII)


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
    return float(_pattern(case.reference).search(text) is not None)


def make_numeric(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """1 when the whole text is one number, near enough to the reference (``argument``: ``0.5``, ``1%`` or nothing)."""
    absolute, relative = _tolerance(argument)

    def numeric(case: Case, text: str) -> float:
        wanted, given = _number(case.reference), _number(text)
        if wanted is None:
            raise BadInput(f"reference: given {case.reference[:60]!r}: this metric needs a number, such as '1200.5'")
        return float(
            given is not None and math.isclose(given, wanted, abs_tol=max(absolute, relative * abs(wanted)), rel_tol=0)
        )

    return numeric, ()


def _tolerance(argument: str) -> tuple[float, float]:
    if not argument:
        return 0.0, ROUNDING
    value = _number(argument.removesuffix("%"))
    if value is None or value < 0:
        raise BadInput(f"given the tolerance {argument!r}: write a number such as 0.01, or a percentage such as 1%")
    return (0.0, value / 100) if argument.endswith("%") else (value, ROUNDING)


def _number(text: str) -> float | None:
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    try:
        value = float(stripped.replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@lru_cache(maxsize=1 << 14)
def _pattern(reference: str) -> re.Pattern[str]:
    try:
        return re.compile(reference)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadInput(f"reference: given {reference[:60]!r}: not a regular expression: {error}") from error
