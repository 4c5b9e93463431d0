"""What a merged adapter loses beside the parts that it was made from, and whether it is reverted for that.

    [merge]                                                  # in a policy
    max_loss = 0.05                                          # of a part's score, the share that a merge may lose
    parts = { all = ["sft@triage", "sft@extract"] }          # an experiment knows them

A merge stands in the place of several adapters, so one task that suffers is enough: it is reverted for all of them, and is no
finalist. That is a choice among contenders and so is made on dev, by the estimate, like every other; test is left for the claims.
Where dev has no rows nothing can be chosen, and the limit becomes a claim on test that must be shown like a guard's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator

from harness.declaration import Declaration
from harness.stats import Moments
from harness.verdict.board import Board, Scores, compare

WITH_RAG = "+rag"
"""What an experiment adds to a candidate's name where the same adapter is given documents too."""


class MergePolicy(Declaration):
    """How much a merge may lose of what its parts score, and what it was made from: ``CANDIDATE@SUITE`` each."""

    max_loss: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.05
    parts: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)

    @field_validator("parts")
    @classmethod
    def _named(cls, parts: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        for some in parts.values():
            for part in some:
                if not all(part.partition("@")):
                    raise ValueError(f"given {part!r}: write every part as CANDIDATE@SUITE")
        return parts

    def made(self, recipe: str) -> tuple[str, ...]:
        """The parts of a contender, with documents or without; none where it is no merge."""
        return self.parts.get(recipe) or self.parts.get(recipe.removesuffix(WITH_RAG), ())


@dataclass(frozen=True, slots=True)
class Loss:
    """A part's score minus the merge's on one suite and split; ``level`` is the part's own mean, above zero, ``merged`` the merge's."""

    merge: str
    part: str
    suite: str
    split: Literal["dev", "test"]
    moments: Moments
    level: float
    merged: float
    max_loss: float

    @property
    def share(self) -> float:
        """What is lost of the part's score."""
        return self.moments.estimate / self.level

    @property
    def limit(self) -> float:
        """The loss no longer tolerable, in score units."""
        return self.max_loss * self.level

    @property
    def over(self) -> bool:
        """Whether it is too much; rounded, since sums in another order differ from the 15th digit on."""
        return round(self.moments.estimate - self.limit, 12) > 0

    @property
    def remedy(self) -> str:
        """What may be done where it is too much."""
        return f"retrain for {self.suite} with its rows beside those of the other parts, give {self.part} more weight, or serve the parts as they are"


def losses(boards: Iterable[Board], policy: MergePolicy) -> tuple[Loss, ...]:
    """Every merge beside every part: on the part's own suite, and on guards that both answered."""
    return tuple(
        loss
        for board in boards
        for merge, parts in policy.parts.items()
        for part in parts
        for loss in _compared(board, merge, part, policy.max_loss)
    )


def reverted(found: Iterable[Loss]) -> frozenset[str]:
    """Names of the merges that lost too much on dev."""
    return frozenset(loss.merge for loss in found if loss.split == "dev" and loss.over)


def worst(found: Iterable[Loss]) -> Loss:
    """The one that decides: a merge is reverted for that, or for nothing."""
    return max(found, key=lambda loss: (round(loss.share, 12), loss.suite, loss.part))


def _compared(board: Board, merge: str, part: str, max_loss: float) -> Iterator[Loss]:
    split: Literal["dev", "test"]
    for split, scores in (("dev", board.dev), ("test", board.test)):
        ours, theirs = _named(scores, merge, part, board.suite)
        if ours is None or theirs is None:
            continue
        moments, level = compare(board, theirs, ours), theirs.mean
        if moments is not None and level > 0:
            yield Loss(merge, part, board.suite, split, moments, level, ours.mean, max_loss)
        return


def _named(scores: Mapping[str, Scores], merge: str, part: str, suite: str) -> tuple[Scores | None, Scores | None]:
    """The merge and its part among a suite's contenders: by their own names where the part is at home, on a guard as
    ``all@triage`` and ``sft@triage``. One adapter serves all suites of a merge, so that any of them will do.
    """
    recipe, _, home = part.partition("@")
    if home == suite:
        return scores.get(merge), scores.get(recipe)
    return next((scores[name] for name in sorted(scores) if name.startswith(f"{merge}@")), None), scores.get(part)
