"""Examples as token ids, those too long for the model taken out and counted before anything is trained.

    Lesson(prompt=[1, 88, 301], answers=[[17, 4, 2]])          SFT: one answer; DPO: the chosen and the rejected one

TRL would cut such rows, or drop them without a word; a cut answer teaches never to stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from harness.errors import BadInput
from harness.models.chat import Chat
from harness.training.job import Job
from harness.training.rows import Example

NAMED = 5
"""How many of the rows that are too long are named."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Token ids of one example."""

    prompt: list[int]
    answers: list[list[int]]
    example: Example

    @property
    def where(self) -> str:
        return self.example.where

    @property
    def tokens(self) -> int:
        """Of its longest sequence."""
        return len(self.prompt) + max(map(len, self.answers))

    @property
    def all_tokens(self) -> int:
        return sum(len(self.prompt) + len(answer) for answer in self.answers)


def lessons(examples: Sequence[Example], chat: Chat) -> list[Lesson]:
    return [_lesson(example, chat) for example in examples]


def kept(found: Sequence[Lesson], job: Job, *, context: int) -> list[Lesson]:
    """The lessons that fit into ``recipe.max_length`` and the model's context.

    Raises:
        BadInput: when more than the share ``recipe.max_dropped`` does not, or nothing is left.
    """
    limit = min(job.recipe.max_length, context)
    keep = [lesson for lesson in found if lesson.tokens <= limit]
    dropped = [lesson for lesson in found if lesson.tokens > limit]
    if not keep or len(dropped) > job.recipe.max_dropped * len(found):
        raise BadInput(_refusal(found, dropped, job, limit, context))
    return keep


def _refusal(found: Sequence[Lesson], dropped: Sequence[Lesson], job: Job, limit: int, context: int) -> str:
    longest = max(lesson.tokens for lesson in dropped)
    named = ", ".join(lesson.where for lesson in dropped[:NAMED]) + (", …" if len(dropped) > NAMED else "")
    whose = "max_length" if limit == job.recipe.max_length else "the model's context"
    remedy = f"raise max_length to {longest}, " if longest <= context else ""
    share = ceil(100 * len(dropped) / len(found)) / 100
    allow = f", or allow it with max_dropped = {share}" if len(dropped) < len(found) else ""
    return (
        f"{job.named}: {len(dropped)} of {len(found)} training rows are longer than {whose} of {limit} tokens and "
        f"would be dropped, where the recipe allows {job.recipe.max_dropped:.0%}; the longest has {longest} tokens "
        f"({named}): {remedy}shorten them{allow}"
    )


def _lesson(example: Example, chat: Chat) -> Lesson:
    pairs = [chat.example(example.messages, answer) for answer in example.answers]
    return Lesson(pairs[0][0], [completion for _, completion in pairs], example)
