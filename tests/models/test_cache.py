"""Keys and values with room: what they say is what the cache of transformers says, and a step copies nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from transformers.cache_utils import DynamicCache

from harness.models.cache import ROOM, GrownLayer, grown
from tests.models.tiny_models import build_tiny

ROWS, HEADS, SIZE = 3, 2, 4


def both(tokens: int) -> tuple[Any, Any]:
    """Two caches with the same in them, the first of them grown."""
    ours, theirs = DynamicCache(), DynamicCache()
    for layer in range(2):
        keys, values = torch.randn(2, ROWS, HEADS, tokens, SIZE)
        for cache in (ours, theirs):
            cache.update(keys, values, layer)
    return grown(ours), theirs


def step(ours: Any, theirs: Any, tokens: int = 1) -> None:
    """The same new tokens for both; both say the same afterwards."""
    rows = theirs.layers[0].keys.shape[0]
    for layer in range(2):
        keys, values = torch.randn(2, rows, HEADS, tokens, SIZE)
        for one, other in zip(ours.update(keys, values, layer), theirs.update(keys, values, layer), strict=True):
            assert torch.equal(one, other)
    assert ours.get_seq_length() == theirs.get_seq_length()


def test_says_what_a_cache_of_transformers_says() -> None:
    """Tokens one by one beyond its room and several at once, with rows chosen and repeated between."""
    ours, theirs = both(5)
    for _ in range(ROOM + 3):
        step(ours, theirs)
    for cache in (ours, theirs):
        cache.batch_select_indices(torch.tensor([2, 0]))
    step(ours, theirs)
    step(ours, theirs, tokens=7)
    for cache in (ours, theirs):
        cache.batch_repeat_interleave(3)
    step(ours, theirs, tokens=ROOM + 1)
    step(ours, theirs)


def test_a_choice_of_as_many_rows_is_a_new_one() -> None:
    """Rows in another order are as many as before, in other memory."""
    ours, theirs = both(5)
    step(ours, theirs)
    for cache in (ours, theirs):
        cache.batch_select_indices(torch.tensor([2, 1, 0]))
    step(ours, theirs)


def test_a_step_copies_nothing_while_there_is_room() -> None:
    ours, theirs = both(5)
    step(ours, theirs)
    place = ours.layers[0].keys.data_ptr()
    for _ in range(ROOM):
        step(ours, theirs)
    assert ours.layers[0].keys.data_ptr() == place
    step(ours, theirs)
    assert ours.layers[0].keys.data_ptr() != place


def test_layers_of_other_kinds_stay(tmp_path: Path) -> None:
    """Gemma's windows forget what is too long ago: they keep their own cache."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(build_tiny("gemma", tmp_path / "gemma")).eval()
    with torch.inference_mode():
        cache = model(input_ids=torch.tensor([[3, 4, 5]]), use_cache=True).past_key_values
        before = [type(layer) for layer in cache.layers]
        kinds = [type(layer) for layer in grown(cache).layers]
    assert any(kind is not GrownLayer for kind in kinds)
    assert all(kind in (GrownLayer, was) for kind, was in zip(kinds, before, strict=True))
