"""One training on several GPUs, or by several processes on CPUs: torchrun starts one for each, and they share every update's rows.

    [candidates.sft]
    method = "sft"
    batch_size = 8
    processes = 2          # each takes 4 of the 8

The same rows go into the same number of updates as with one process, in another order: rows of about one length are grouped
for the smaller batches. The first process keeps checkpoints and the adapter; when one of them dies, so do the others.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.errors import BadInput, HarnessError
from harness.machine import cores, devices, gpus
from harness.parent import leave_with
from harness.recipe import ELSEWHERE, Recipe
from harness.training.job import Job, Say, read_training
from harness.trial import Step, Training

LOOK = 0.2
"""Seconds between two looks at how far they are."""
STEPS, ERROR = "steps.jsonl", "error.pickle"


def train(job: Job, say: Say) -> Training:
    """Train ``job`` by as many processes as its recipe says; errors as ``harness.training.train``.

    Raises:
        BadInput: when there are fewer GPUs.
    """
    from harness.training.checkpoint import last_checkpoint

    count, seen = job.recipe.processes, devices()
    if 0 < len(seen) < count:
        raise BadInput(f"{job.named}: processes = {count}, and this cell sees {len(seen)} of the GPUs: ask for {count}")
    last_checkpoint(job.work)  # what a kill left half-written is removed by one, before all look for it
    threads = max(1, (job.threads or cores()) // count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "job.pickle").write_bytes(pickle.dumps(job))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                _command(count, folder), env={**os.environ, **_visible(seen[:count]), "OMP_NUM_THREADS": str(threads)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
            try:
                for step in _steps(process, folder / STEPS):
                    say(step)
            finally:
                process.kill()
                process.wait()
        if process.returncode or not job.finished:
            raise _failure(job, folder, process.returncode)
    return read_training(job.out)


def apart(recipe: Recipe) -> bool:
    """Whether a training gets processes of its own: several, or one that sees a single GPU of many, as TRL demands."""
    return world() == 1 and recipe.method not in ELSEWHERE and (recipe.processes > 1 or gpus() > 1)


def _command(count: int, folder: Path) -> list[str]:
    torchrun = ["torch.distributed.run", "--standalone", f"--nproc-per-node={count}", "--module"] if count > 1 else []
    return [sys.executable, "-m", *torchrun, "harness.training.parallel", str(folder), str(os.getpid())]


def _visible(some: Sequence[str]) -> dict[str, str]:
    return {"CUDA_VISIBLE_DEVICES": ",".join(some)} if some else {}


def _steps(process: subprocess.Popen[bytes], path: Path) -> Iterator[Step]:
    """What the first process tells, until all have ended."""
    seen = 0
    while True:
        ended = process.poll() is not None
        lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        for line in lines[seen:]:
            yield Step(*json.loads(line))
        seen = len(lines)
        if ended:
            return
        time.sleep(LOOK)


def _failure(job: Job, folder: Path, code: int | None) -> HarnessError:
    if (folder / ERROR).exists():
        error: HarnessError = pickle.loads((folder / ERROR).read_bytes())
        return error
    lines = (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
    last = next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "")
    return HarnessError(
        f"{job.named}: one of its {job.recipe.processes} processes failed (exit code {code}): {last.strip()[:200]}"
    )


# --- in each process --------------------------------------------------------------------------------------------------


def rank() -> int:
    """Which of the processes this is; 0 where there is one."""
    return int(os.environ.get("RANK", "0"))


def world() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def shared(on_gpu: bool) -> dict[str, Any]:
    """What the trainer's arguments have more where there are several processes."""
    return {"ddp_find_unused_parameters": False, "ddp_backend": "nccl" if on_gpu else "gloo"} if world() > 1 else {}


def in_step(sampler: Any, seed: int, epoch: Callable[[], int]) -> Any:
    """The sampler, drawing the same order in every process and on resumption: by itself it draws from each process's own chance.
    ``epoch`` says which is under way: accelerate does not tell a sampler whose first batches it skips.
    """
    from transformers.trainer_pt_utils import LengthGroupedSampler

    if world() == 1 or not isinstance(sampler, LengthGroupedSampler):
        return sampler
    import torch

    class InStep(torch.utils.data.Sampler):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            sampler.generator = torch.Generator().manual_seed(seed + epoch())
            return iter(sampler)

        def __len__(self) -> int:
            return len(sampler)

    return InStep()


def main(name: str, parent: str) -> None:
    """One of the processes."""
    from harness.training.job import train as train_here

    leave_with(int(parent))  # torchrun does not look whether whoever started it lives
    folder = Path(name)
    steps = folder / STEPS

    def say(step: Step) -> None:
        if rank() == 0:
            with steps.open("a", encoding="utf-8") as file:
                file.write(json.dumps(step) + "\n")

    try:
        train_here(pickle.loads((folder / "job.pickle").read_bytes()), say)
    except HarnessError as error:
        draft = folder / f"{ERROR}.{rank()}"
        draft.write_bytes(pickle.dumps(error))
        draft.replace(folder / ERROR)
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
