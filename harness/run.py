"""The run: plan → train → generate → score, filling in only what the store does not hold yet.

    >>> outcome = run(load_experiment(Path("experiment.toml")), progress=Progress())
    >>> outcome.trained, outcome.generated, outcome.scored
    (18, 41230, 98120)

Killed anywhere, the next run goes on: finished batches are in the store, trainings have their checkpoints.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from heapq import nlargest
from typing import Protocol

from harness.bundle import bundles
from harness.engine import Check, Engine, Generate, Train, Work, open_engine
from harness.errors import BadInput, Incomplete, present
from harness.experiment import Experiment, Model
from harness.files.whole import fault_in
from harness.grade import Deferred, checked
from harness.machine import hardware, versions
from harness.matrix import Cell, Matrix, expand
from harness.metrics.juror import Juror
from harness.models import is_local
from harness.models.flight import OutOfMoney
from harness.plural import plural
from harness.resources import Role
from harness.rounds import grown, settle
from harness.scoring import Metrics, Scoring, hashes_of, metrics_of
from harness.store import Store, open_store
from harness.suite import Case
from harness.todo import Todo, missing, workers
from harness.training.job import Job, read_training
from harness.trial import Generation, Output, Step, Training, Trial, output_of
from harness.vendors import Spending, Vendors
from harness.verdict.economics.memo import usd

UNCOLLECTED = 50_000
"""New objects before the garbage collector looks at them."""
LONGEST = 3
"""Prompts of each cell, longest by characters, that are measured in tokens before the work begins."""


class Progress(Protocol):
    """Who is told how far the run is."""

    def begin(self, todo: Todo) -> None: ...

    def train_step(self, label: str, step: Step) -> None: ...

    def trained(self, training: Training) -> None: ...

    def generated(self, count: int, errors: int) -> None: ...

    def scored(self, count: int) -> None: ...

    def waiting(self, said: str) -> None:
        """What a vendor's batch is doing."""
        ...

    def end(self) -> None: ...


@dataclass(slots=True)
class Outcome:
    """What a run did."""

    matrix: Matrix
    trained: int = 0
    generated: int = 0
    errors: int = 0
    scored: int = 0


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
def run(
    experiment: Experiment,
    *,
    progress: Progress,
    wait: float = 0.0,
    limit: int | None = None,
    say: Callable[[str], None] = lambda line: None,
    spending: Spending | None = None,
    engine: str = "local",
) -> Outcome:
    """Do what is missing and score it; with ``limit``, for the first cases of each split alone. ``say`` is told what the
    store has to say: who is in the way, what was upgraded. ``engine`` is one of ``harness.engine.ENGINES``.

    Raises:
        BadInput: for anything wrong in what was given, before anything is paid for.
        Incomplete: when more would cost more than may be spent; what was answered is kept.
        StoreBusy: when another run holds the store.
        HarnessError: when a worker failed; what was finished is kept.
    """
    declared = expand(experiment, limit=limit)
    metrics = metrics_of(declared)
    with open_store(declared.experiment.home, write=True, wait=wait, say=say) as store:
        shares = hashes_of(metrics, amounts=False)
        matrix = grown(declared, store, shares)
        outcome = Outcome(matrix)
        vendors = Vendors(experiment, store, spending or Spending(), progress.waiting)
        with closing(vendors), open_engine(engine, declared.experiment, say=progress.waiting) as where:
            if rows := where.left(store.add_generations):
                say(f"{plural(rows, 'answer')} of a run that was killed taken in")
            while True:
                _fill(Doing(matrix, store, progress, outcome, metrics, vendors, where))
                if settle(declared, store, shares):  # a recipe is found, and what is compared with it may be another
                    declared = expand(experiment, limit=limit)
                    metrics = metrics_of(declared)
                    shares = hashes_of(metrics, amounts=False)
                outcome.matrix, matrix = matrix, grown(declared, store, shares)
                if matrix.id == outcome.matrix.id:  # whom to try or to probe is known when dev was measured
                    return outcome


@contextmanager
def asking(matrix: Matrix, store: Store, metrics: Metrics, progress: Progress) -> Iterator[Scoring]:
    """The scoring of a matrix outside a run: its ``replies`` asks a judge and keeps what it says."""
    with doing(matrix, store, metrics, progress) as here:
        yield here.scoring


@contextmanager
def doing(
    matrix: Matrix, store: Store, metrics: Metrics, progress: Progress, *, spending: Spending | None = None
) -> Iterator[Doing]:
    """Vendors, an engine and a scoring on one account, outside a run."""
    vendors = Vendors(matrix.experiment, store, spending or Spending(), progress.waiting)
    with closing(vendors), open_engine("local", matrix.experiment, say=progress.waiting) as engine:
        yield Doing(matrix, store, progress, Outcome(matrix), metrics, vendors, engine)


def _fill(doing: Doing) -> None:
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
    _refuse_missing(todo, doing.vendors)
    works = doing.works(todo)
    doing.engine.refuse(_roles(works, experiment))
    started = store.start_run(experiment.name, experiment.model_dump(mode="json"), versions(), hardware())
    doing.progress.begin(todo)
    try:
        doing.do(todo, works)
    except OutOfMoney:
        raise Incomplete(_stopped(doing)) from None
    finally:
        doing.progress.end()
    store.finish_run(started)


