"""Trials as token ids, and how they are put into batches.

sorted(encoded, key=order)      rows that begin alike and are of one length stand together
pack(encoded, 8192)             batches of at most so many tokens
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.trial import PASSAGE, Trial


@dataclass(frozen=True, slots=True)
class Encoded:
    """A trial and its prompt's token ids; those of its reference, where it is asked how likely that is."""

    trial: Trial
    ids: list[int]
    reference: Sequence[int] = ()

    @property
    def answer(self) -> int:
        """The most tokens that its answer has, written or read."""
        written = not self.trial.choices and not self.read
        return max(self.trial.max_new_tokens if written else 1, len(self.reference))

    @property
    def read(self) -> bool:
        """Whether nothing is answered: a passage, of which the likelihood is told."""
        return self.trial.choice_by == PASSAGE

    @property
    def tokens(self) -> int:
        """What it takes of a batch: the prompt and the longest answer."""
        return len(self.ids) + self.answer


def pack(encoded: Sequence[Encoded], budget: int) -> Iterator[list[Encoded]]:
    """Batches of at most ``budget`` tokens, padding counted; a single row may have more."""
    batch: list[Encoded] = []
    widest = 0
    for item in encoded:
        widest = max(widest, item.tokens)
        if batch and widest * (len(batch) + 1) > budget:
            yield batch
            batch, widest = [], item.tokens
        batch.append(item)
    if batch:
        yield batch


def order(item: Encoded) -> tuple[str, str, str, int]:
    """By adapter; then by contender, whose prompts begin alike and are read once for a batch; then by length."""
    trial = item.trial
    return (trial.adapter or "", trial.suite, trial.contender, len(item.ids))
