"""What is missing from the store, and what it is expected to take: found before anything is paid for.

todo = missing(matrix, store)
len(todo.jobs), todo.trials, todo.seconds      # 18, 27045, 840.0
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from harness.experiment import Experiment
from harness.machine import cores, gpus
from harness.matrix import Cell, Matrix
from harness.recipe import ELSEWHERE, ONLINE
from harness.store import Store
from harness.training.job import Job, examples


@dataclass(frozen=True, slots=True)
class Todo:
    """What is missing from the store, and what it is expected to take."""

    matrix: Matrix
    cells: tuple[Cell, ...]
    jobs: tuple[Job, ...]
    seconds_per_trial: float | None = None
    seconds_per_step: float | None = None
    workers: int = 1

    @property
    def trials(self) -> int:
        """An upper bound: a cell in part answered counts whole."""
        return sum(cell.size for cell in self.cells)

    @property
    def steps(self) -> int:
        return sum(steps_of(job) for job in self.jobs)

    @property
    def seconds(self) -> float | None:
        """Expected wall time, from what earlier work on this store took; None where nothing was measured yet."""
        if (self.trials and self.seconds_per_trial is None) or (self.steps and self.seconds_per_step is None):
            return None
        work = self.trials * (self.seconds_per_trial or 0.0) + self.steps * (self.seconds_per_step or 0.0)
        return work / self.workers


def missing(matrix: Matrix, store: Store) -> Todo:
    """What a run would do now."""
    complete = store.complete(matrix.sizes)
    seen: set[str] = set()
    cells = []
    for cell in matrix.cells:
        if cell.id not in complete and cell.id not in seen:
            seen.add(cell.id)
            cells.append(cell)
    needed = _with_starts(matrix, {cell.adapter for cell in cells if cell.adapter})
    # weights that are given or merged may serve several suites: they are made once
    named = {job.adapter: job for job in matrix.jobs if job.adapter in needed and not job.finished}
    jobs = list(named.values())
    rates = store.rates()
    count = workers(matrix.experiment) if cells or jobs else 1
    return Todo(matrix, tuple(cells), tuple(jobs), rates.trial, rates.step, count)


def _with_starts(matrix: Matrix, needed: set[str]) -> set[str]:
    """The adapters needed, and those that they start from."""
    out = set(needed)
    for job in reversed(matrix.jobs):
        if job.adapter in out:
            out.update(folder.name for folder in job.behind)
    return out


def steps_of(job: Job) -> int:
    """Optimiser steps of a training; none where another program takes them."""
    recipe = job.recipe
    if recipe.method in ELSEWHERE:
        return 0
    rows = len(examples(job))
    written = rows * recipe.generations if recipe.method in ONLINE else rows
    batch = recipe.batch_size * recipe.accumulate
    rewarding = ceil(ceil(rows / batch) * recipe.epochs) if recipe.method == "rlhf" else 0
    return max(1, ceil(ceil(written / batch) * recipe.epochs)) + rewarding


def workers(experiment: Experiment) -> int:
    """Processes that work at once: one a GPU (or as many GPUs as one training takes), or one a core."""
    return experiment.workers or gpus() // width(experiment) or cores()


def width(experiment: Experiment) -> int:
    """GPUs that a worker sees: those of the widest training."""
    return max((candidate.processes for candidate in experiment.candidates.values()), default=1)