def _roles(works: Sequence[Work], experiment: Experiment) -> set[Role]:
    """What the works are, and the gradings that will follow them."""
    judges = experiment.judge.bases if experiment.judge else ()
    return {work.role for work in works}.union(["judge"] if any(map(is_local, judges)) else [])


def _stopped(doing: Doing) -> str:
    """What was spent and what is missing, when the next request might have passed the limit."""
    store, account = doing.store, doing.vendors.account
    answers = sum(count.missing + count.failed for count in store.counts(doing.experiment.name))
    ungraded = sum(len(answers) for _, _, answers in doing.scoring.ungraded())
    missing = [plural(answers, "answer")] if answers else []
    missing += [plural(ungraded, "grading")] if ungraded else []
    return (
        f"stopped before --max-cost {usd(account.limit)} would be passed: {usd(account.spent)} spent; what was answered is "
        f"kept, and {' and '.join(missing) or 'nothing'} missing: run again to go on"
    )


def _refuse_missing(todo: Todo, vendors: Vendors) -> None:
    """Packages, keys and prices that the work will need are looked for before anything is paid for.

    Raises:
        MissingExtra: naming the package and the extra that brings it.
        BadInput: naming the key, or the model without a price.
    """
    _refuse_damaged(todo)
    local = [cell for cell in todo.cells if is_local(cell.model)]
    if local:
        present("torch", "transformers", "peft", extra="train")
    if todo.jobs:
        present("trl", "datasets", "accelerate", extra="train")
        present(*todo.matrix.experiment.report_to, extra="track")
    whole = {job.out for job in todo.matrix.jobs if job.recipe.adapter.kind == "full"}
    if any(not whole.isdisjoint(job.parts) for job in todo.jobs):
        present("mergekit", extra="merge")
    if any(cell.contender.technique == "constrain" for cell in local):
        present("llguidance", extra="train")
    if any(cell.suite.form == "choice" for cell in local):
        present("lm_eval", extra="lm-eval")
    judge = todo.matrix.experiment.judge
    asked = {cell.model.id: cell.model for cell in todo.cells}
    vendors.check([*asked.values(), *(judge.bases if judge else ())])


def _named(cells: list[Cell]) -> str:
    """The name of a piece of work: its first cell's, whose id is in no other."""
    first, others = cells[0], len(cells) - 1
    more = f" and {plural(others, 'more cell')}" if others else ""
    return f"{first.contender.name} on {first.suite.name} ({first.id}){more}"


def _refuse_damaged(todo: Todo) -> None:
    """A finished adapter that is not whole any more would be found out when all others had been trained.

    Raises:
        BadInput: naming its folder.
    """
    needed = {cell.adapter for cell in todo.cells} | {folder.name for job in todo.jobs for folder in job.behind}
    for job in todo.matrix.jobs:
        if job.adapter in needed and job.finished and (wrong := fault_in(job.out)):
            raise BadInput(
                f"{job.out}: {wrong}: move this folder away and run again, which trains the adapter anew ({job.named})"
            )


def _length(trial: Trial) -> int:
    """Characters of a prompt, and of the reference where its likelihood is asked for."""
    return sum(len(message["content"]) for message in trial.messages) + len(trial.reference or "")


def _answered(generation: Generation, case: Case, documents: Sequence[str]) -> tuple[str, Case, Output]:
    return generation.trial_id, case, output_of(generation, documents)


