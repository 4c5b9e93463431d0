"""Cells as Slurm jobs, by submitit's executor for one machine: the same rows as without, and jobs that outlive their run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.experiment import load_experiment
from harness.progress import Console
from harness.run import Outcome, run
from tests.conftest import Project, Ran
from tests.local_project import make
from tests.test_run import plain, rows

pytest.importorskip("submitit", reason="submitit is not installed: tox run -e engines")
SETTINGS = '\n[engine.slurm]\ncluster = "local"\njobs = 4\n'


def fill(project: Project, engine: str = "local") -> Outcome:
    return run(load_experiment(project.experiment), progress=Console(quiet=True), engine=engine)


def with_slurm(folder: Path) -> Project:
    project = make(folder)
    project.write("experiment.toml", project.experiment.read_text(encoding="utf-8") + SETTINGS)
    return project


@pytest.mark.exhaustive
def test_the_same_rows_as_without(tmp_path: Path) -> None:
    here, there = make(tmp_path / "here"), with_slurm(tmp_path / "there")
    assert fill(here) is not None
    outcome = fill(there, "slurm")
    assert (outcome.trained, outcome.errors) == (4, 0)
    assert plain(rows(there)) == plain(rows(here))
    assert not list((there.folder / ".harness/slurm/jobs").iterdir())
    assert not list((there.folder / ".harness/spool").iterdir())


@pytest.mark.exhaustive
def test_jobs_of_a_killed_run_are_waited_for(tmp_path: Path) -> None:
    here, there = make(tmp_path / "here"), with_slurm(tmp_path / "there")
    fill(here)
    command = [sys.executable, "-m", "harness.cli", "run", str(there.experiment), "--engine", "slurm"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    jobs = there.folder / ".harness/slurm/jobs"
    while not (jobs.is_dir() and list(jobs.iterdir())):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    fill(there, "slurm")
    assert plain(rows(there)) == plain(rows(here))
    assert not list(jobs.iterdir())


def test_what_slurm_has_no_place_for_is_refused_first(
    tmp_path: Path, harness: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``sbatch`` is asked, and told what would be asked for."""
    asked = tmp_path / "asked"
    sbatch = tmp_path / "bin/sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(
        f'#!/bin/sh\necho "$@" >> {asked}\necho "allocation failure: Requested node configuration is not available" >&2\nexit 1\n'
    )
    sbatch.chmod(0o755)
    for name in ("srun", "sinfo"):
        (sbatch.parent / name).symlink_to(sbatch)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
    project = make(tmp_path / "project")
    settings = (
        '\n[engine.slurm]\ntrain = { gpus = 8, options = { slurm_partition = "big" } }\ngenerate = { gpus = 1 }\n'
    )
    project.write("experiment.toml", project.experiment.read_text(encoding="utf-8") + settings)
    ran = harness("run", project.experiment, "--engine", "slurm")
    assert ran.code == 4
    assert ran.err == (
        "harness: [engine.slurm] generate: Slurm has no place for --time=240 --cpus-per-task=1 --gpus-per-node=1: "
        "allocation failure: Requested node configuration is not available\n"
    )
    assert asked.read_text().strip() == "--test-only --time=240 --cpus-per-task=1 --gpus-per-node=1 --wrap=true"
    assert not (project.folder / ".harness/adapters").exists()
