"""The run: plan → train → generate → score, filling in only what the store does not hold yet.

    >>> outcome = run(load_experiment(Path("experiment.toml")), progress=Progress())
    >>> outcome.trained, outcome.generated, outcome.scored
    (18, 41230, 98120)

Killed anywhere, the next run goes on: finished batches are in the store, trainings have their checkpoints.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from heapq import nlargest
from math import ceil
from typing import Protocol

from harness.engine import Check, Generate, Pool, Train, Work
from harness.errors import present
from harness.experiment import Experiment
from harness.grade import checked
from harness.machine import cores, gpus, hardware, versions
from harness.matrix import Cell, Matrix, expand
from harness.metrics.judge import Judge
from harness.models import is_local, load_backend
from harness.probe import probed
from harness.scoring import Metrics, Scoring, hashes_of, metrics_of
from harness.store import Store, open_store
from harness.suite import Case
from harness.training.job import Job, examples, read_training
from harness.trial import Generation, Output, Training, Trial, output_of

UNCOLLECTED = 50_000
"""New objects before the garbage collector looks at them."""
LONGEST = 3
"""Prompts of each cell, longest by characters, that are measured in tokens before the work begins."""


class Progress(Protocol):
    """Who is told how far the run is."""

    def begin(self, todo: Todo) -> None: ...

    def train_step(self, label: str, step: int, total: int, loss: float | None) -> None: ...

    def trained(self, training: Training) -> None: ...

    def generated(self, count: int, errors: int) -> None: ...

    def scored(self, count: int) -> None: ...

    def end(self) -> None: ...


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


@dataclass(slots=True)
class Outcome:
    """What a run did."""

    matrix: Matrix
    trained: int = 0
    generated: int = 0
    errors: int = 0
    scored: int = 0


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
    jobs = [job for job in matrix.jobs if job.adapter in needed and not job.finished]
    rates = store.rates()
    count = workers(matrix.experiment) if cells or jobs else 1
    return Todo(matrix, tuple(cells), tuple(jobs), rates.trial, rates.step, count)


def _with_starts(matrix: Matrix, needed: set[str]) -> set[str]:
    """The adapters needed, and those that they start from."""
    out = set(needed)
    for job in reversed(matrix.jobs):
        if job.adapter in out and job.start_from is not None:
            out.add(job.start_from.name)
    return out


def steps_of(job: Job) -> int:
    """Optimiser steps of a training."""
    recipe = job.recipe
    batches = ceil(len(examples(job)) / (recipe.batch_size * recipe.accumulate))
    return max(1, ceil(batches * recipe.epochs))


def workers(experiment: Experiment) -> int:
    """Processes that work at once: one a GPU, or one a core."""
    return experiment.workers or gpus() or cores()


@contextmanager
def _in_bulk() -> Iterator[None]:
    """Rows are made by the hundred thousand and are in no cycle: a collector that looks for one after every 700 new
    objects, as Python's does, takes a tenth to a quarter of the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(UNCOLLECTED, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@_in_bulk()
def run(experiment: Experiment, *, progress: Progress, wait: float = 0.0, limit: int | None = None) -> Outcome:
    """Do what is missing and score it; with ``limit``, for the first cases of each split alone.

    Raises:
        BadInput: for anything wrong in what was given, before anything is paid for.
        StoreBusy: when another run holds the store.
        HarnessError: when a worker failed; what was finished is kept.
    """
    declared = expand(experiment, limit=limit)
    metrics = metrics_of(declared)
    with open_store(declared.experiment.home, write=True, wait=wait) as store:
        shares = hashes_of(metrics, amounts=False)
        matrix = probed(declared, store, shares)
        outcome = Outcome(matrix)
        while True:
            _fill(_Doing(matrix, store, progress, outcome, metrics))
            outcome.matrix, matrix = matrix, probed(declared, store, shares)
            if matrix.id == outcome.matrix.id:  # whom to probe is known when dev was measured
                return outcome


def _fill(doing: _Doing) -> None:
    """What is missing of one matrix; nothing is noted where nothing is, or this run would seem to have measured it."""
    matrix, store, experiment = doing.matrix, doing.store, doing.experiment
    store.declare(experiment.name, [cell.row for cell in matrix.cells])
    todo = missing(matrix, store)
    # asked before anything is paid for: what is never answered then shows as missing, and is never left out
    asked = store.asked(matrix.sizes)
    for cell in todo.cells:
        if cell.id not in asked:
            store.add_trials(cell.id, doing.scoring.checked(cell))
    if not (todo.cells or todo.jobs or doing.scoring.unscored()):
        return
    _refuse_missing(todo)
    started = store.start_run(experiment.name, experiment.model_dump(mode="json"), versions(), hardware())
    doing.progress.begin(todo)
    try:
        doing.do(todo)
    finally:
        doing.progress.end()
    store.finish_run(started)


def _refuse_missing(todo: Todo) -> None:
    """Packages and keys that the work will need are looked for before anything is paid for.

    Raises:
        MissingExtra: naming the package and the extra that brings it.
        BadInput: naming the key.
    """
    local = [cell for cell in todo.cells if is_local(cell.model)]
    if local:
        present("torch", "transformers", "peft", extra="train")
    if todo.jobs:
        present("trl", "datasets", "accelerate", extra="train")
    if any(cell.contender.technique == "constrain" for cell in local):
        present("llguidance", extra="train")
    if any(cell.suite.form == "choice" for cell in local):
        present("lm_eval", extra="lm-eval")
    judge = todo.matrix.experiment.judge
    if judge and not is_local(judge.base):
        load_backend(judge.base, home=todo.matrix.experiment.home).close()


