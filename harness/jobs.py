"""The trainings of a matrix, before any is done: which candidate, on which suite's rows, by which seed, from what.

trainings(experiment, tasks, model, identity(model)).jobs["triage", "sft", 1000].adapter      # '5f0c…'

A candidate whose recipe is searched for has the recipe that its search has found, and until then stands here as declared.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.contender import Contender
from harness.errors import BadInput, suggest
from harness.experiment import Candidate, Experiment, Model, data_of, trains_on
from harness.fingerprint import fingerprint
from harness.metrics import load_metric
from harness.prompt import Prompter
from harness.recipe import ELSEWHERE, FLOAT_ONLY, OF_WHOLE, ONLINE, QUANTISED_ONLY
from harness.sought import Sought
from harness.suite import Case, Suite, Task
from harness.training.adopt import content
from harness.training.job import Exam, Job, Reward, adapter_fingerprint
from harness.training.looks import SAMPLE
from harness.training.rows import Row, read_rows

Place = tuple[str, str, int]
"""(suite, candidate, seed)."""
MERGED = ("lora", "rslora", "pissa", "loftq", "full")
"""Adapters that are plain low-rank matrices, and whole models; DoRA's magnitudes would be lost without a word."""


VERSION = 1
"""Raised when searches are made otherwise, so that an old end is not taken for a new one."""


@dataclass(frozen=True)
class Trainings:
    """Of one base model: by place, each after those that it starts from, and the searches for their recipes."""

    jobs: Mapping[Place, Job] = field(default_factory=dict)
    sought: tuple[Sought, ...] = ()


def trainings(experiment: Experiment, tasks: Sequence[Task], model: Model, identity: str) -> Trainings:
    """Every training of one base model.

    Raises:
        BadInput: for rows, weights or a config that are missing or broken, and for what the model cannot carry.
    """
    making = _Making(experiment, {task.suite.name: task for task in tasks}, model, identity)
    for suite, task in making.tasks.items():
        for name, candidate in experiment.candidates.items():
            if trains_on(candidate, task.suite):
                for seed in experiment.seeds_of(name):
                    making.job(suite, name, seed)
    fielded = {place: job for place, job in making.made.items() if place[2] in experiment.seeds_of(place[1])}
    return Trainings(fielded, tuple(one for one in making.sought.values() if one is not None))


