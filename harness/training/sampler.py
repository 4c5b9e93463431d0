"""Samplers of TRL that draw the same in a training that was taken up as in one that was left alone."""

from __future__ import annotations

from typing import Any


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
