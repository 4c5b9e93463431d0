"""Which GPUs the workers of this machine see, with a machine that says it has four."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engine import Train
from harness.engine.local import Local, open_local
from harness.errors import HarnessError
from harness.experiment import load_experiment
from harness.machine import devices, gpu_names
from harness.recipe import Recipe
from harness.training.job import Job
from tests.conftest import Project
from tests.engine.test_remote import TINY, Kept


@pytest.fixture
def four(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    smi = tmp_path / "bin/nvidia-smi"
    smi.parent.mkdir()
    smi.write_text('#!/bin/sh\nfor i in 1 2 3 4; do echo "NVIDIA H100"; done\n')
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{smi.parent}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpu_names.cache_clear()
    yield
    gpu_names.cache_clear()


@pytest.mark.usefixtures("four")
def test_each_worker_has_a_gpu_of_its_own(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_local(load_experiment(project.experiment), print) == Local(4, ("0", "1", "2", "3"))
    project.write("experiment.toml", project.experiment.read_text() + '[candidates.a]\nmethod = "sft"\nprocesses = 2\n')
    assert open_local(load_experiment(project.experiment), print) == Local(2, ("0,1", "2,3"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    gpu_names.cache_clear()
    assert devices() == ["5", "7"]
    assert open_local(load_experiment(project.experiment), print) == Local(1, ("5,7",))


def test_a_worker_s_process_sees_its_part(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    recipe = Recipe(method="external", command=("sh", "-c", f"printenv CUDA_VISIBLE_DEVICES > {seen}; exit 3"))
    rows = ({"prompt": "a", "completion": "b"},)
    job = Job("5f0c", TINY, recipe, "own", "sums", 1, rows, tmp_path / "adapters/5f0c")
    with pytest.raises(HarnessError, match="ended with exit code 3"):
        Local(1, ("2,3",)).run([Train("5f0c", job)], Kept())
    assert seen.read_text() == "2,3\n"