@dataclass
class _Making:
    experiment: Experiment
    tasks: Mapping[str, Task]
    model: Model
    identity: str
    made: dict[Place, Job] = field(default_factory=dict)
    sought: dict[tuple[str, str], Sought | None] = field(default_factory=dict)
    """By (suite, candidate); None where nothing is searched."""
    _rows: dict[Path, Sequence[Row]] = field(default_factory=dict)
    _exams: dict[tuple[str, str], Exam | None] = field(default_factory=dict)
    _asked: dict[tuple[str, bool], Sequence[Case]] = field(default_factory=dict)

    def job(self, suite: str, name: str, seed: int) -> Job:
        """A training, made once."""
        if (suite, name, seed) not in self.made:
            self.made[suite, name, seed] = self._make(suite, name, seed, self._recipe(suite, name))
        return self.made[suite, name, seed]

    def _recipe(self, suite: str, name: str) -> Candidate:
        """As it is declared, with what a search has found."""
        if (suite, name) not in self.sought:
            self.sought[suite, name] = self._search(suite, name)
        sought, candidate = self.sought[suite, name], self.experiment.candidates[name]
        found = sought.winner if sought else None
        return candidate if found is None else candidate.tried(found, where=f"candidates.{name}")

    def _search(self, suite: str, name: str) -> Sought | None:
        """The search for a candidate's recipe. What it trains starts from trainings with its own seeds."""
        candidate, experiment = self.experiment.candidates[name], self.experiment
        search = candidate.searched
        if search is None:
            return None
        seeds = experiment.search_seeds(search)
        ancestors = list(_ancestors(experiment, name))
        before = [self.job(suite, start, seed) for start in reversed(ancestors) for seed in seeds]
        whole = [self._make(suite, name, seed, candidate) for seed in seeds]
        task = self.tasks[suite]
        if not task.counts["dev"]:
            raise BadInput(
                f"{task.suite.path(task.suite.cases)}: no case has the split 'dev', by which candidates.{name}.search "
                "chooses: add some, or leave the search out"
            )
        adapters, said = [job.adapter for job in whole], search.model_dump(mode="json")
        key = fingerprint(VERSION, adapters, said, task.content, experiment.seed)
        return Sought(
            suite=suite,
            name=name,
            model=self.model,
            identity=self.identity,
            candidate=candidate,
            search=search,
            whole=tuple(whole),
            before=tuple(before),
            path=experiment.home / "searches" / f"{key}.json",
            seed=experiment.seed,
            waits=any(self._unsettled(suite, start) for start in ancestors),
        )

    def _unsettled(self, suite: str, name: str) -> bool:
        sought = self.sought.get((suite, name))
        return sought is not None and sought.winner is None

    def _make(self, suite: str, name: str, seed: int, candidate: Candidate) -> Job:
        declared = self.tasks[suite].suite
        _refuse_quantised(self.model, name, candidate)
        start = self.job(suite, candidate.start_from, seed) if candidate.start_from else None
        parts = [self._part(part, name, seed) for part in candidate.parts]
        _refuse_unlike(name, candidate, [part.recipe.adapter.kind == "full" for part in parts])
        replay = self.experiment.folder / candidate.replay_file if candidate.replay_file else None
        data: Any = data_of(candidate, declared)
        rows = declared.path(getattr(declared, data)) if data else ()
        source, reward, system = (
            self._source(candidate, name, seed),
            _reward(candidate, declared),
            declared.prompt(candidate.prompt),
        )
        exam = self._exam(name, candidate, self.tasks[suite])
        adapter = adapter_fingerprint(
            model=self.identity,
            recipe=candidate,
            rows=self._read(rows),
            seed=seed,
            system=system,
            replay=self._read(replay) if replay and candidate.replay else None,
            start_from=start.adapter if start else None,
            reward=reward,
            source=self._content(source, candidate, name),
            parts=[part.adapter for part in parts],
            exam=exam,
        )
        return Job(
            adapter=adapter,
            model=self.model,
            recipe=candidate,
            recipe_name=name,
            suite=suite,
            seed=seed,
            rows=rows,
            out=self.experiment.home / "adapters" / adapter,
            system=system,
            replay=replay,
            start_from=start.out if start else None,
            data=data or "train",
            reward=reward,
            source=source,
            parts=tuple(part.out for part in parts),
            exam=exam,
            report_to=self.experiment.report_to,
            logs=self.experiment.home / "logs",
        )

    def _part(self, part: str, name: str, seed: int) -> Job:
        """The training with the same seed of a candidate that is merged.

        Raises:
            BadInput: when there is none, or it cannot be merged.
        """
        recipe, _, suite = part.partition("@")
        where = f"candidates.{name}.parts"
        known = [
            f"{other}@{task}"
            for task in self.tasks
            for other, candidate in self.experiment.candidates.items()
            if trains_on(candidate, self.tasks[task].suite) and not candidate.parts
        ]
        if part not in known:
            raise BadInput(f"{where}: no candidate {part!r} to merge: {suggest(part, known)}")
        merge = self.experiment.candidates[name]
        if merge.suites is not None and suite not in merge.suites:
            raise BadInput(
                f"candidates.{name}.suites: {list(merge.suites)!r} leaves out {suite!r}, the suite of its part {part!r}: a merge is "
                "measured wherever its parts are, or what it loses is not seen; add it, or leave suites out"
            )
        kind = self.experiment.candidates[recipe].adapter.kind
        if kind not in MERGED:
            raise BadInput(f"{where}: {part!r} is of kind {kind!r}, and only {', '.join(MERGED)} can be merged")
        return self.job(suite, recipe, seed)

    def _exam(self, name: str, candidate: Candidate, task: Task) -> Exam | None:
        """What dev asks of a candidate, made once for all seeds; None where nothing is trained here, or there is no dev.

        Raises:
            BadInput: when dev is to choose among its checkpoints and cannot.
        """
        if candidate.method in ELSEWHERE:
            return None
        key = task.suite.name, name
        if key not in self._exams:
            self._exams[key] = _exam(name, candidate, task, self._dev(task, whole=candidate.keep == "best"))
        return self._exams[key]

    def _dev(self, task: Task, *, whole: bool) -> Sequence[Case]:
        """The dev cases of a suite, or a sample of them, which is the same for all candidates."""
        key = task.suite.name, whole
        if key not in self._asked:
            cases = task.split("dev")
            large = len(cases) > SAMPLE and not whole
            self._asked[key] = random.Random(0).sample(cases, SAMPLE) if large else cases
        return self._asked[key]

    def _source(self, candidate: Candidate, name: str, seed: int) -> Path | None:
        """What a candidate of elsewhere is made from: the weights of a seed, or the config of its command."""
        if candidate.given:
            given = candidate.given[self.experiment.seeds_of(name).index(seed)]
            here = self.experiment.folder / Path(given).expanduser()
            return here if here.is_dir() else Path(given)
        return self.experiment.folder / candidate.config if candidate.config else None

    def _content(self, source: Path | None, candidate: Candidate, name: str) -> list[list[str]] | str | None:
        """What stands in the weights that are given, or in a command's config.

        Raises:
            BadInput: when they are not there, or belong to another base.
        """
        if source is None:
            return None
        if candidate.given:
            return content(str(source), f"candidates.{name}.given", model=self.model, base=self.identity)
        try:
            return source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"candidates.{name}.config: {source} cannot be read: {error}") from error

    def _read(self, path: Path | tuple[Row, ...]) -> Sequence[Row]:
        """Training rows, read once for all seeds."""
        if isinstance(path, tuple):
            return path
        if path not in self._rows:
            self._rows[path] = [row for _, row in read_rows(path)]
        return self._rows[path]


