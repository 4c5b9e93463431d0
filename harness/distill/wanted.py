"""What is wanted of a teacher: which model, asked how, for what, and what of it is good enough."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness import kept
from harness.contender import Contender, expand, load_baseline
from harness.errors import BadInput
from harness.experiment import Experiment, Judging, Model, load_experiment
from harness.suite import Suite

LEAST = 0.75
"""The least score by a judge: 4 on a scale of 1 to 5."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """``inputs`` are answered, and ``new`` ones that the teacher writes from ``seeds`` (the inputs, else the training rows).

    The teacher is told what ``prompt`` of the suite says, or answers as a ``baseline`` (a file of ``baselines/``) does. ``judges``
    grade by the suite's rubric, and less than ``least`` is left out. ``partial`` writes what is there where answers are missing.
    """

    teacher: str
    inputs: Path | None = None
    format: str | None = None
    new: int = 0
    seeds: Path | None = None
    prompt: str = "default"
    baseline: Path | None = None
    judges: tuple[str, ...] = ()
    least: float = LEAST
    max_new_tokens: int | None = None
    seed: int = 1
    partial: bool = False
    replace: bool = False

    def __post_init__(self) -> None:
        if self.inputs is None and not self.new:
            raise BadInput(
                "nothing to answer: name --inputs FILE, or say with --new N how many the teacher shall write"
            )
        if self.new < 0 or not 0 <= self.least <= 1 or (self.max_new_tokens or 1) < 1:
            raise BadInput(
                f"given --new {self.new}, --least {self.least:g}, --max-new-tokens {self.max_new_tokens}: write counts above zero, "
                "and a share between 0 and 1"
            )
        if self.baseline is not None and self.prompt != "default":
            raise BadInput(
                f"--prompt {self.prompt!r}: the baseline {self.baseline} says which prompt: name one of the two"
            )


def contender_of(wanted: Wanted, suite: Suite) -> Contender:
    """How the teacher answers the suite.

    Raises:
        BadInput: for a baseline that is several contenders on this suite or none, or a suite of choices.
    """
    if suite.form == "choice":
        raise BadInput(f"{suite.folder}: a suite of the form 'choice' has no written answers: name another suite")
    if wanted.baseline is None:
        suite.prompt(wanted.prompt)
        return Contender(name="teacher", technique="prompt", prompt=wanted.prompt)
    found = expand(load_baseline(wanted.baseline), suite)
    if len(found) != 1:
        names = ", ".join(one.name for one in found) or "none"
        raise BadInput(f"{wanted.baseline}: a teacher answers as one contender, and on {suite.name!r} this is {names}")
    return found[0]


def experiment_of(path: Path | None, suite: Suite, teacher: str) -> Experiment:
    """The experiment, for its store, prices and judge; where there is none, one that is nothing but this.

    Raises:
        BadInput: for one that is not there, or is broken.
    """
    if path is not None:
        return load_experiment(path)
    folder = kept.home_of(suite.folder).parent
    return Experiment(name="distill", folder=folder, models=(teacher,), suites=(str(suite.folder),))


def model_of(experiment: Experiment, name: str) -> Model:
    """A model by its id; as the experiment declares it, where it does."""
    teachers = (one.teacher for one in experiment.candidates.values())
    judges = experiment.judge.bases if experiment.judge else ()
    declared = [*experiment.bases, *judges, *(one for one in teachers if isinstance(one, Model))]
    return next((model for model in declared if model.id == name), Model(id=name))


def judging_of(wanted: Wanted, experiment: Experiment, suite: Suite) -> Judging | None:
    """Who grades: those that are named, else the experiment's judge, where the suite has a rubric.

    Raises:
        BadInput: for judges without a rubric.
    """
    if wanted.judges and suite.rubric is None:
        raise BadInput(f'{suite.folder / "suite.toml"}: a judge grades by a rubric: add rubric = "rubric.md"')
    if wanted.judges:
        models = tuple(model_of(experiment, name) for name in wanted.judges)
        return Judging(model=models[0]) if len(models) == 1 else Judging(models=models)
    return experiment.judge if suite.rubric else None
