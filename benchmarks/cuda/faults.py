"""What goes wrong on a GPU: too little memory, a killed training, two runs at once. Clear, resumed, nothing lost?"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.cuda.base import SEED, apart, demonstrations, device, model_of
from benchmarks.cuda.scale import Scale
from benchmarks.cuda.training import NotHere
from harness.experiment import Model
from harness.recipe import Recipe
from harness.training import train
from harness.training.job import Job

SHARE = 0.5
"""How much more memory than the model alone the process may have, so that a batch of 16 long rows does not fit."""


def job_of(scale: Scale, work: Path, shape: str, out: Path, *, batch: int) -> Job:
    folder = model_of(scale.shape(shape), work)
    rows = demonstrations(scale, folder)[: 4 * batch]
    recipe = Recipe(method="sft", epochs=1, batch_size=batch, max_length=scale.longest, save_steps=1)
    return Job("measured", Model(id=str(folder)), recipe, "measured", "measured", SEED, rows, out)


def memory(scale: Scale, work: Path, *, shape: str) -> dict[str, Any]:
    """A training in too little memory halves its batch, and says so."""
    import torch

    if device() != "cuda":
        raise NotHere("memory of a GPU runs out only where there is one; the halving itself is tested without")
    total = torch.cuda.get_device_properties(0).total_memory
    needed = 0.6 * scale.shape(shape).linear + 2 * scale.shape(shape).embeddings
    torch.cuda.set_per_process_memory_fraction(min(0.95, (needed * (1 + SHARE) + 2**31) / total))
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        training = train(job_of(scale, work, shape, Path(scratch) / "adapter", batch=scale.rows))
    return {
        "notes": list(training.notes),
        "steps": training.steps,
        "halved": any("out of memory" in n for n in training.notes),
    }


def killed(scale: Scale, work: Path, *, shape: str) -> dict[str, Any]:
    """A training that is killed in the middle ends with the losses of one that was left alone."""
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        alone, broken = (Path(scratch) / name for name in ("alone", "broken"))
        _process(scale, work, shape, alone).wait()
        process = _process(scale, work, shape, broken)
        while not list(broken.parent.glob("broken.work/checkpoint-*")) and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        died = not (broken / "training.json").is_file()
        _process(scale, work, shape, broken).wait()
        weights = [(path / "adapter_model.safetensors").read_bytes() for path in (alone, broken)]
    return {"killed_before_its_end": died, "same_bytes": weights[0] == weights[1]}


def together(scale: Scale, work: Path, *, shape: str) -> dict[str, Any]:
    """Two trainings on one device at once: both end."""
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        started = time.perf_counter()
        processes = [_process(scale, work, shape, Path(scratch) / name) for name in ("one", "two")]
        codes = [process.wait() for process in processes]
        done = [(Path(scratch) / name / "training.json").is_file() for name in ("one", "two")]
    return {"codes": codes, "both_finished": all(done), "seconds": round(time.perf_counter() - started, 1)}


def _process(scale: Scale, work: Path, shape: str, out: Path) -> subprocess.Popen[bytes]:
    return apart("faults", scale.name, work, shape, out)


if __name__ == "__main__":
    from benchmarks.cuda.scale import SCALES

    name, work, shape, out = sys.argv[1:]
    train(job_of(SCALES[name], Path(work), shape, Path(out), batch=2 if SCALES[name].small else 8))
