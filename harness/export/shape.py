"""What a training left in its folder, and which forms can carry that: refused by name before any work begins.

>>> shape(one)
'dora'
>>> refusal("vllm", "dora")
'vLLM puts no DoRA on a base (its loader refuses use_dora): export it as merged'

``docs/export.md`` has the whole table, which a test holds against this one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.errors import BadInput
from harness.export.trained import Trained

SHAPES = ("lora", "dora", "ia3", "prefix", "modules", "bias", "full")
"""LoRA matrices (rsLoRA, PiSSA and LoftQ are saved as such), DoRA, IA3, a prefix, LoRA with whole modules or trained biases beside
it, and a whole model."""
PEFT = {"LORA": "lora", "IA3": "ia3", "PREFIX_TUNING": "prefix"}
ALONE = ("merged", "ollama", "gguf")
"""Forms that make one model of one candidate."""
MERGED = "a prefix stands before the prompt and changes no weights, so that it cannot be merged: export it as adapter"
REFUSED: dict[tuple[str, str], str] = {
    ("adapter", "full"): "it was trained whole and has no adapter: export it as merged",
    **{(form, "prefix"): MERGED for form in ALONE},
    ("vllm", "dora"): "vLLM puts no DoRA on a base (its loader refuses use_dora): export it as merged",
    ("vllm", "ia3"): "vLLM puts LoRA alone on a base, and this is IA3: export it as merged",
    ("vllm", "prefix"): "vLLM puts LoRA alone on a base, and this is a prefix: export it as adapter",
    (
        "vllm",
        "modules",
    ): "whole modules were trained beside the LoRA, which vLLM refuses (modules_to_save): export it as merged",
    ("vllm", "bias"): "biases were trained beside the LoRA, which vLLM refuses (bias): export it as merged",
    ("vllm", "full"): "it was trained whole and is no adapter for a base: export it as merged, and serve that folder",
}
"""(form, shape) → why not, and what to do instead. What vLLM loads: its vllm/lora/peft_helper.py."""


def shape(one: Trained) -> str:
    """One of ``SHAPES``, or PEFT's own name in small letters for an adapter that was given."""
    if one.whole:
        return "full"
    config = json.loads((one.folder / "adapter_config.json").read_text(encoding="utf-8"))
    name = str(config.get("peft_type", "unknown"))
    kind = PEFT.get(name, name.lower())
    if kind != "lora":
        return kind
    if config.get("use_dora"):
        return "dora"
    if config.get("modules_to_save"):
        return "modules"
    return "lora" if config.get("bias", "none") == "none" else "bias"


def refusal(form: str, found: str) -> str | None:
    """Why a form cannot carry that shape; None where it can."""
    if form == "vllm" and found not in SHAPES:
        return f"vLLM puts LoRA alone on a base, and this is {found!r}: export it as merged"
    return REFUSED.get((form, found))


def refuse(form: str, trained: Sequence[Trained]) -> None:
    """Stop before any work where the form cannot carry what was trained.

    Raises:
        BadInput: for several candidates where the form makes one model, or a shape that it cannot carry.
    """
    if form in ALONE and len(trained) != 1:
        raise BadInput(f"{', '.join(one.name for one in trained)}: one model is made of one candidate: name one")
    for one in () if form == "axolotl" else trained:  # a recipe's words, which ask for no training
        reason = refusal(form, shape(one))
        if reason:
            raise BadInput(f"{one.name}: {reason}")
