"""One training of mixed-length rows: by the harness, by the plain script of TRL's documentation, or by Unsloth.

    measure(scale, shape="llama-8b", method="sft", arm="ours", work=…)
    measure(scale, shape="llama-8b", method="sft", arm="ours", without="room", work=…)      # what one of our defaults wins

All arms get the same rows, rank, rate, rows an update and number of updates, and their tokens are counted alike (``meter``).
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cuda.base import SEED, changed, demonstrations, device, model_of
from benchmarks.cuda.meter import Meter
from benchmarks.cuda.scale import Scale

RANK, ALPHA, RATE = 16, 32, {"sft": 2e-4, "dpo": 5e-6}
CONFIGS = {"sft": "SFTConfig", "dpo": "DPOConfig"}
TRAINERS = {"sft": "SFTTrainer", "dpo": "DPOTrainer"}
MICRO = 8
"""Rows of a batch; two of them make an update of 16."""
PROFILED = 12
"""Kernels in the profiler's table."""


@dataclass(frozen=True, slots=True)
class Work:
    """What every arm is given: the model's folder, rows, the rows of a batch, and a folder to write to."""

    scale: Scale
    folder: Path
    rows: tuple[dict[str, str], ...]
    method: str
    micro: int
    scratch: Path

    @property
    def accumulate(self) -> int:
        return self.scale.rows // self.micro

    def config(self, trl: Any, **more: Any) -> Any:
        """TRL's config with its defaults where nothing must be equal between the arms."""
        return getattr(trl, CONFIGS[self.method])(
            output_dir=str(self.scratch / "trl"),
            learning_rate=RATE[self.method],
            num_train_epochs=1,
            per_device_train_batch_size=self.micro,
            gradient_accumulation_steps=self.accumulate,
            max_length=self.scale.longest,
            seed=SEED,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            logging_steps=10**6,
            **more,
        )

    def dataset(self) -> Any:
        """The rows as messages, so that TRL puts the chat template around them as the harness does."""
        from datasets import Dataset

        return Dataset.from_list(list(map(_as_chat, self.rows)))


class NotHere(Exception):
    """Something that a measurement needs is not on this machine."""


def measure(
    scale: Scale,
    work: Path,
    *,
    shape: str,
    method: str,
    arm: str,
    profile: bool = False,
    without: str = "",
    memory_gb: float | None = None,
) -> dict[str, Any]:
    """Tokens a second, share of the peak and peak memory of one training.

    Args:
        without: Of the harness's defaults, the one that is left out (``WITHOUT``).
        memory_gb: All that the process may take of the GPU, in 10⁹ bytes.
    """
    if memory_gb is not None and device() == "cuda":
        import torch

        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, memory_gb * 1e9 / total))
    folder = model_of(scale.shape(shape), work)
    rows = demonstrations(scale, folder, pairs=method == "dpo")
    micro = min(MICRO, scale.rows)
    arms: dict[str, Callable[[Work], Callable[[], Any]]] = {
        "ours": _ours,
        "packed": _packed,
        "trl": _plain,
        "unsloth": _unsloth,
    }
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        given = Work(scale, folder, rows, method, micro, Path(scratch))
        train = arms[arm](given)
        with WITHOUT[without](), Meter(scale.warm, given.accumulate) as meter:
            table = _profiled(train) if profile else (train(), "")[1]
    found = meter.figures()
    flops = scale.shape(shape).training_flops(scale.median) * found["tokens_per_second"]
    return found | {
        "rows": len(rows),
        "rows_an_update": scale.rows,
        "tflops": round(flops / 1e12, 3),
        "per_token_flops": "forward and backward through activations; recomputing is not counted as work",
        **({"profile": table} if profile else {}),
    }


def _packed(work: Work) -> Callable[[], Any]:
    return _ours(work, packing=True)


def _ours(work: Work, *, packing: bool = False) -> Callable[[], Any]:
    from harness.experiment import Model
    from harness.recipe import Adapter, Recipe
    from harness.training import train
    from harness.training.job import Job

    recipe = Recipe(
        method=work.method,
        adapter=Adapter(rank=RANK, alpha=ALPHA),
        learning_rate=RATE[work.method],
        epochs=1,
        batch_size=work.micro,
        accumulate=work.accumulate,
        max_length=work.scale.longest,
        from_base=work.method == "dpo",
        save_steps=10**6,
        packing=packing,
    )
    job = Job(
        adapter="measured",
        model=Model(id=str(work.folder)),
        recipe=recipe,
        recipe_name="measured",
        suite="measured",
        seed=SEED,
        rows=work.rows,
        out=work.scratch / "adapter",
        data="preferences" if work.method == "dpo" else "train",
    )
    return lambda: train(job)


def _plain(work: Work) -> Callable[[], Any]:
    """As TRL's pages on SFT and DPO with PEFT and QLoRA have it, with its defaults where nothing is said."""
    import torch
    import trl
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig

    on_gpu = device() == "cuda"
    quantised = {
        "quantization_config": BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    }
    trainer = getattr(trl, TRAINERS[work.method])(
        model=str(work.folder),
        args=work.config(trl, **({} if on_gpu else {"use_cpu": True, "bf16": False})),
        train_dataset=work.dataset(),
        peft_config=LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM"),
        **(quantised if on_gpu else {}),
    )
    return trainer.train


def _unsloth(work: Work) -> Callable[[], Any]:
    """Unsloth's own loading and kernels around the same trainer; in an environment that has it."""
    if importlib.util.find_spec("unsloth") is None or device() != "cuda":
        raise NotHere("unsloth is not installed in this environment (it needs a GPU and older versions than ours)")
    fast = importlib.import_module("unsloth").FastLanguageModel  # before trl, which it patches
    import trl

    model, tokenizer = fast.from_pretrained(str(work.folder), max_seq_length=work.scale.longest, load_in_4bit=True)
    model = fast.get_peft_model(
        model, r=RANK, lora_alpha=ALPHA, lora_dropout=0, use_gradient_checkpointing="unsloth", random_state=SEED
    )
    trainer = getattr(trl, TRAINERS[work.method])(
        model=model, args=work.config(trl), train_dataset=work.dataset(), processing_class=tokenizer
    )
    return trainer.train


def _drawn() -> AbstractContextManager[None]:
    from harness.training import sft

    return changed(sft, "BY_LENGTH", "random")


def _masked() -> AbstractContextManager[None]:
    from harness.training import lean

    return changed(lean, "_hides_nothing", lambda *_: False)


def _no_room() -> AbstractContextManager[None]:
    from harness.training import lean

    return changed(lean, "SHARE", 0.0)


WITHOUT: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "": nullcontext,
    "length": _drawn,
    "mask": _masked,
    "room": _no_room,
}
"""What is left out: rows of one length together (SFT), attention without a mask, activations computed once where they have room."""


def _as_chat(row: dict[str, str]) -> dict[str, Any]:
    said = {key: [{"role": "assistant", "content": text}] for key, text in row.items() if key != "prompt"}
    return {"prompt": [{"role": "user", "content": row["prompt"]}], **said}


def _profiled(train: Any) -> str:
    """Runs it under the profiler; the kernels that take most."""
    from torch.profiler import ProfilerActivity, profile

    on_gpu = device() == "cuda"
    activities = [ProfilerActivity.CUDA] if on_gpu else [ProfilerActivity.CPU]
    with profile(activities=activities) as found:
        train()
    order = "self_cuda_time_total" if on_gpu else "self_cpu_time_total"
    return str(found.key_averages().table(sort_by=order, row_limit=PROFILED))
