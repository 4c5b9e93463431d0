"""The run: plan → train → generate → score, filling in only what the store does not hold yet.

    >>> outcome = run(load_experiment(Path("experiment.toml")), progress=Progress())
    >>> outcome.trained, outcome.generated, outcome.scored
    (18, 41230, 98120)

Killed anywhere, the next run goes on: finished batches are in the store, trainings have their checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from heapq import nlargest
from math import ceil
from typing import Protocol

from harness.engine import Check, Generate, Pool, Train, Work
from harness.errors import HarnessError
from harness.experiment import Experiment
from harness.machine import cores, gpus, hardware, versions
from harness.matrix import Cell, Matrix, expand
from harness.metrics import Metric, load_metric
from harness.models import is_local, load_backend
from harness.prompt import final_answer
from harness.store import CellRow, Store, open_store
from harness.suite import Case
from harness.training.job import Job, examples, read_training
from harness.trial import Generation, Score, Training, Trial

SCORE_BATCH = 20_000
Answered = tuple[str, str, str]
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
    complete = store.complete({cell.id for cell in matrix.cells})
    seen: set[str] = set()
    cells = []
    for cell in matrix.cells:
        if cell.id not in complete and cell.id not in seen:
            seen.add(cell.id)
            cells.append(cell)
    needed = _with_starts(matrix, {cell.adapter for cell in cells if cell.adapter})
    jobs = [job for job in matrix.jobs if job.adapter in needed and not job.finished]
    rates = store.rates()
    return Todo(matrix, tuple(cells), tuple(jobs), rates.trial, rates.step, workers(matrix.experiment))


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


def run(experiment: Experiment, *, progress: Progress, wait: float = 0.0, limit: int | None = None) -> Outcome:
    """Do what is missing and score it; with ``limit``, for the first cases of each split alone.

    Raises:
        BadInput: for anything wrong in what was given, before anything is paid for.
        StoreBusy: when another run holds the store.
        HarnessError: when a worker failed; what was finished is kept.
    """
    matrix = expand(experiment, limit=limit)
    experiment = matrix.experiment
    with open_store(experiment.home, write=True, wait=wait) as store:
        store.declare(experiment.name, [_row(cell) for cell in matrix.cells])
        todo = missing(matrix, store)
        # asked before anything is paid for: what is never answered then shows as missing, and is never left out
        longest = [trial for cell in todo.cells for trial in _ask(store, cell)]
        outcome = Outcome(matrix)
        started = store.start_run(experiment.name, experiment.model_dump(mode="json"), versions(), hardware())
        progress.begin(todo)
        try:
            _Doing(experiment, store, progress, outcome).do(todo, longest)
            _score(matrix, store, progress, outcome)
        finally:
            progress.end()
        store.finish_run(started)
    return outcome


def _ask(store: Store, cell: Cell) -> list[Trial]:
    """Note what a cell asks; returns its longest prompts, which show whether they fit the model."""
    trials = cell.trials()
    store.add_trials(cell.id, trials)
    return nlargest(LONGEST, trials, key=lambda trial: sum(len(message["content"]) for message in trial.messages))


def _row(cell: Cell) -> CellRow:
    return CellRow(
        cell=cell.id,
        suite=cell.suite.name,
        contender=cell.contender.name,
        technique=cell.contender.technique,
        model=cell.model.id,
        training_seed=cell.seed,
        adapter=cell.adapter,
    )


@dataclass
class _Doing:
    """Training and generation under way: hands work to the pool, and everything that comes back to the store."""

    experiment: Experiment
    store: Store
    progress: Progress
    outcome: Outcome
    labels: dict[str, str] = field(default_factory=dict)

    def do(self, todo: Todo, longest: Sequence[Trial]) -> None:
        # a training that finished just before a kill may not be in the store yet
        for job in todo.matrix.jobs:
            if job.finished and self.store.training(job.adapter) is None:
                self.store.add_training(read_training(job.out))
        for cell in todo.cells:
            if not is_local(cell.model):
                self._here(cell)
        works = [*self._trainings(todo), *self._generations(todo)]
        if works:
            count = workers(self.experiment)
            with Pool(workers=count, threads=max(1, cores() // count)) as pool:
                pool.run(self._checks(longest), self)
                pool.run(works, self)

    def _here(self, cell: Cell) -> None:
        """Served and scripted models need no worker of their own."""
        backend = load_backend(cell.model, home=self.experiment.home)
        try:
            for batch in backend.generate(self._missing(cell)):
                self.batch(batch)
        finally:
            backend.close()

    def _checks(self, longest: Sequence[Trial]) -> list[Work]:
        return [
            Check(f"model {model.id}", model, self.experiment.home, tuple(t for t in longest if t.model == model.id))
            for model in self.experiment.bases
            if is_local(model)
        ]

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
                expand=partial(self._missing, cell),
                batch_tokens=self.experiment.batch_tokens,
                needs=frozenset({cell.adapter} if cell.adapter else ()),
            )
            for cell in todo.cells
            if is_local(cell.model)
        ]

    def _missing(self, cell: Cell) -> list[Trial]:
        trials = cell.trials()
        wanted = self.store.missing([trial.id for trial in trials])
        return list({trial.id: trial for trial in trials if trial.id in wanted}.values())

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


def metrics_of(matrix: Matrix) -> dict[str, dict[str, Metric]]:
    """Suite → metric name → metric, the deciding one first."""
    return {
        task.suite.name: {name: load_metric(name, task.suite) for name in task.suite.all_metrics}
        for task in matrix.tasks
    }


def _score(matrix: Matrix, store: Store, progress: Progress, outcome: Outcome) -> None:
    metrics = metrics_of(matrix)
    cells = {cell.id: cell for cell in matrix.cells}
    hashes = {suite: {name: metric.hash for name, metric in named.items()} for suite, named in metrics.items()}
    for cell_id, metric_name in store.unscored_cells(matrix.experiment.name, hashes):
        cell = cells[cell_id]
        metric = metrics[cell.suite.name][metric_name]
        cases = {case.id: case for case in cell.task.cases}
        answers = store.unscored(cell_id, metric.name, metric.hash)
        for batch in _chunks(answers, SCORE_BATCH):
            scores = [_scored(metric, cell, cases[case_id], trial_id, text) for trial_id, case_id, text in batch]
            store.add_scores(scores)
            outcome.scored += len(scores)
            progress.scored(len(scores))


def _scored(metric: Metric, cell: Cell, case: Case, trial_id: str, text: str) -> Score:
    try:
        value = metric(case, final_answer(cell.contender, text))
    except HarnessError as error:
        return Score(trial_id, metric.name, metric.hash, None, str(error))
    return Score(trial_id, metric.name, metric.hash, value)


def _chunks(items: Sequence[Answered], size: int) -> Iterator[Sequence[Answered]]:
    return (items[start : start + size] for start in range(0, len(items), size))
