"""The experiment matrix, printable before it is paid for: base models × contenders × suites × training seeds.

    >>> matrix = expand(load_experiment(Path("experiment.toml")))
    >>> len(matrix.cells), len(matrix.jobs)
    (142, 18)

A cell is one contender (with one adapter, where it is tuned) on one suite. Its id is the fingerprint of everything that
can change its answers, so a cell that the store calls complete is never expanded into trials again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

from harness.contender import Contender
from harness.declaration import declare
from harness.errors import BadInput
from harness.experiment import Experiment, Model, contenders, load_tasks
from harness.fingerprint import fingerprint
from harness.jobs import Trainings, trainings
from harness.metrics import LENIENT, asks_likelihood
from harness.metrics.json import read_schema
from harness.models import identity, is_local
from harness.prompt import Prompter
from harness.regression.guards import load_guards
from harness.sought import Sought
from harness.store import CellRow, batches
from harness.suite import BLESSED, Case, Split, Suite, Task
from harness.training.job import Job
from harness.trial import PASSAGE, Trial, ask_ids
from harness.verdict.economics import located
from harness.verdict.policy import Policy

SPLITS: tuple[Split, ...] = ("dev", "test")


@dataclass(frozen=True)
class Cell:
    """One contender on one suite with one base model; ``seed`` and ``adapter`` where it is tuned."""

    model: Model
    identity: str
    task: Task
    contender: Contender
    prompter: Prompter
    seed: int | None = None
    adapter: str | None = None

    @cached_property
    def id(self) -> str:
        return fingerprint(self.identity, self.prompter.content, self.adapter)

    @property
    def suite(self) -> Suite:
        return self.task.suite

    @cached_property
    def schema(self) -> str | None:
        """The JSON schema that answers are held to, where the contender is constrained."""
        if self.contender.technique != "constrain" or not self.suite.schema_file:
            return None
        return json.dumps(read_schema(self.suite.path(self.suite.schema_file)), ensure_ascii=False)

    @property
    def cases(self) -> Collection[Case]:
        """What is asked: every case, or those of one split alone."""
        split = self.contender.split
        return self.task.cases if split is None else self.task.split(split)

    @property
    def size(self) -> int:
        split = self.contender.split
        cases = len(self.task.cases) if split is None else self.task.counts[split]
        return cases * self.contender.samples

    @property
    def row(self) -> CellRow:
        """Where it stands, for the store."""
        return CellRow(
            cell=self.id,
            suite=self.suite.name,
            contender=self.contender.name,
            technique=self.contender.technique,
            model=self.model.id,
            training_seed=self.seed,
            adapter=self.adapter,
            data_fraction=self.contender.share,
        )

    def trials(self) -> Iterator[Trial]:
        """The trials of the cell, one for each case in their order and each sample."""
        return chain.from_iterable(trials for _, trials in self.chunks())

    def chunks(self) -> Iterator[tuple[list[Case], list[Trial]]]:
        """A case for each trial, and the trials; as many at once as may be in memory."""
        samples = self.contender.samples
        for cases in batches(self.cases):
            asked = cases if samples == 1 else [case for case in cases for _ in range(samples)]
            yield asked, self._trials(cases)

    def _trials(self, cases: list[Case]) -> list[Trial]:
        suite, contender, technique = self.suite.name, self.contender.name, self.contender.technique
        model, seed, adapter, schema = self.model.id, self.seed, self.adapter, self.schema
        likelihood = any(map(asks_likelihood, self.suite.all_metrics))
        choice_by = PASSAGE if self.suite.form == "text" else self.suite.choice_by
        limit, temperature = self.suite.max_new_tokens, self.contender.temperature
        ask_id = ask_ids(
            model=self.identity,
            adapter=adapter,
            max_new_tokens=limit,
            choice_by=choice_by,
            schema=schema,
            temperature=temperature,
            likelihood=likelihood,
        )
        repeats = range(self.contender.samples)
        return [
            Trial(  # in the order of its fields: by their names it takes twice as long
                ask_id(messages, case, repeat),
                suite,
                contender,
                technique,
                model,
                case.id,
                case.split,
                case.cluster,
                messages,
                limit,
                seed,
                repeat,
                adapter,
                documents,
                case.choices,
                choice_by,
                schema,
                temperature,
                case.reference if likelihood else None,
            )
            for case, (messages, documents) in zip(cases, self.prompter.ask_all(cases), strict=True)
            for repeat in repeats
        ]


@dataclass(frozen=True)
class Matrix:
    """Everything that an experiment asks for. ``jobs`` are in an order that training can follow; what a search in ``sought`` has
    not found yet stands as it is declared.
    """

    experiment: Experiment
    tasks: tuple[Task, ...]
    cells: tuple[Cell, ...]
    jobs: tuple[Job, ...]
    sought: tuple[Sought, ...] = ()

    @cached_property
    def id(self) -> str:
        """Fingerprint of the whole map: which cell stands where."""
        return fingerprint([(c.id, c.suite.name, c.contender.name, c.model.id, c.seed) for c in self.cells])

    @cached_property
    def policy(self) -> Policy:
        """The experiment's policy, with every suite's metric, role and margins filled in from its declaration."""
        given = dict(self.experiment.policy)
        suites: dict[str, dict[str, Any]] = {}
        for task in self.tasks:
            suite = task.suite
            said = {key: getattr(suite, key) for key in ("metric", "role", "margin", "noninferiority", "lenient")}
            suites[suite.name] = {key: value for key, value in said.items() if value is not None}
        for name, more in dict(given.pop("suites", {})).items():
            suites[name] = {**suites.get(name, {}), **more}
        merged = {name: list(one.parts) for name, one in self.experiment.candidates.items() if one.parts}
        if merged:
            said = dict(given.get("merge", {}))
            given["merge"] = {**said, "parts": {**merged, **dict(said.get("parts", {}))}}
        declared = located({**given, "suites": suites}, self.experiment.folder)
        return declare(Policy, declared, where=f"{self.experiment.folder}: [policy]")

    @property
    def sizes(self) -> dict[str, int]:
        """Cell → how many trials it has."""
        return {cell.id: cell.size for cell in self.cells}

    def task(self, suite: str) -> Task:
        return next(task for task in self.tasks if task.suite.name == suite)


def expand(experiment: Experiment, *, limit: int | None = None) -> Matrix:
    """The matrix of an experiment; ``limit`` keeps the first cases of each split, under an experiment name of its own.

    Raises:
        BadInput: for anything wrong in a declaration, a suite's data or a model's path.
    """
    tasks = _tasks(experiment)
    if limit is not None:
        tasks = [Task(suite=t.suite, cases=tuple(c for s in SPLITS for c in t.split(s)[:limit])) for t in tasks]
        experiment = experiment.model_copy(update={"name": f"{experiment.name} (first {limit})"})
    if experiment.probes:
        tasks = [_read_leniently(task) for task in tasks]
    cells: list[Cell] = []
    made: list[Job] = []
    sought: list[Sought] = []
    if experiment.candidates and not any(is_local(model) for model in experiment.bases):
        raise BadInput(
            f"{experiment.folder}: candidates are declared, but no model of {[m.id for m in experiment.bases]} runs here: "
            "served and scripted models cannot be trained; add a Hugging Face id or path, or remove [candidates]"
        )
    for model in experiment.bases:
        one = _Expansion(experiment, tasks, model, identity(model))
        made += one.trainings.jobs.values()
        sought += one.trainings.sought
        cells += one.cells()
    if any(cell.contender.name == BLESSED for cell in cells):
        raise BadInput(
            f"{experiment.folder / experiment.file}: a contender is called {BLESSED!r}, which is the name of what `harness bless` "
            "recorded: give it another name"
        )
    matrix = Matrix(experiment, tuple(tasks), tuple(cells), tuple(made), tuple(sought))
    _ = matrix.policy  # wrong keys are said now, not after an hour
    return matrix


def _tasks(experiment: Experiment) -> list[Task]:
    """Suites and guards.

    Raises:
        BadInput: for two of one name, and as loading them.
    """
    tasks, guards = load_tasks(experiment), load_guards(experiment)
    for name in {task.suite.name for task in tasks} & {task.suite.name for task in guards}:
        raise BadInput(
            f"{experiment.folder / experiment.file}: guards: there is a suite {name!r} too: leave one of them out"
        )
    return [*tasks, *guards]


def _read_leniently(task: Task) -> Task:
    """A deciding suite with a lenient metric beside its own, where there is one."""
    suite = task.suite
    lenient = suite.lenient or LENIENT.get(suite.metric)
    if suite.role != "decide" or lenient == suite.lenient:
        return task
    return replace(task, suite=suite.model_copy(update={"lenient": lenient}))


@dataclass
class _Expansion:
    """One base model's part of the matrix."""

    experiment: Experiment
    tasks: list[Task]
    model: Model
    identity: str

    @cached_property
    def trainings(self) -> Trainings:
        """What makes the adapters."""
        if not is_local(self.model):
            return Trainings()
        return trainings(self.experiment, self.tasks, self.model, self.identity)

    def cells(self) -> list[Cell]:
        """Every cell of the model. One that is not here is neither trained nor asked for likelihoods."""
        if not is_local(self.model):
            return [c for task in self.tasks if task.suite.written for c in self._cells(task) if not c.contender.tuned]
        plain = [cell for task in self.tasks for cell in self._cells(task)]
        return plain + [cell for task in self.tasks if not task.suite.written for cell in self._guarded(task)]

    def _cells(self, task: Task) -> list[Cell]:
        return [
            self._cell(task, contender, seed)
            for contender in contenders(self.experiment, task.suite)
            for seed in (self.experiment.seeds_of(contender.recipe) if contender.recipe else (None,))
        ]

    def _cell(self, task: Task, contender: Contender, seed: int | None) -> Cell:
        adapter = None
        if contender.recipe is not None and seed is not None and is_local(self.model):
            adapter = self.trainings.jobs[task.suite.name, contender.recipe, seed].adapter
        prompter = Prompter(task, contender, seed=self.experiment.seed)
        return Cell(self.model, self.identity, task, contender, prompter, seed, adapter)

    def _guarded(self, guard: Task) -> list[Cell]:
        """Every candidate of every suite is asked a suite of likelihoods too, as ``sft@triage``."""
        out = []
        for task in self.tasks:
            for contender in contenders(self.experiment, task.suite):
                for seed in self.experiment.seeds_of(contender.recipe) if contender.recipe else ():
                    fielded = Contender(
                        name=f"{contender.name}@{task.suite.name}", technique="tune", recipe=contender.recipe
                    )
                    adapter = self.trainings.jobs[task.suite.name, contender.recipe or "", seed].adapter
                    prompter = Prompter(guard, fielded, seed=self.experiment.seed)
                    out.append(Cell(self.model, self.identity, guard, fielded, prompter, seed, adapter))
        return out
