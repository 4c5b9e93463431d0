"""Estimates with their bounds, as text and as JSON.

>>> signed(Bounds(0.04, -0.01, 0.07))
'+0.04 (-0.01 to +0.07)'
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from harness.stats import Bounds


def plain(bounds: Bounds) -> str:
    """As ``0.71 (0.60 to 0.80)``."""
    return f"{bounds.estimate:z.2f} ({bounds.lower:z.2f} to {bounds.upper:z.2f})"


def signed(bounds: Bounds) -> str:
    """As ``+0.04 (-0.01 to +0.07)``."""
    return f"{bounds.estimate:+z.2f} ({bounds.lower:+z.2f} to {bounds.upper:+z.2f})"


def share(bounds: Bounds) -> str:
    """As ``64% (55% to 72%)``."""
    return f"{bounds.estimate:.0%} ({bounds.lower:.0%} to {bounds.upper:.0%})"


def finite(value: Any) -> Any:
    """JSON-like values in which what is not finite is None, since JSON has no word for it."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    return [finite(one) for one in value] if isinstance(value, list | tuple) else value