@dataclass
class Doing:
    """Training, generation and scoring under way: hands work to the engine, and everything that comes back to the store."""

    matrix: Matrix
    store: Store
    progress: Progress
    outcome: Outcome
    metrics: Metrics
    vendors: Vendors
    engine: Engine
    labels: dict[str, str] = field(default_factory=dict)
    later: dict[str, tuple[Juror, Trial]] = field(default_factory=dict)
    """Questions to a judge that are answered in batches, by id."""
    asked: set[str] = field(default_factory=set)
    """Those of them that have come back in this run, whatever came."""

    @property
    def experiment(self) -> Experiment:
        return self.matrix.experiment

    @cached_property
    def scoring(self) -> Scoring:
        return Scoring(self.matrix, self.store, self.metrics, self)

    def works(self, todo: Todo) -> list[Work]:
        """What the engine has to do: prompts are checked before anything else."""
        checks = self._checks(todo)
        first = frozenset(check.key for check in checks)
        return [*checks, *self._trainings(todo, first), *self._generations(todo, first)]

    def do(self, todo: Todo, works: Sequence[Work]) -> None:
        for job in self.matrix.jobs:
            if job.finished:
                self._finished(job)
        for model in {cell.model.id: cell.model for cell in todo.cells if not is_local(cell.model)}.values():
            cells = [cell for cell in todo.cells if cell.model == model]
            if self.vendors.batched(model):
                self._in_batches(model, cells)
            else:
                for cell in cells:
                    self._here(cell)
        if works:
            self.engine.run(works, self)
        self.scoring.rest()
        while self.later:
            self.graded_in_batches()
            self.scoring.rest()

    def _finished(self, job: Job) -> None:
        """A training that came to its end just before a kill may not be in the store yet, and its checkpoints may be left."""
        if self.store.training(job.adapter) is None:
            self.store.add_training(read_training(job.out))
        shutil.rmtree(job.work, ignore_errors=True)

    def _here(self, cell: Cell) -> None:
        """Served and scripted models need no worker of their own."""
        for cases, trials in cell.chunks():
            asked = {trial.id: (case, trial.documents) for trial, case in zip(trials, cases, strict=True)}
            for batch in self.vendors.answers(cell.model, self._missing(trials)):
                self.batch(batch)
                self.scoring.at_once(cell, [_answered(g, *asked[g.trial_id]) for g in batch if g.error is None])

    def _in_batches(self, model: Model, cells: list[Cell]) -> None:
        """All cells of a model together: a batch may take a day."""
        for batch in self.vendors.answers(model, self._missing([t for cell in cells for t in cell.trials()])):
            self.batch(batch)

    def graded_in_batches(self) -> None:
        """All questions to judges that wait, a model at a time; whether some have to be asked again shows the next scoring."""
        later, self.later = self.later, {}
        self.asked |= set(later)
        for model in {juror.grader.model.id: juror.grader.model for juror, _ in later.values()}.values():
            trials = [trial for juror, trial in later.values() if juror.grader.model == model]
            for batch in self.vendors.answers(model, trials):
                self.batch([checked(later[generation.trial_id][0], generation) for generation in batch])

    def _checks(self, todo: Todo) -> list[Work]:
        """The longest prompts show whether all of them fit the model."""
        checks: list[Work] = []
        for model in filter(is_local, self.experiment.bases):
            cells = [cell for cell in todo.cells if cell.model == model]
            longest = tuple(trial for cell in cells for trial in nlargest(LONGEST, cell.trials(), key=_length))
            if longest:
                checks.append(Check(f"model {model.id}", model, self.experiment.home, longest))
        return checks

    def _trainings(self, todo: Todo, first: frozenset[str]) -> list[Work]:
        for job in todo.jobs:
            self.labels[job.adapter] = f"{job.recipe_name}@{job.suite} seed {job.seed}"
        return [Train(job.adapter, job, first.union(folder.name for folder in job.behind)) for job in todo.jobs]

    def _generations(self, todo: Todo, first: frozenset[str]) -> list[Work]:
        waited_for = {
            job.adapter for job in todo.jobs if job.recipe.method != "given"
        }  # what is given is there at once
        return [
            Generate(
                key=_named(some),
                model=model,
                home=self.experiment.home,
                expand=partial(self._missing_of, some),
                batch_tokens=self.experiment.batch_tokens,
                needs=first.union(cell.adapter for cell in some if cell.adapter),
                size=sum(cell.size for cell in some),
            )
            for model in filter(is_local, self.experiment.bases)
            for some in self._bundles([cell for cell in todo.cells if cell.model == model], waited_for)
        ]

    def _bundles(self, cells: list[Cell], waited_for: set[str]) -> list[list[Cell]]:
        if not self.experiment.mix_adapters:
            return [[cell] for cell in cells]
        return bundles(cells, ready=lambda name: name not in waited_for, workers=workers(self.experiment))

    def _missing_of(self, cells: list[Cell]) -> list[Trial]:
        return self._missing([trial for cell in cells if not self._lost(cell) for trial in cell.trials()])

    def _lost(self, cell: Cell) -> bool:
        """Whether it would ask an adapter of a search whose training went astray: there is none."""
        training = self.store.training(cell.adapter) if cell.contender.searches and cell.adapter else None
        return training is not None and training.diverged

    def _missing(self, trials: list[Trial]) -> list[Trial]:
        """Those that have no answer, each question once."""
        wanted = self.store.missing([trial.id for trial in trials])
        return list({trial.id: trial for trial in trials if trial.id in wanted}.values())

    def ask(self, juror: Juror, trials: list[Trial]) -> None:
        """The replies of a juror that are missing, stored as they come.

        Raises:
            Deferred: when they are made in batches, together with those to all other answers.
        """
        model, missing = juror.grader.model, self._missing(trials)
        if self.vendors.batched(model):
            later = {trial.id: (juror, trial) for trial in missing if trial.id not in self.asked}
            self.later |= later
            if later:
                raise Deferred
            return
        if missing and is_local(model):
            home, size = self.experiment.home, len(missing)
            work = Generate(f"judge {model.id}", model, home, lambda: missing, size=size, juror=juror)
            self.engine.run([work], self)
        else:
            for batch in self.vendors.answers(model, missing):
                self.batch([checked(juror, generation) for generation in batch])

    def scored(self, count: int) -> None:
        self.outcome.scored += count
        self.progress.scored(count)

    # --- what the engine tells ------------------------------------------------------------------------------------------

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

    def step(self, key: str, step: Step) -> None:
        self.progress.train_step(self.labels.get(key, key), step)
