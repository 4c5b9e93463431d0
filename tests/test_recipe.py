"""Recipes: what is derived, and what cannot be."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from harness.recipe import BETAS, ELSEWHERE, NEEDS, RATES, Adapter, Method, Recipe
from harness.suite import Suite
from harness.training import METHODS


def test_every_method_says_what_it_needs_and_how_fast_it_learns() -> None:
    methods = set(get_args(Method))
    assert methods == METHODS.keys() == NEEDS.keys() == RATES.keys() == BETAS.keys() | {"sft", *ELSEWHERE}
    assert {name for names in NEEDS.values() for name in names} <= Suite.model_fields.keys()


def test_what_is_left_out_is_the_methods_own() -> None:
    assert Recipe(method="sft").rate == 2e-4
    assert Recipe(method="sft", adapter=Adapter(kind="full")).rate == pytest.approx(2e-5)
    assert Recipe(method="dpo").rate == 5e-6
    assert Recipe(method="dpo", learning_rate=1e-3).rate == 1e-3
    assert (Recipe(method="dpo").strength, Recipe(method="grpo").strength) == (0.1, 0.0)
    assert Recipe(method="rloo", beta=0).strength == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "sft", "replay": 0.5}, "replay needs replay_file"),
        ({"method": "kto", "replay": 0.5, "replay_file": "r.jsonl"}, "replay is for method 'sft', given 'kto'"),
        ({"method": "sft", "loss": "ipo"}, "loss 'ipo' is one of method 'dpo', given 'sft'"),
        ({"method": "dpo", "beta": 0}, "DPO divides by it"),
        ({"method": "kto", "batch_size": 1}, "KTO compares the rows of a batch"),
        ({"method": "grpo", "batch_size": 6}, "batch_size × accumulate is 6, and generations 8"),
        ({"method": "dpo", "start_from": "a", "adapter": {"kind": "pissa"}}, "'pissa' starts from the base"),
        ({"method": "ppo"}, "'rloo'"),
        ({"method": "sft", "adapter": {"kind": "prompt"}}, "'ia3'"),
        ({"method": "dpo", "start_from": "a", "adapter": {"kind": "loftq"}}, "'loftq' starts from the base"),
        ({"method": "dpo", "packing": True}, "packing is for method 'sft', given 'dpo'"),
        ({"method": "sft", "packing": True, "adapter": {"kind": "prefix"}}, "packing: a prefix stands before a row"),
        ({"method": "sft", "patience": 2}, 'patience and evaluate_every are of keep = "best"'),
        ({"method": "sft", "evaluate_every": 0.5}, 'patience and evaluate_every are of keep = "best"'),
        (
            {"method": "given", "given": ["a"], "keep": "best"},
            "method 'given' does not train here and has no checkpoints",
        ),
    ],
)
def test_what_cannot_be(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Recipe.model_validate(given)
