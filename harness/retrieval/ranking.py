"""From scores to an order that is the same on every machine.

>>> best(np.array([0.2, 0.9, 0.9, 0.1]), 3)
[1, 2, 0]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]

# Equal texts may differ in the last bits of a product, depending on how many queries are asked at once.
DECIMALS = 5


def best(scores: Scores, k: int) -> list[int]:
    """Positions of the ``k`` highest scores, highest first, ties in document order."""
    rounded = np.round(scores, DECIMALS)
    k = min(k, len(rounded))
    if k == 0:
        return []
    least = np.partition(rounded, len(rounded) - k)[len(rounded) - k]
    candidates = np.flatnonzero(rounded >= least)
    order = np.argsort(-rounded[candidates], kind="stable")[:k]
    return [int(position) for position in candidates[order]]
