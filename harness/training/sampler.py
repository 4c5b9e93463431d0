"""Samplers of TRL that draw the same in a training that was taken up as in one that was left alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

BY_LENGTH = "group_by_length"
"""What transformers calls rows of about one length together."""


def by_length(tokens: Sequence[int], arguments: Any) -> Any:
    """Rows of about one length go into an update, drawn from the seed; ``tokens`` are those of each row's longest text. The trainers
    of pairs have no such column to go by.
    """
    from transformers.trainer_pt_utils import LengthGroupedSampler

    return LengthGroupedSampler(
        arguments.train_batch_size * arguments.gradient_accumulation_steps, lengths=list(tokens)
    )


def repeated(sampler: Any) -> Any:
    """TRL's sampler of prompts that are answered several times, made to draw what an epoch draws also where the ones before it were
    drawn by another process: by itself it draws the first epoch's order again.
    """
    from trl.trainer.utils import RepeatSampler

    if not (isinstance(sampler, RepeatSampler) and sampler.shuffle):
        return sampler
    import torch

    class OfEpoch(torch.utils.data.Sampler):  # type: ignore[type-arg]
        epoch = 0

        def set_epoch(self, epoch: int) -> None:
            self.epoch = epoch

        def __iter__(self) -> Any:
            sampler.generator.manual_seed(sampler.seed)
            for _ in range(self.epoch):
                torch.randperm(sampler.num_samples, generator=sampler.generator)
            return iter(sampler)

        def __len__(self) -> int:
            return len(sampler)

    return OfEpoch()
