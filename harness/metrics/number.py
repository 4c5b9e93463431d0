"""Numbers in texts, and when two of them are near enough.

>>> read_tolerance("1%").near(101, 100), read_tolerance("0.5").near(101, 100)
(True, False)
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from harness.errors import BadInput

# Without a tolerance, numbers that differ by rounding in their last places are equal.
ROUNDING = 1e-9

_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may be from the one wanted: by so much, or by such a share of it, whichever is more."""

    absolute: float
    relative: float

    def near(self, given: float, wanted: float) -> bool:
        try:
            return math.isclose(given, wanted, abs_tol=max(self.absolute, self.relative * abs(wanted)), rel_tol=0)
        except OverflowError:  # a whole number beyond a double
            return given == wanted


def read_tolerance(argument: str) -> Tolerance:
    """``0.5`` allows so much to either side, ``1%`` such a share of the number wanted, nothing the rounding of the last places.

    Raises:
        BadInput: for anything else.
    """
    if not argument:
        return Tolerance(0.0, ROUNDING)
    value = read_number(argument.removesuffix("%"))
    if value is None or value < 0:
        raise BadInput(f"given the tolerance {argument!r}: write a number such as 0.01, or a percentage such as 1%")
    return Tolerance(0.0, value / 100) if argument.endswith("%") else Tolerance(value, ROUNDING)


def read_number(text: str) -> float | None:
    """The one number that a text is, ``1,200.5`` too; None for any other text."""
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    try:
        value = float(stripped.replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
