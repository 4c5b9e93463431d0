"""Small cells of tuned contenders that are answered together, so that one batch holds rows for several adapters.

for bundle in bundles(cells, ready=lambda adapter: …, workers=2):
    …                        # [Cell, Cell, …]: one piece of work

What it wins is in benchmarks/RESULTS.md. A large cell fills its batches by itself, and one whose adapter is still to be trained waits
for that training alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from math import ceil

from harness.matrix import Cell
from harness.models.mix import AT_ONCE

SMALL = 64
"""Questions. A cell of more than so many fills batches by itself."""


def bundles(cells: Sequence[Cell], *, ready: Callable[[str], bool], workers: int) -> list[list[Cell]]:
    """All of ``cells``, one base model's, in their order: small ones of different adapters together, no fewer bundles than workers."""
    small = [cell for cell in cells if _small(cell) and cell.adapter is not None and ready(cell.adapter)]
    small.sort(key=lambda cell: (cell.adapter or "", cell.suite.name))
    worn = [list(some) for _, some in groupby(small, key=lambda cell: cell.adapter)]
    size = max(1, min(AT_ONCE, ceil(len(worn) / workers)))
    together = [[cell for some in worn[start : start + size] for cell in some] for start in range(0, len(worn), size)]
    bundled = {id(cell) for cell in small}
    return [[cell] for cell in cells if id(cell) not in bundled] + together


def _small(cell: Cell) -> bool:
    return cell.suite.written and cell.size <= SMALL
