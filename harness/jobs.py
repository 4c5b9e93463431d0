"""The trainings of a matrix, before any is done: which candidate, on which suite's rows, by which seed, from what.

jobs(experiment, tasks, model, identity(model))["triage", "sft", 1000].adapter      # '5f0c…'
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.contender import Contender
from harness.errors import BadInput, suggest
from harness.experiment import Candidate, Experiment, Model, data_of, trains_on
from harness.metrics import load_metric
from harness.prompt import Prompter
from harness.recipe import ELSEWHERE, FLOAT_ONLY, ONLINE, QUANTISED_ONLY
from harness.suite import Suite, Task
from harness.training.adopt import content
from harness.training.job import Exam, Job, Reward, adapter_fingerprint
from harness.training.looks import SAMPLE
from harness.training.rows import Row, read_rows

Place = tuple[str, str, int]
"""(suite, candidate, seed)."""
MERGED = ("lora", "rslora", "pissa", "loftq")
"""Adapters that are plain low-rank matrices; DoRA's magnitudes would be lost without a word."""


def jobs(experiment: Experiment, tasks: Sequence[Task], model: Model, identity: str) -> Mapping[Place, Job]:
    """Every training of one base model, each after those that it starts from.

    Raises:
        BadInput: for rows, weights or a config that are missing or broken, and for what the model cannot carry.
    """
    making = _Making(experiment, {task.suite.name: task for task in tasks}, model, identity)
    for suite, task in making.tasks.items():
        for name, candidate in experiment.candidates.items():
            if trains_on(candidate, task.suite):
                for seed in experiment.seeds_of(name):
                    making.job(suite, name, seed)
    return making.made


@dataclass
class _Making:
    experiment: Experiment
    tasks: Mapping[str, Task]
    model: Model
    identity: str
    made: dict[Place, Job] = field(default_factory=dict)
    _rows: dict[Path, Sequence[Row]] = field(default_factory=dict)
    _exams: dict[tuple[str, str], Exam | None] = field(default_factory=dict)

    def job(self, suite: str, name: str, seed: int) -> Job:
        """A training, made once."""
        if (suite, name, seed) not in self.made:
            self.made[suite, name, seed] = self._make(suite, name, seed)
        return self.made[suite, name, seed]

    def _make(self, suite: str, name: str, seed: int) -> Job:
        candidate, declared = self.experiment.candidates[name], self.tasks[suite].suite
        _refuse_quantised(self.model, name, candidate)
        start = self.job(suite, candidate.start_from, seed) if candidate.start_from else None
        parts = [self._part(part, name, seed) for part in candidate.parts]
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
            source=_content(source, candidate, name),
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
            self._exams[key] = _exam(name, candidate, task)
        return self._exams[key]

    def _source(self, candidate: Candidate, name: str, seed: int) -> Path | None:
        """What a candidate of elsewhere is made from: the weights of a seed, or the config of its command."""
        if candidate.given:
            given = candidate.given[self.experiment.seeds_of(name).index(seed)]
            here = self.experiment.folder / Path(given).expanduser()
            return here if here.is_dir() else Path(given)
        return self.experiment.folder / candidate.config if candidate.config else None

    def _read(self, path: Path | tuple[Row, ...]) -> Sequence[Row]:
        """Training rows, read once for all seeds."""
        if isinstance(path, tuple):
            return path
        if path not in self._rows:
            self._rows[path] = [row for _, row in read_rows(path)]
        return self._rows[path]


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


def _content(source: Path | None, candidate: Candidate, name: str) -> list[list[str]] | str | None:
    """What stands in the weights that are given, or in a command's config.

    Raises:
        BadInput: when they are not there.
    """
    if source is None:
        return None
    if candidate.given:
        return content(str(source), f"candidates.{name}.given")
    try:
        return source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"candidates.{name}.config: {source} cannot be read: {error}") from error


def _exam(name: str, candidate: Candidate, task: Task) -> Exam | None:
    suite, choosing = task.suite, candidate.keep == "best"
    cases = list(task.split("dev"))
    if not cases:
        if choosing:
            raise BadInput(
                f"candidates.{name}.keep: dev chooses the best checkpoint, and suite {suite.name!r} has no dev cases: "
                'mark some with "split": "dev" (harness data split), or leave keep out'
            )
        return None
    if not choosing and len(cases) > SAMPLE:
        cases = random.Random(0).sample(cases, SAMPLE)
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
