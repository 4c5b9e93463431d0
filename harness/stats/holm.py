"""Holm's step-down over claims that are bounds, not p-values.

    >>> p = {"a": 0.01, "b": 0.03, "c": 0.2}
    >>> holm(p, lambda name, alpha: p[name] <= alpha, 0.05)
    ['a']

Holm 1979: at level alpha / (number still open) reject the best, go on until none passes. Asking "does this claim hold
at that level" gives the same set as sorting p-values, and serves bounds that no p-value comes with. Simultaneous
passes at one level are all rejected: they would pass at the later, larger levels too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def holm(items: Iterable[Item], holds: Callable[[Item, float], bool], alpha: float) -> list[Item]:
    """Those items whose claim holds with family-wise error ``alpha``, in the order given.

    ``holds(item, level)`` must be monotone: true at a level means true at every larger one.
    """
    given = list(items)
    still = list(given)
    while still:
        level = alpha / len(still)
        left = [item for item in still if not holds(item, level)]
        if len(left) == len(still):
            break
        still = left
    return [item for item in given if item not in still]
