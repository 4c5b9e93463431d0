"""Numbers as a reader needs them: scores in points (0 to 100), and no digit that the interval does not support.

>>> gain(Span(0.0834, 0.0512, 0.1147))
'+8.3 (5.1 to 11.5)'
"""

from __future__ import annotations

from math import isfinite

from harness.report.gathered import Beside, Span

MINUS = "−"
WIDE = 0.095
"""Half an interval from here on is ten points or more: a tenth of a point says nothing then."""
NO_INTERVAL = "no interval"


def decimals(span: Span) -> int:
    """Digits after the point that half the interval's width supports, two of its own digits counted."""
    return 0 if not span.known or (span.upper - span.lower) / 2 >= WIDE else 1


def points(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """``83.4``, or with a sign ``+8.3``; never a negative zero."""
    if not isfinite(value):
        return f"{MINUS if value < 0 else ''}∞"
    text = f"{100 * value:.{digits}f}"
    if float(text) == 0:
        return text.removeprefix("-")
    return ("+" if sign and value > 0 else "") + text.replace("-", MINUS)


def ends(span: Span) -> str:
    """``5.1 to 11.5``."""
    if not span.known:
        return NO_INTERVAL
    digits = decimals(span)
    return f"{points(span.lower, digits)} to {points(span.upper, digits)}"


def score(span: Span) -> str:
    """A mean: ``83.4 (80.1 to 86.2)``."""
    return f"{points(span.estimate, decimals(span))} ({ends(span)})"


def gain(span: Span) -> str:
    """A difference: ``+8.3 (5.1 to 11.5)``."""
    return f"{points(span.estimate, decimals(span), sign=True)} ({ends(span)})"


def amount(span: Span) -> str:
    """A mean in a unit of its own, three digits: ``0.214 (0.198 to 0.23)``, ``1,240 (1,190 to 1,290)``."""
    said = f"{_three(span.lower)} to {_three(span.upper)}" if span.known else NO_INTERVAL
    return f"{_three(span.estimate)} ({said})"


def _three(value: float) -> str:
    return f"{value:,.0f}" if 100 <= abs(value) < 1e6 else f"{value:.3g}".replace("-", MINUS)


def beside(one: Beside, contender: str) -> str:
    """What a contender has of it; a dash where it has none."""
    span = one.spans.get(contender)
    if span is None:
        return "–"
    return amount(span) if one.kind == "amount" else score(span)


def count(value: float | None) -> str:
    """``1,240``; a dash where nothing was measured."""
    if value is None:
        return "–"
    return f"{value:,.1f}" if value < 10 and value != round(value) else f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """``4.2 s``, ``3 min 20 s``, ``1 h 05 min``."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def money(usd: float | None) -> str:
    """``$0.42``; small sums with two significant digits."""
    if usd is None:
        return "–"
    if usd == 0:
        return "$0"
    if abs(usd) >= 0.1:
        return (
            f"{MINUS if usd < 0 else ''}${abs(usd):,.2f}"
            if abs(usd) < 1000
            else f"{MINUS if usd < 0 else ''}${abs(usd):,.0f}"
        )
    digits = f"{abs(usd):.2g}"
    return f"{MINUS if usd < 0 else ''}${float(digits):.8f}".rstrip("0").rstrip(".")
