"""Keys and values with room for what comes: a step writes its own in place, where ``transformers`` copies all of them into new memory.

    grown(out.past_key_values)          # after the first forward; goes on as any cache does

On 40 M weights copies were a quarter of what the profiler saw of a CPU (benchmarks/RESULTS.md); on a GPU, which a step keeps busy
with reading memory, they read and write the whole cache once more. Layers of other kinds (sliding windows, states) stay as they are.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

ROOM = 64
"""Tokens that there is room for when a layer is moved; what is not used of it is 64 tokens a row at most."""


class GrownLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's; ``keys`` and ``values`` [rows, heads, tokens, size] are the filled part of larger tensors."""

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values
        self._held: list[torch.Tensor] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new ones behind those that are there; returns all."""
        filled = self.keys.shape[-2]
        wanted = filled + key_states.shape[-2]
        if not self._in_place(wanted):
            self._held = [_moved(tensor, wanted + ROOM) for tensor in (self.keys, self.values)]
        for held, new in zip(self._held, (key_states, value_states), strict=True):
            held[..., filled:wanted, :] = new
        self.keys, self.values = (held[..., :wanted, :] for held in self._held)
        return self.keys, self.values

    def _in_place(self, wanted: int) -> bool:
        """Whether the larger tensors are still those of ``keys``, which choosing rows replaces, and have room."""
        return (
            bool(self._held)
            and self._held[0].data_ptr() == self.keys.data_ptr()
            and self._held[0].shape[0] == self.keys.shape[0]
            and self._held[0].shape[-2] >= wanted
        )


def grown(cache: Any) -> Any:
    """The cache, its plain layers with room."""
    layers = getattr(cache, "layers", [])
    for place, layer in enumerate(layers):
        if type(layer) is DynamicLayer and layer.keys is not None and layer.values is not None:
            layers[place] = GrownLayer(layer.keys, layer.values)
    return cache


def _moved(tensor: torch.Tensor, room: int) -> torch.Tensor:
    """Larger memory with the tensor at its beginning."""
    rows, heads, filled, size = tensor.shape
    held = tensor.new_empty(rows, heads, room, size)
    held[..., :filled, :] = tensor
    return held
