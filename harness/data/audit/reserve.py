"""A random sample of rows for somebody to read, in the form of feedback, so that what they say becomes signals.

    {"id": "train.jsonl:12", "input": "My pump leaks.", "output": "It is late.", "correction": null, "rating": null, "person": ""}

Filled in, ``harness data signals`` reads it. Every row has the same chance (Vitter 1985, algorithm R), by a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from harness.data.audit.entry import Entry
from harness.data.audit.private import masked

SIZE = 50
"""Rows: a domain expert reads 50 to 100 of them."""


class Reserve:
    """The rows that were drawn."""

    def __init__(self, seed: int, size: int = SIZE) -> None:
        self._draw, self._size = random.Random(seed), size
        self._met = 0
        self._rows: list[Entry] = []

    def add(self, entry: Entry) -> None:
        self._met += 1
        if len(self._rows) < self._size:
            self._rows.append(entry)
        elif (place := self._draw.randrange(self._met)) < self._size:
            self._rows[place] = entry

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(where, line to be filled in); of a preference the chosen answer is the output."""
        for entry in self._rows:
            asked, answer = masked(entry.asked), masked(entry.answer)
            line: dict[str, Any] = {"id": entry.where, "input": asked, "output": answer}
            if entry.rejected is not None:
                line["rejected"] = masked(entry.rejected)
            if (asked, answer) != (entry.asked, entry.answer):
                line["masked"] = True
            yield entry.where, {**line, "correction": None, "rating": None, "person": ""}