def _length(trial: Trial) -> int:
    """Characters of a prompt, and of the reference where its likelihood is asked for."""
    return sum(len(message["content"]) for message in trial.messages) + len(trial.reference or "")


def _answered(generation: Generation, case: Case, documents: Sequence[str]) -> tuple[str, Case, Output]:
    return generation.trial_id, case, output_of(generation, documents)


@dataclass
class _Doing:
    """Training, generation and scoring under way: hands work to the pool, and everything that comes back to the store."""

    matrix: Matrix
    store: Store
    progress: Progress
    outcome: Outcome
    metrics: Metrics
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def experiment(self) -> Experiment:
        return self.matrix.experiment

    @cached_property
    def scoring(self) -> Scoring:
        return Scoring(self.matrix, self.store, self.metrics, self)

    def do(self, todo: Todo) -> None:
        # a training that finished just before a kill may not be in the store yet
        for job in self.matrix.jobs:
            if job.finished and self.store.training(job.adapter) is None:
                self.store.add_training(read_training(job.out))
        for cell in todo.cells:
            if not is_local(cell.model):
                self._here(cell)
        works = [*self._trainings(todo), *self._generations(todo)]
        if works:
            count = workers(self.experiment)
            with Pool(workers=count, threads=max(1, cores() // count)) as pool:
                pool.run(self._checks(todo), self)
                pool.run(works, self)
        self.scoring.rest()

    def _here(self, cell: Cell) -> None:
        """Served and scripted models need no worker of their own."""
        with closing(load_backend(cell.model, home=self.experiment.home)) as backend:
            for cases, trials in cell.chunks():
                asked = {trial.id: (case, trial.documents) for trial, case in zip(trials, cases, strict=True)}
                for batch in backend.generate(self._missing(trials)):
                    self.batch(batch)
                    self.scoring.at_once(cell, [_answered(g, *asked[g.trial_id]) for g in batch if g.error is None])

    def _checks(self, todo: Todo) -> list[Work]:
        """The longest prompts show whether all of them fit the model."""
        checks: list[Work] = []
        for model in filter(is_local, self.experiment.bases):
            cells = [cell for cell in todo.cells if cell.model == model]
            longest = tuple(trial for cell in cells for trial in nlargest(LONGEST, cell.trials(), key=_length))
            checks.append(Check(f"model {model.id}", model, self.experiment.home, longest))
        return checks

    def _trainings(self, todo: Todo) -> list[Work]:
        for job in todo.jobs:
            self.labels[job.adapter] = f"{job.recipe_name}@{job.suite} seed {job.seed}"
        return [
            Train(job.adapter, job, frozenset({job.start_from.name} if job.start_from else ())) for job in todo.jobs
        ]

    def _generations(self, todo: Todo) -> list[Work]:
        return [
            Generate(
                key=f"{cell.contender.name} on {cell.suite.name} ({cell.id})",
                model=cell.model,
                home=self.experiment.home,
                expand=partial(self._missing_of, cell),
                batch_tokens=self.experiment.batch_tokens,
                needs=frozenset({cell.adapter} if cell.adapter else ()),
            )
            for cell in todo.cells
            if is_local(cell.model)
        ]

    def _missing_of(self, cell: Cell) -> list[Trial]:
        return self._missing(list(cell.trials()))

    def _missing(self, trials: list[Trial]) -> list[Trial]:
        """Those that have no answer, each question once."""
        wanted = self.store.missing([trial.id for trial in trials])
        return list({trial.id: trial for trial in trials if trial.id in wanted}.values())

    def ask(self, judge: Judge, trials: list[Trial]) -> None:
        """The replies of a judge that are missing, stored as they come."""
        model, missing = judge.grader.model, self._missing(trials)
        if missing and is_local(model):
            work = Generate(f"judge {model.id}", model, self.experiment.home, lambda: missing)
            with Pool(workers=1, threads=cores()) as pool:
                pool.run([work], _Replies(self, judge))
        elif missing:
            with closing(load_backend(model, home=self.experiment.home)) as backend:
                for batch in backend.generate(missing):
                    _Replies(self, judge).batch(batch)

    def scored(self, count: int) -> None:
        self.outcome.scored += count
        self.progress.scored(count)

    # --- what the pool tells ------------------------------------------------------------------------------------------

    def batch(self, generations: list[Generation]) -> None:
        self.store.add_generations(generations)
        errors = sum(generation.error is not None for generation in generations)
        self.outcome.generated += len(generations)
        self.outcome.errors += errors
        self.progress.generated(len(generations), errors)

    def trained(self, training: Training) -> None:
        self.store.add_training(training)
        self.outcome.trained += 1
        self.progress.trained(training)

    def step(self, key: str, step: int, total: int, loss: float | None) -> None:
        self.progress.train_step(self.labels.get(key, key), step, total, loss)

    def finished(self, work: Work) -> None:
        pass


@dataclass
class _Replies:
    """Where a judge's replies go: as all answers, but for those that cannot be read."""

    doing: _Doing
    judge: Judge

    def batch(self, generations: list[Generation]) -> None:
        self.doing.batch([checked(self.judge, generation) for generation in generations])

    def trained(self, training: Training) -> None: ...

    def step(self, key: str, step: int, total: int, loss: float | None) -> None: ...

    def finished(self, work: Work) -> None: ...
