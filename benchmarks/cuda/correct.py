"""Is the GPU right? The embedded model's answers and adapters beside those of a CPU in float32, and beside themselves.

Nothing is taken for granted: how far texts and scores agree, whether the same work gives the same bytes twice, and whether the size of a
batch changes an answer are measured and written down.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cuda.base import apart, device, ended
from benchmarks.cuda.scale import Scale
from benchmarks.generation import prompts
from harness.experiment import Model
from harness.models.local import Local
from harness.trial import Trial

PRECISIONS = {"float32": ("none", "float32"), "bfloat16": ("none", "bfloat16"), "nf4": ("nf4", "auto")}
SIZES = (256, 8192)
"""Tokens of a batch: about one prompt at a time, and many."""


def answers(scale: Scale, work: Path) -> dict[str, Any]:
    """Shares of texts that agree: each precision here with float32 on a CPU, with itself, and in small batches."""
    asked = prompts(scale.prompts // 2, tokens=48, model="embedded:tiny")
    reference = _apart(asked, work)
    found: dict[str, Any] = {"prompts": len(asked), "on": device()}
    for name, (quantization, dtype) in PRECISIONS.items():
        model = Model(id="embedded:tiny", quantization=quantization, dtype=dtype)
        first = texts(model, asked, work)
        found[name] = {
            "same_as_cpu_float32": _same(first, reference),
            "same_again": _same(first, texts(model, asked, work)),
            "same_in_small_batches": _same(first, texts(model, asked, work, tokens=SIZES[0])),
        }
    return found


def texts(model: Model, asked: Sequence[Trial], work: Path, *, tokens: int = SIZES[1]) -> list[str]:
    """Greedy answers, in the order of the questions."""
    local = Local(model, home=work, batch_tokens=tokens)
    said = {one.trial_id: one.text or "" for batch in local.generate(asked) for one in batch}
    local.close()
    return [said[trial.id] for trial in asked]


def _apart(asked: Sequence[Trial], work: Path) -> list[str]:
    """The same by a process that sees no GPU."""
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        out = Path(scratch) / "texts.json"
        ended(apart("correct", len(asked), out, cpu=True))
        found: list[str] = json.loads(out.read_text(encoding="utf-8"))
    return found


def _same(some: Sequence[str], others: Sequence[str]) -> float:
    return round(sum(map(str.__eq__, some, others)) / len(some), 4)


def training(scale: Scale, work: Path) -> dict[str, Any]:
    """One small training twice on this device and once on a CPU: are the weights' bytes equal, how far apart are the losses?"""
    first, again = (_trained(work, cpu=False) for _ in range(2))
    cpu = _trained(work, cpu=True)
    apart = max(abs(mine - theirs) for mine, theirs in zip(first["losses"], cpu["losses"], strict=True))
    return {
        "on": device(),
        "steps": len(first["losses"]),
        "same_bytes_again": first["bytes"] == again["bytes"],
        "largest_loss_difference_to_cpu": round(apart, 5),
        "last_loss": round(first["losses"][-1], 5),
        "last_loss_cpu": round(cpu["losses"][-1], 5),
    }


def _trained(work: Path, *, cpu: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        ended(apart("correct", "train", scratch, cpu=cpu))
        adapter = Path(scratch) / "adapter"
        record = json.loads((adapter / "training.json").read_text(encoding="utf-8"))
        weights = hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()
    return {"losses": [loss[1] for loss in record["losses"]], "bytes": weights}


def _train(folder: Path) -> None:
    from harness.recipe import Recipe
    from harness.training import train
    from harness.training.job import Job

    rows = tuple({"prompt": f"Say {number}.", "completion": f"It is {number}."} for number in range(64))
    recipe = Recipe(method="sft", epochs=1, learning_rate=1e-3, batch_size=8, save_steps=10**6)
    job = Job("measured", Model(id="embedded:tiny"), recipe, "measured", "measured", 1, rows, folder / "adapter")
    train(job)


def _main(given: Sequence[str]) -> None:
    if given[0] == "train":
        _train(Path(given[1]))
        return
    asked = prompts(int(given[0]), tokens=48, model="embedded:tiny")
    model = Model(id="embedded:tiny", quantization="none", dtype="float32")
    out = Path(given[1])
    out.write_text(json.dumps(texts(model, asked, out.parent)), encoding="utf-8")


if __name__ == "__main__":
    _main(sys.argv[1:])
