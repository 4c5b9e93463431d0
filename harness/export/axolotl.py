"""A recipe in the words of Axolotl, for those who train there: ``harness export axolotl sft@triage axolotl/``.

The file can be trained by itself, or come back as a candidate of method ``external``: its ``{model}``, ``{rows}``, ``{out}`` and
``{seed}`` are filled in then.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.export.trained import Trained
from harness.recipe import Recipe

ADAPTERS: dict[str, dict[str, Any]] = {
    "lora": {},
    "rslora": {"peft_use_rslora": True},
    "dora": {"peft_use_dora": True},
    "pissa": {"peft_init_lora_weights": "pissa"},
}
TYPES = {
    "sft": "chat_template",
    "dpo": "chat_template.default",
    "orpo": "chat_template.argilla",
    "simpo": "chat_template.default",
    "kto": "chat_template.argilla",
}
"""How Axolotl reads the rows of a method (its documentation)."""


def write(trained: Sequence[Trained], folder: Path, options: dict[str, Any]) -> list[str]:
    """One YAML a candidate.

    Raises:
        BadInput: for a recipe that Axolotl has no words for.
    """
    for one in trained:
        (folder / f"{one.job.recipe_name}.yaml").write_text(_yaml(one), encoding="utf-8")
    return [f"{one.name}: {one.job.recipe_name}.yaml" for one in trained]


def _yaml(one: Trained) -> str:
    recipe = one.job.recipe
    if recipe.method not in TYPES or recipe.adapter.kind not in ADAPTERS:
        raise BadInput(
            f"{one.name}: method {recipe.method!r} with adapter kind {recipe.adapter.kind!r} is not written for Axolotl: "
            f"{', '.join(TYPES)} with {', '.join(ADAPTERS)} are"
        )
    head = f"# {one.name}, as a YAML of Axolotl; names in braces are filled in for a candidate of method external\n"
    return head + "".join(_lines(_config(one, recipe)))


def _config(one: Trained, recipe: Recipe) -> dict[str, Any]:
    quantised = one.job.model.quantization == "nf4"
    preferences: dict[str, Any] = {} if recipe.method == "sft" else {"rl": recipe.method, "rl_beta": recipe.strength}
    return {
        "base_model": "{model}",
        "load_in_4bit": quantised,
        "adapter": "qlora" if quantised else "lora",
        "lora_r": recipe.adapter.rank,
        "lora_alpha": recipe.adapter.alpha,
        "lora_dropout": recipe.adapter.dropout,
        "lora_target_linear": recipe.adapter.target == "all-linear",
        **ADAPTERS[recipe.adapter.kind],
        **preferences,
        "datasets": [{"path": "{rows}", "ds_type": "json", "type": TYPES[recipe.method]}],
        "train_on_inputs": False,
        "output_dir": "{out}",
        "sequence_len": recipe.max_length,
        "micro_batch_size": recipe.batch_size,
        "gradient_accumulation_steps": recipe.accumulate,
        "num_epochs": recipe.epochs,
        "learning_rate": recipe.rate,
        "lr_scheduler": "cosine",
        "warmup_ratio": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "optimizer": "adamw_torch_fused",
        "bf16": "auto",
        "seed": "{seed}",
    }


def _lines(config: dict[str, Any]) -> list[str]:
    lines = []
    for key, value in config.items():
        if isinstance(value, list):
            lines.append(f"{key}:\n")
            lines += [
                f"  {'- ' if place == 0 else '  '}{k}: {v}\n"
                for item in value
                for place, (k, v) in enumerate(item.items())
            ]
        else:
            lines.append(f"{key}: {_scalar(value)}\n")
    return lines


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    # YAML 1.1 takes 5e-06 for a word
    return format(Decimal(repr(value)), "f") if isinstance(value, float) else str(value)
