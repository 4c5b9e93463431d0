"""A base model in memory: quantised as it is declared, on the device that is there.

NF4 with double quantisation (arXiv 2305.14314) is computed in bfloat16 on a GPU and in float32 on a CPU. On a CPU the
quantised weights are then unpacked (``dequantize``): the numbers are the same ones, an answer's logits differ by 0.0,
and forward and backward are faster than with bitsandbytes' CPU kernels. This is the one place where that is done.
"""

from __future__ import annotations

import gc
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any, Literal

from harness.errors import BadInput, HarnessError, need
from harness.experiment import Model
from harness.models.weights import locate, revision

HEADS = {"words": "AutoModelForCausalLM", "score": "AutoModelForSequenceClassification"}


def on_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def load_base(
    model: Model,
    *,
    unpack: bool | None = None,
    head: Literal["words", "score"] = "words",
    device: Literal["cpu"] | None = None,
) -> Any:
    """The model, frozen and in eval mode.

    Args:
        model: What is declared.
        head: What it gives: the next word (a causal model), or one number for a whole text, by a layer that is new and to be
            trained.
        unpack: Whether NF4 weights are unpacked to floats of the same values; None does so on a CPU only.
        device: Where it lies; None takes the GPU where there is one.

    Raises:
        BadInput: when ``transformers`` cannot read it.
        HarnessError: when the GPU has no room for it.
        MissingExtra: without torch, transformers or bitsandbytes.
    """
    torch = need("torch", extra="train")
    transformers = need("transformers", extra="train")
    source, commit = locate(model), revision(model)
    options: dict[str, Any] = {"revision": commit or "main", "dtype": _dtype(model), "use_safetensors": True}
    if head == "score":
        options["num_labels"] = 1
    if on_gpu() and device is None:
        options["device_map"] = {"": int(os.environ.get("LOCAL_RANK", "0"))}
    with quiet():
        if model.quantization == "nf4":
            options["quantization_config"] = _nf4(options["dtype"])
        try:
            base = getattr(transformers, HEADS[head]).from_pretrained(
                source, trust_remote_code=model.trust_remote_code, **options
            )
        except (OSError, ValueError, ImportError, KeyError) as error:
            raise BadInput(f"model {model.id!r}: transformers cannot load it: {error}") from error
        except torch.OutOfMemoryError as error:
            raise HarnessError(
                f"model {model.id!r}: the GPU has no room for it: end what else uses its memory (nvidia-smi shows it), take "
                f'quantization = "nf4", a smaller model or a GPU with more memory ({ran_out(error)})'
            ) from error
        if model.quantization == "nf4":
            base = _settled(base, unpack=not on_gpu() if unpack is None else unpack)
    base.requires_grad_(False)
    return base.eval()


def ran_out(error: BaseException) -> str:
    """What torch says of a memory that was too small, in a line: its first one has the amounts, the rest is advice."""
    return str(error).splitlines()[0][:120]


def bare(model: Any) -> Any:
    """The causal model inside a PEFT one."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def window(config: Any, tokenizer: Any) -> int:
    """How many tokens, prompt and answer together, the model takes."""
    declared = getattr(config.get_text_config(), "max_position_embeddings", None)
    known = [n for n in (declared, tokenizer.model_max_length) if n is not None and 0 < n < 10**9]
    return int(min(known, default=2048))


def release() -> None:
    """Give the memory of models that are no longer used back to the device."""
    import torch

    gc.collect()
    if on_gpu():
        torch.cuda.empty_cache()


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the libraries' progress bars, advice and warnings off the user's terminal."""
    _hush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _hush() -> None:
    chatter: Any = import_module("transformers.utils.logging")

    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    for name in ("bitsandbytes", "accelerate", "peft", "trl", "lm_eval", "lm-eval", "datasets"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _dtype(model: Model) -> Any:
    import torch

    if model.dtype != "auto":
        return getattr(torch, model.dtype)
    return torch.bfloat16 if on_gpu() else torch.float32


def _nf4(compute: Any) -> Any:
    need("bitsandbytes", extra="train")
    transformers: Any = import_module("transformers")
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )


def _settled(base: Any, *, unpack: bool) -> Any:
    """Keeps bitsandbytes 0.50 from repacking weights in place on the first forward of a CPU with AVX512-BF16, after
    which gradients, merging and unpacking are wrong (its issue 2078).
    """
    four_bit: Any = import_module("bitsandbytes").nn.Linear4bit
    for module in base.modules():
        if isinstance(module, four_bit):
            module.support_avx512bf16_for_cpu = False
    if not unpack:
        return base
    base = base.dequantize(dtype=base.dtype)
    base.is_loaded_in_4bit = False
    return base
