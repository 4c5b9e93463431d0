"""Does a 70B shape train in 80 GB? Quantised layer by layer where it is made, five steps of a LoRA adapter, peak memory.

Its weights would be 140 GB of files, so that they are never written: each linear map is drawn on the device and quantised before the
next one is.
"""

from __future__ import annotations

from typing import Any

from benchmarks.cuda.base import CONTEXT, SEED, device
from benchmarks.cuda.scale import Scale, Shape

STEPS, LENGTH = 5, 512


def measure(scale: Scale) -> dict[str, Any]:
    """Peak memory of loading and of five steps on rows of 512 tokens, one a batch, activations recomputed."""
    import torch
    from peft import LoraConfig, get_peft_model

    shape = scale.shape("llama-70b")
    torch.manual_seed(SEED)
    base = quantised(shape)
    loaded = _peak()
    model = get_peft_model(base, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"))
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
    model.train()
    optimiser = _optimiser(p for p in model.parameters() if p.requires_grad)
    losses = []
    length = 32 if scale.small else LENGTH
    for _ in range(STEPS):
        ids = torch.randint(0, shape.vocabulary, (1, length), device=device())
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(round(float(loss), 4))
    return {
        "loaded_gib": loaded,
        "peak_gib": _peak(),
        "losses": losses,
        "tokens_a_row": length,
        "parameters": shape.parameters,
    }


def quantised(shape: Shape) -> Any:
    """A random causal model with NF4 weights, double quantisation, bf16 for all that is no linear map of a layer."""
    import torch
    from accelerate import init_empty_weights
    from bitsandbytes.nn import Linear4bit, Params4bit
    from transformers import AutoModelForCausalLM

    config = shape.config(context=CONTEXT)
    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    on = device()
    for name, module in list(model.named_modules()):
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            _replace(model, name, _four_bit(module, Linear4bit, Params4bit, on))
    for module in model.modules():
        for key, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                drawn = torch.randn(parameter.shape, dtype=torch.bfloat16, device=on) * 0.02
                whole = torch.ones_like(drawn) if parameter.ndim == 1 else drawn
                setattr(module, key, torch.nn.Parameter(whole, requires_grad=False))
    model.tie_weights()
    model.is_loaded_in_4bit = False
    return model.to(on).requires_grad_(False)


def _four_bit(linear: Any, kind: Any, weights: Any, on: str) -> Any:
    import torch

    compute = torch.bfloat16 if on == "cuda" else torch.float32
    made = kind(
        linear.in_features, linear.out_features, bias=False, compute_dtype=compute, compress_statistics=True,
        quant_type="nf4", device="meta",
    )  # fmt: skip
    drawn = torch.randn(linear.out_features, linear.in_features, dtype=torch.bfloat16, device=on) * 0.02
    made.weight = weights(drawn, requires_grad=False, compress_statistics=True, quant_type="nf4").to(on)
    made.support_avx512bf16_for_cpu = False
    return made


def _replace(model: Any, name: str, module: Any) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)


def _optimiser(parameters: Any) -> Any:
    import torch

    if device() == "cuda":
        from bitsandbytes.optim import PagedAdamW8bit

        return PagedAdamW8bit(parameters, lr=2e-4)
    return torch.optim.AdamW(parameters, lr=2e-4)


def _peak() -> float | None:
    import torch

    return round(torch.cuda.max_memory_allocated() / 2**30, 2) if torch.cuda.is_available() else None
