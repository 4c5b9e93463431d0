"""Eight adapters on one loaded base against eight loads of the base, each with one adapter."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.cuda.base import SEED, device, model_of
from benchmarks.cuda.scale import Scale
from benchmarks.generation import prompts
from harness.experiment import Model
from harness.models.local import Local
from harness.trial import Trial


def measure(scale: Scale, work: Path, *, shape: str) -> dict[str, Any]:
    """Seconds of both, loading counted, and their ratio (goal: at most 0.3)."""
    folder = model_of(scale.shape(shape), work)
    model = Model(id=str(folder), quantization="none")
    home = work / f"adapters-{shape}"
    names = _adapters(scale, folder, home)
    asked = prompts(scale.asked, tokens=scale.tokens // 4, model=str(folder))
    questions = {name: [replace(trial, id=f"{name}{trial.id}", adapter=name) for trial in asked] for name in names}
    Local(model, home=home).hash  # noqa: B018 (read once for both: it is not what is measured)
    one = _timed([[t for name in names for t in questions[name]]], model, home)
    many = _timed([questions[name] for name in names], model, home)
    return {
        "adapters": len(names),
        "prompts": len(asked),
        "one_base": one,
        "separate": many,
        "ratio": round(one / many, 3),
    }


def _timed(lots: list[list[Trial]], model: Model, home: Path) -> float:
    started = time.perf_counter()
    for lot in lots:
        local = Local(model, home=home)
        for _ in local.generate(lot):
            pass
        local.close()
    return round(time.perf_counter() - started, 2)


def _adapters(scale: Scale, folder: Path, home: Path) -> list[str]:
    """Folders of random adapters, made once."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from harness.models.base import quiet, release

    names = [f"random{number}" for number in range(scale.adapters)]
    if all((home / "adapters" / name / "adapter_config.json").is_file() for name in names):
        return names
    with quiet():
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, device_map={"": device()})
        for number, name in enumerate(names):
            torch.manual_seed(SEED + number)
            config = LoraConfig(
                r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False
            )
            host = get_peft_model(base, config)
            host.save_pretrained(home / "adapters" / name)
            base = host.unload()
    del base, host
    release()
    return names
