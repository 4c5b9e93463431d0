"""Which trials go into one batch though they are for several adapters: PEFT puts each row through its own.

for adapters, group in together(written, at_once=AT_ONCE, mixable=is_plain_lora):
    …                    # ('5f0c…', '77ab…', None), [Encoded(…), …]: None is the base as it is

It reads the base's weights once for all of them, which pays where each has few trials. Only plain LoRA matrices can be mixed;
DoRA, IA3 and whole models are answered one after the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from harness.models.batch import Encoded, order

AT_ONCE = 8
"""Adapters that are on a base at once: of rank 16, they take about a twentieth of the memory of a base in 16 bits."""
BASE = "__base__"
"""PEFT's name for a row that goes through no adapter."""
ONE_BY_ONE = ("use_dora", "use_qalora", "alora_invocation_tokens", "modules_to_save", "trainable_token_indices")
"""Keys of a LoRA's config that make it more than two matrices a layer."""

Group = tuple[tuple[str | None, ...], list[Encoded]]


def together(written: Sequence[Encoded], *, at_once: int, mixable: Callable[[str], bool]) -> Iterator[Group]:
    """Adapters that are on the base at once, and their trials in the order of batches; at most ``at_once`` adapters."""
    by: dict[str | None, list[Encoded]] = {
        adapter: list(group) for adapter, group in groupby(sorted(written, key=order), lambda item: item.trial.adapter)
    }
    mixed = [adapter for adapter in by if at_once > 1 and (adapter is None or mixable(adapter))]
    for start in range(0, len(mixed), at_once):
        some = tuple(mixed[start : start + at_once])
        yield some, sorted((item for adapter in some for item in by[adapter]), key=lambda item: order(item)[1:])
    yield from (((adapter,), group) for adapter, group in by.items() if adapter not in mixed)


def is_plain_lora(folder: Path) -> bool:
    """Whether an adapter is low-rank matrices alone; the record of what cannot be read is read when it is put on."""
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return config.get("peft_type") == "LORA" and not any(config.get(key) for key in ONE_BY_ONE)


def names(batch: Sequence[Encoded]) -> list[str]:
    """The adapter of every row, as PEFT calls it."""
    return [item.trial.adapter or BASE for item in batch]
