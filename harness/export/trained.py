"""Which trained candidates are meant, and what is known of them.

(one,) = find(matrix, ["sft@triage"], seed=None)
one.folder, one.job.recipe.method           # .harness/adapters/5f0c…, 'sft'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.errors import BadInput, Incomplete, suggest
from harness.matrix import Matrix
from harness.suite import Task
from harness.training.job import Job, read_training
from harness.trial import Training


@dataclass(frozen=True)
class Trained:
    """A finished training, with the suite that it is for."""

    job: Job
    task: Task
    matrix: Matrix

    @property
    def name(self) -> str:
        return f"{self.job.recipe_name}@{self.job.suite}"

    @property
    def folder(self) -> Path:
        return self.job.out

    @property
    def whole(self) -> bool:
        """Whether it is a model of its own and no adapter."""
        return not (self.folder / "adapter_config.json").is_file()

    @cached_property
    def record(self) -> Training:
        return read_training(self.folder)


def find(
    matrix: Matrix, names: Sequence[str], *, seed: int | None = None, model: str | None = None, trained: bool = True
) -> list[Trained]:
    """Candidates by ``CANDIDATE@SUITE``; of each the training with ``seed``, or the first.

    Raises:
        BadInput: for a name, seed or model that is not there.
        Incomplete: when it is not trained yet (``trained``).
    """
    if model is not None and model not in {base.id for base in matrix.experiment.bases}:
        raise BadInput(f"no base model {model!r}: {suggest(model, [base.id for base in matrix.experiment.bases])}")
    tasks = {task.suite.name: task for task in matrix.tasks}
    found: list[Trained] = []
    for name in names:
        jobs = [j for j in matrix.jobs if f"{j.recipe_name}@{j.suite}" == name and model in (None, j.model.id)]
        if not jobs:
            known = dict.fromkeys(f"{job.recipe_name}@{job.suite}" for job in matrix.jobs)
            raise BadInput(f"no candidate {name!r}: {suggest(name, known)}")
        if len({job.model.id for job in jobs}) > 1:
            raise BadInput(f"{name} has several base models: name one with --model")
        chosen = [job for job in jobs if seed in (None, job.seed)]
        if not chosen:
            raise BadInput(f"{name} has no training seed {seed}: {', '.join(str(job.seed) for job in jobs)} are there")
        if trained and not chosen[0].finished:
            raise Incomplete(f"{name} (seed {chosen[0].seed}) is not trained yet: run `harness run`")
        found.append(Trained(chosen[0], tasks[chosen[0].suite], matrix))
    return found
