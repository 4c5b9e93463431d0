"""Constrained decoding: an answer that a JSON schema allows, and no other, on a local model.

    guides = Guides(tokenizer, vocabulary=1024, stops={2})
    guide = guides.of('{"type": "object", ...}')
    guide.mask(logits)      # -inf where the schema forbids the token
    guide.take(token)       # after every token that was chosen

llguidance does the work. Keys and values are separated by ``": "`` and ``", "``, as ``json.dumps`` writes them: with
white space left free, a small model may write nothing else.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

import numpy as np
import torch

from harness.errors import BadInput, need

SPACING: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class Guides:
    """Grammars for one tokenizer, each compiled once.

    Args:
        tokenizer: A fast tokenizer of ``transformers``.
        vocabulary: How many logits the model gives, which may be more than the tokenizer has tokens.
        stops: Token ids that end an answer.

    Raises:
        MissingExtra: without llguidance.
        BadInput: when the tokenizer is not a fast one.
    """

    def __init__(self, tokenizer: Any, *, vocabulary: int, stops: Collection[int]) -> None:
        need("llguidance", extra="train")
        from llguidance.hf import from_tokenizer

        if not getattr(tokenizer, "is_fast", False):
            raise BadInput(
                f"{type(tokenizer).__name__} is a slow tokenizer: constrained decoding needs a fast one "
                "(tokenizer.json); remove the constrained baseline or convert the tokenizer"
            )
        self._tokenizer = from_tokenizer(tokenizer, n_vocab=vocabulary, eos_token=sorted(stops))
        self._compiled = cache(self._compile)

    def of(self, schema: str) -> Guide:
        """A guide at the beginning of an answer.

        Raises:
            BadInput: for a schema that llguidance cannot enforce.
        """
        return Guide(self._compiled(schema).deep_copy())

    def _compile(self, schema: str) -> Any:
        from llguidance import LLMatcher

        matcher = LLMatcher(self._tokenizer, LLMatcher.grammar_from_json_schema(schema, overrides=SPACING), log_level=0)
        if matcher.is_error():
            raise BadInput(f"the schema cannot be enforced while decoding: {matcher.get_error().splitlines()[0]}")
        return matcher


class Guide:
    """Where one answer stands in its grammar."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def mask(self, logits: torch.Tensor) -> None:
        """Set the logits [vocabulary] of forbidden tokens to -inf, in place."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(bits, count=logits.shape[-1], bitorder="little").astype(bool)
        logits.masked_fill_(torch.from_numpy(~allowed).to(logits.device), float("-inf"))

    def take(self, token: int) -> None:
        """Go on after a token that the mask allowed."""
        self._matcher.consume_token(token)
