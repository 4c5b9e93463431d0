"""Rows as a base model is trained on them: how many tokens they have, which are too long, and what goes wrong with the template.

    rendered = Rendered(chat, Room("sft", 1024, 0.0), context=2048, rows=300)
    for example in examples: rendered.add(example)
    rendered.findings()

Rendered by the same code that trains (``harness.models.chat``). Every row that may be too long is counted; a row of ASCII has at most
a token a character, so that a short one need not be, and lengths and templates are told from a sample of 2,000.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.data.audit.entry import halved
from harness.data.audit.finding import Finding, First, Level, Line, plain_share
from harness.models.chat import Chat
from harness.plural import plural
from harness.training.rows import Example

SAMPLE = 2000
"""Rows of which all is looked at; half a millisecond each. The 99th percentile of 2,000 lies between the true 98.5th and 99.4th (95 %)."""
FRAME, TURN = 64, 32
"""Tokens that a template may write around a conversation and around each turn: far more than those of known templates."""

FOREIGN = "with the template's own tokens in its text, where they are trained as text: it was rendered before"


@dataclass(frozen=True, slots=True)
class Room:
    """What a recipe has room for: ``length`` tokens, and the share of rows that may be dropped (``max_dropped``). ``recipe`` says whose."""

    recipe: str
    length: int
    dropped: float


class Rendered:
    """Rows of one file in the tokens of one model; ``rows`` is how many will come."""

    def __init__(self, chat: Chat, room: Room, *, model: str, context: int, rows: int, seed: int = 1) -> None:
        self._chat, self._room, self._model, self._context = chat, room, model, context
        self.limit = min(room.length, context)
        self._chosen = set(random.Random(seed).sample(range(rows), min(rows, SAMPLE)))
        self._rows = 0
        self._tokens = array("q")
        self._cut, self._gone = First[str](), First[str]()
        self._trouble: dict[str, First[str]] = {}

    def add(self, example: Example) -> None:
        chosen = self._rows in self._chosen
        self._rows += 1
        if any(map(halved, (*(message["content"] for message in example.messages), *example.answers))):
            return  # another finding says so
        self._foreign(example)
        if not chosen and self._surely_short(example):
            return
        sides = [self._chat.example(example.messages, answer) for answer in example.answers]
        prompt, answers = sides[0][0], [answer for _, answer in sides]
        tokens = len(prompt) + max(map(len, answers))
        if tokens > self.limit:
            (self._gone if len(prompt) >= self.limit else self._cut).add(f"{example.where}: {tokens:,} tokens")
        if chosen:
            self._tokens.append(tokens)
            self._look(example.where, prompt, answers)

    def _surely_short(self, example: Example) -> bool:
        texts = [*(message["content"] for message in example.messages), max(example.answers, key=len)]
        most = FRAME + TURN * len(texts) + sum(map(len, texts))
        return most <= self.limit and all(map(str.isascii, (*texts, *example.answers)))

    def _foreign(self, example: Example) -> None:
        texts = (*(message["content"] for message in example.messages), *example.answers)
        if any(token in text for text in texts for token in self._chat.special):
            self._note(FOREIGN, example.where)

    def _look(self, where: str, prompt: Sequence[int], answers: Sequence[Sequence[int]]) -> None:
        first = self._chat.tokenizer.bos_token_id
        if first is not None and list(prompt[:2]) == [first, first]:
            self._note("that begins with the first token (BOS) twice", where)
        for answer in answers:
            if not answer or answer[-1] not in self._chat.stops:
                self._note(
                    "without a stop token at the end of what is learnt: the model is never taught to stop", where
                )
            if any(token in self._chat.stops for token in answer[:-1]):
                self._note("with a stop token before its end: the model is taught to stop there", where)

    def _looked(self, said: str) -> int:
        return self._rows if said == FOREIGN else len(self._tokens)

    def _note(self, said: str, where: str) -> None:
        self._trouble.setdefault(said, First()).add(where)

    def findings(self) -> Iterator[Finding]:
        yield from self._too_long()
        yield from self._lengths()
        for said, first in self._trouble.items():
            whole = f"{first.count:,} of {plural(self._looked(said), 'row')}: a row {said}"
            yield Finding("warn" if said == FOREIGN else "fail", "template", whole, None, first.kept)
        yield from self._template()

    def _too_long(self) -> Iterator[Finding]:
        cut, gone = self._cut.count, self._gone.count
        long = cut + gone
        if not long:
            return
        room = self._room
        whose = f"max_length ({room.recipe})" if self.limit == room.length else f"the context of {self._model}"
        told = (
            f"{plain_share(long, self._rows)} longer than the {self.limit:,} tokens of {whose}: TRL by itself would cut {cut:,} before "
            f"their stop token and drop {gone:,} whole; harness run drops them, and refuses to above max_dropped"
        )
        level: Level = "fail" if long > room.dropped * self._rows else "warn"
        line = Line("max_dropped", room.dropped, room.recipe)
        yield Finding(level, "too long", told, line, (*self._gone.kept, *self._cut.kept)[:5])

    def _lengths(self) -> Iterator[Finding]:
        if self._tokens:
            middle, most = (int(np.percentile(self._tokens, part)) for part in (50, 99))
            of = "" if len(self._tokens) == self._rows else f", of {len(self._tokens):,} drawn"
            told = f"{middle:,} (99% within {most:,}{of}) of {self._model}'s context of {self._context:,}"
            yield Finding("note", "tokens", told)

    def _template(self) -> Iterator[Finding]:
        chat = self._chat
        if not chat.templated:
            yield Finding("note", "template", f"{self._model} has none: rows are trained as 'User: … Assistant: …'")
        elif not chat.ends:
            told = "the template writes no stop token after an answer: training adds one; other trainers may not"
            yield Finding("warn", "template", told)
