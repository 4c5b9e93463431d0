"""What the questions of a file share: the instruction before each of them, the template around a slot.

    frame = Frame(seed=1)
    for text in texts: frame.add(text)
    frame.own(runs(text))                        # the runs of a text that are not the template's

A thousand rows that all begin with the same hundred words are no near duplicates of each other, so runs that stand in more than one
row of twenty do not count: they are told from 2,000 rows, drawn at random. A row that has hardly anything else (a long instruction, then a name) is told from others by a word or a number, and
whether that makes it another question no comparison of texts can say: it has no near copies, and is counted.
"""

from __future__ import annotations

import random
from functools import cached_property

import numpy as np

from harness.data.audit.runs import LEAST, Hashes, runs
from harness.data.words import plain

DRAWN = 2000
SHARED = 0.05
"""Of rows: a run that so many share is the template's; the share of a drawn 2,000 is off by 0.005 (one standard error)."""
FEW = 100
"""Rows under which one in twenty is no template."""


class Frame:
    """Questions of one file, as they are read; ``bare`` is how many had hardly anything of their own."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._met = self.bare = 0
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        self._met += 1
        if len(self._texts) < DRAWN:
            self._texts.append(text)
        elif (place := self._draw.randrange(self._met)) < DRAWN:
            self._texts[place] = text

    @cached_property
    def shared(self) -> Hashes:
        """The runs of the template, sorted. Nothing is added after that."""
        texts, self._texts = self._texts, []
        if len(texts) < FEW:
            return np.empty(0, dtype=np.uint32)
        found, counts = np.unique(np.concatenate([runs(plain(text)) for text in texts]), return_counts=True)
        return found[counts > SHARED * len(texts)]

    def own(self, found: Hashes) -> Hashes:
        """Those of a text's runs that are its own."""
        own = np.setdiff1d(found, self.shared, assume_unique=True)
        self.bare += len(own) < LEAST <= len(found)
        return own
