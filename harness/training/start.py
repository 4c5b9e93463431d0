"""What a training begins with: a new adapter on the frozen base, one that another recipe has made, or the base itself.

policy(session)     a model that trains, under the adapter's name ``default``
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.experiment import Model
from harness.models.base import load_base
from harness.recipe import FROM_CHAT, Adapter
from harness.training.session import Session

CONFIG = "adapter_config.json"


def policy(session: Session) -> Any:
    """The model to train.

    Raises:
        BadInput: when the adapter to start from is not there, or a method that shapes what a model does already would start
            from one that was never tuned to chat.
    """
    from peft import PeftModel, get_peft_model
    from transformers import set_seed

    job, recipe = session.job, session.job.recipe
    if job.start_from is not None and not (job.start_from / CONFIG).is_file():
        raise BadInput(f"{job.named}: there is no adapter in {job.start_from} to start from: train it first")
    if job.start_from is None and recipe.method in FROM_CHAT and not (session.chat.templated or recipe.from_base):
        raise BadInput(
            f"{job.named}: {recipe.method} improves what a model does already, and model {job.model.id!r} has no chat template, "
            "so it was never instruction-tuned: name start_from, the recipe of an SFT, or say from_base = true"
        )
    base = session.base()
    if job.start_from is not None:
        return PeftModel.from_pretrained(base, str(job.start_from), adapter_name="default", is_trainable=True)
    set_seed(job.seed)
    if recipe.adapter.kind == "full":
        return base.requires_grad_(True)
    model = get_peft_model(base, config_of(recipe.adapter))
    if recipe.adapter.kind == "pissa":
        _keep_initial(model, session.initial)
    if recipe.adapter.kind == "loftq":
        make_up(model, job.model)
    return model


def _keep_initial(model: Any, folder: Path) -> None:
    """PiSSA moves the base's principal components into the adapter. Kept as it began, the adapter can be told in the end as the
    difference that it makes to the base as it was, and the base serves the others too.
    """
    config = model.peft_config["default"]
    config.init_lora_weights = True
    model.save_pretrained(str(folder))
    config.init_lora_weights = "pissa"


def make_up(model: Any, declared: Model) -> None:
    """LoftQ's first step (arXiv 2310.08659): the adapter begins as the best of its rank that makes up for what quantisation lost,
    W - Q. PEFT's own needs a GPU, and forgets that an update is scaled.
    """
    import torch
    from peft.utils.integrations import dequantize_module_weight

    whole = load_base(declared.model_copy(update={"quantization": "none"}), device="cpu")
    for name, layer in model.base_model.model.named_modules():
        if not hasattr(layer, "lora_A"):
            continue
        held = layer.get_base_layer()
        kept = dequantize_module_weight(held) if hasattr(held.weight, "quant_state") else held.weight
        lost = whole.get_submodule(name).weight.to(kept.device, torch.float32) - kept.float()
        left, sizes, right = torch.linalg.svd(lost, full_matrices=False)
        down, up = layer.lora_A["default"].weight.data, layer.lora_B["default"].weight.data
        rank, root = min(len(down), len(sizes)), (sizes / layer.scaling["default"]).sqrt()
        down.zero_()[:rank] = root[:rank, None] * right[:rank]
        up.zero_()[:, :rank] = left[:, :rank] * root[:rank]


def config_of(adapter: Adapter, *, task: str = "CAUSAL_LM") -> Any:
    """PEFT's config of a new adapter."""
    from peft import IA3Config, LoraConfig, PrefixTuningConfig

    if adapter.kind == "ia3":
        return IA3Config(task_type=task)
    if adapter.kind == "prefix":
        return PrefixTuningConfig(task_type=task, num_virtual_tokens=adapter.tokens, init_weights="zero")
    return LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=adapter.target,
        bias="none",
        task_type=task,
        use_rslora=adapter.kind == "rslora",
        use_dora=adapter.kind == "dora",
        init_lora_weights="pissa" if adapter.kind == "pissa" else True,
    )
