"""What served models may cost in one run, and what they have cost.

    >>> price = Price(2.5e-6, 15e-6, "litellm 1.109.1, 2026-11-22")
    >>> price.usd(1_000, 100)
    0.004
    >>> account = Account(limit=0.005)
    >>> account.hold(0.004), account.hold(0.004)
    (True, False)
    >>> account.settle(0.004, 0.001)        # the answer was shorter than it might have been
    >>> account.hold(0.004)
    True

A request is held at its upper bound before it is sent, and settled at what the vendor counted. Where nobody knows (a cut
connection, a reply that cannot be read, no count of tokens), the upper bound was spent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from harness.trial import Generation, Message, Output, Trial

BATCHED = 0.5
"""What a token costs in a batch, as a share of its list price: both vendors give half off, and take up to 24 hours for it
(developers.openai.com/api/docs/guides/batch, platform.claude.com/docs/en/build-with-claude/batch-processing; 2026-11)."""
BYTES_A_TOKEN, FRAME = 4, 4
"""An English token has about 4 characters, any token at least one byte; a message's frame costs about 4 tokens."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD for one prompt token and one output token, and where that stands."""

    input: float
    output: float
    source: str = ""

    def usd(self, prompt_tokens: float, output_tokens: float) -> float:
        return prompt_tokens * self.input + output_tokens * self.output

    def of(self, answer: Generation | Output) -> float | None:
        """USD of what came back; None where its tokens were not counted."""
        if answer.prompt_tokens is None or answer.output_tokens is None:
            return None
        return self.usd(answer.prompt_tokens, answer.output_tokens)

    def most(self, trial: Trial) -> float:
        """USD that an answer may cost at most: every byte of the prompt a token, and all tokens that it may write."""
        asked = sum(FRAME + _bytes(message["content"]) for message in trial.messages)
        return self.usd(asked + _bytes(trial.schema or ""), trial.max_new_tokens)

    def batched(self) -> Price:
        """The same in a batch."""
        return replace(self, input=self.input * BATCHED, output=self.output * BATCHED, source=f"{self.source}, batched")


def tokens(messages: Sequence[Message]) -> int:
    """Tokens of a prompt, estimated at four bytes each."""
    return sum(FRAME + -(-_bytes(message["content"]) // BYTES_A_TOKEN) for message in messages)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


@dataclass(slots=True)
class Account:
    """USD of one run: ``spent``, ``held`` for what is under way, and their ``limit``."""

    limit: float = inf
    spent: float = 0.0
    held: float = 0.0

    def hold(self, usd: float) -> bool:
        """Whether there is that much left; it is then kept aside."""
        if self.spent + self.held + usd > self.limit:
            return False
        self.held += usd
        return True

    def settle(self, held: float, usd: float) -> None:
        """What was kept aside cost this much in the end."""
        self.held = max(0.0, self.held - held)
        self.spent += usd


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a served model is asked: its price, where it is known, the account of the run, and who is told of a server
    that fails.
    """

    price: Price | None = None
    account: Account = field(default_factory=Account)
    say: Callable[[str], None] = lambda line: None

    def most(self, trial: Trial) -> float:
        """USD that an answer may cost at most; 0 where no price is known."""
        return self.price.most(trial) if self.price else 0.0

    def cost(self, answer: Generation) -> float | None:
        """USD of what came back; None where no price is known, or its tokens were not counted."""
        return self.price.of(answer) if self.price else None

    def batched(self) -> Terms:
        """The same where answers are made in batches."""
        return replace(self, price=self.price.batched() if self.price else None)
