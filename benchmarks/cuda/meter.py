"""Real tokens a second of any trainer of ``transformers``, ours or a plain script's, counted in the same place.

    with Meter(warm=4) as meter:
        trainer.train()
    meter.figures()          # {"tokens_per_second": …, "tokens": …, "seconds": …, "peak_gib": …, "losses": […]}

What is padded does not count. Time runs from the end of the last warm step to the end of the last step, optimiser and data
loading included.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Self

GIB = 2**30


@dataclass
class Meter:
    """Wraps ``Trainer.training_step`` while it is entered; ``warm`` updates are not counted. ``places`` are tokens with what is padded."""

    warm: int
    accumulate: int = 1
    ends: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        import torch
        from transformers import Trainer

        self._before = before = Trainer.training_step
        meter = self

        def step(trainer: Any, model: Any, inputs: dict[str, Any], *given: Any, **more: Any) -> Any:
            meter.tokens.append(_real(inputs))
            meter.places.append(inputs["input_ids"].numel())
            loss = before(trainer, model, inputs, *given, **more)
            meter.losses.append(float(loss.detach()) if hasattr(loss, "detach") else float(loss))
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            meter.ends.append(time.perf_counter())
            return loss

        Trainer.training_step = step
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        return self

    def __exit__(self, *_: object) -> None:
        from transformers import Trainer

        Trainer.training_step = self._before  # type: ignore[method-assign]

    def figures(self) -> dict[str, Any]:
        import torch

        first = self.warm * self.accumulate
        counted, seconds = self.tokens[first:], self.ends[-1] - self.ends[first - 1]
        quarter = max(len(self.losses) // 4, 1)
        return {
            "tokens_per_second": round(sum(counted) / seconds, 1),
            "tokens": sum(counted),
            "seconds": round(seconds, 3),
            "batches": len(counted),
            "peak_gib": round(torch.cuda.max_memory_allocated() / GIB, 2) if torch.cuda.is_available() else None,
            "loss_first": round(self.losses[0], 4),
            "loss_last_quarter": round(sum(self.losses[-quarter:]) / quarter, 4),
        }


def _real(inputs: dict[str, Any]) -> int:
    """Tokens of a batch that are no padding: by its mask, or all of a packed one."""
    mask = inputs.get("attention_mask")
    if mask is not None:
        return int(mask.sum())
    return int(inputs["input_ids"].numel())