def _ancestors(experiment: Experiment, name: str) -> Iterator[str]:
    """Those that a candidate starts from, and those that these do."""
    start = experiment.candidates[name].start_from
    while start is not None:
        yield start
        start = experiment.candidates[start].start_from


def _refuse_quantised(model: Model, name: str, candidate: Candidate) -> None:
    """Raises:
    BadInput: for an adapter that quantised weights cannot carry, or that is nothing without them.
    """
    kind = candidate.adapter.kind
    if kind in QUANTISED_ONLY and model.quantization == "none":
        raise BadInput(
            f"candidates.{name}.adapter.kind: {kind!r} begins with what quantisation lost, and model {model.id!r} is not quantised: "
            "leave quantization = \"none\" out of models, or take 'lora' or 'pissa'"
        )
    if kind in FLOAT_ONLY and model.quantization != "none":
        raise BadInput(
            f"candidates.{name}.adapter.kind: {kind!r} needs the weights as they are, and model {model.id!r} is quantised "
            f"({model.quantization}): write {{ id = \"{model.id}\", quantization = \"none\" }} into models, or take 'lora' or 'dora'"
        )


def _refuse_unlike(name: str, candidate: Candidate, whole: Sequence[bool]) -> None:
    """Raises:
    BadInput: for a merge of whole models with adapters, or by a combination that is one of adapters.
    """
    if any(whole) and not all(whole):
        raise BadInput(f"candidates.{name}.parts: some train the whole model and some an adapter: merge like with like")
    if any(whole) and candidate.combination not in OF_WHOLE:
        raise BadInput(
            f"candidates.{name}.combination: {candidate.combination!r} is one of adapters, and the parts are whole models: "
            f"{', '.join(OF_WHOLE)} merge those"
        )


def _exam(name: str, candidate: Candidate, task: Task, cases: Sequence[Case]) -> Exam | None:
    suite, choosing = task.suite, candidate.keep == "best"
    if not cases:
        if choosing:
            raise BadInput(
                f"candidates.{name}.keep: dev chooses the best checkpoint, and suite {suite.name!r} has no dev cases: "
                'mark some with "split": "dev" (harness data split), or leave keep out'
            )
        return None
    prompter = Prompter(task, Contender(name=name, technique="tune", prompt=candidate.prompt, recipe=name))
    return Exam(
        folder=suite.folder,
        metric=suite.metric,
        hash=_scorer(name, suite) if choosing else "",
        max_new_tokens=suite.max_new_tokens,
        cases=tuple(case._replace(tags=dict(case.tags)) for case in cases),  # a view of a mapping cannot be sent
        asked=tuple(ask.messages for ask in prompter.ask_all(cases)),
    )


def _scorer(name: str, suite: Suite) -> str:
    """The hash of the metric that chooses among checkpoints.

    Raises:
        BadInput: when it cannot score them.
    """
    metric = load_metric(suite.metric, suite)
    if metric.judge is not None or metric.retrieval:
        raise BadInput(
            f"candidates.{name}.keep: metric {suite.metric!r} of suite {suite.name!r} cannot score checkpoints while a model is "
            "trained: take a metric of the text alone, or leave keep out"
        )
    return metric.hash


def _reward(candidate: Candidate, suite: Suite) -> Reward | None:
    """What answers are rewarded by that are written while a candidate trains: the suite's own metric."""
    if candidate.method not in ONLINE:
        return None
    metric = load_metric(suite.metric, suite)
    if metric.judge is not None or metric.whole:
        raise BadInput(
            f"{suite.folder}/suite.toml: metric {suite.metric!r} cannot reward method {candidate.method!r}, which scores texts as they are "
            "written: take a metric of the text alone"
        )
    return Reward(suite.folder, suite.metric, metric.hash, candidate.max_new_tokens or suite.max_new_tokens)
