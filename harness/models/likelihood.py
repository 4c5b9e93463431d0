"""How likely a model finds given answers: one forward pass for a batch, no sampling.

    log P(answer | prompt) = Σ_i log p(token_i | prompt, token_1 … token_i-1)        natural logarithm, summed in double precision

``transformers`` gives the same numbers one row at a time; here rows of several lengths are padded on the left, so that all answers
end in the last column and only their logits are computed: a vocabulary of 150,000 words at every place of a batch of 8,192 tokens
would take 5 GB.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from harness.models.base import bare

LOGITS = 1 << 27
"""Logits that may be in memory at once, of all rows: 0.5 GiB in float32."""


def log_likelihoods(
    model: Any,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    *,
    pad: int,
    adapters: Sequence[str] = (),
) -> list[float]:
    """The logarithm of each answer's probability after its prompt.

    Args:
        model: A causal model of ``transformers`` or PEFT, in eval mode.
        prompts: Token ids, at least one a row.
        answers: Token ids, at least one a row.
        pad: Any id; what it fills is masked.
        adapters: Which adapter each row is for, as in ``decode``; none at all for the one that is on.
    """
    vocabulary = bare(model).config.get_text_config().vocab_size
    width = max(map(len, answers)) + 1
    rows = max(1, LOGITS // (width * vocabulary))
    with torch.inference_mode():
        return [
            value
            for start in range(0, len(prompts), rows)
            for value in _batch(
                model,
                prompts[start : start + rows],
                answers[start : start + rows],
                pad,
                adapters[start : start + rows],
            )
        ]


def _batch(
    model: Any,
    prompts: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
    pad: int,
    adapters: Sequence[str],
) -> Iterator[float]:
    whole = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    widest, longest = max(map(len, whole)), max(map(len, answers))
    ids = torch.tensor([[pad] * (widest - len(row)) + row for row in whole], device=model.device)
    mask = torch.tensor([[0] * (widest - len(row)) + [1] * len(row) for row in whole], device=model.device)
    accepted = inspect.signature(bare(model).forward).parameters
    extra: dict[str, Any] = {"logits_to_keep": longest + 1} if "logits_to_keep" in accepted else {}
    if "position_ids" in accepted:
        extra["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    if adapters:
        extra["adapter_names"] = list(adapters)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False, **extra).logits
    # the logits of a place tell the token after it: those before the last one tell the answer
    told = logits[:, -longest - 1 : -1].float()
    chosen = told.gather(-1, ids[:, -longest:, None])[..., 0] - told.logsumexp(-1)
    for row, answer in zip(chosen.double(), answers, strict=True):
        yield float(row[-len(answer) :].sum())
