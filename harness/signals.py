"""A folder of feedback made into training signals: ``harness data signals FEEDBACK OUTDIR``.

    made = make(Path("feedback"), Path("signals"), Options())
    made.found.advice.why                        # 'SFT on 212 examples; DPO needs 43 pairs more'

Every row says which feedback it comes from, when it was given and by whom, under a pseudonym. ``forget`` takes a person out:
the signals are derived anew without them, and what still holds their rows, or was trained on them, is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.data.alias import Aliases
from harness.data.feedback import COLUMNS, Reading, scaled
from harness.data.signals import Row, Signals, Thresholds, derive
from harness.errors import BadInput, HarnessError, suggest
from harness.experiment import Experiment, Probes, load_experiment, load_tasks
from harness.files import look, rows, target, write_all
from harness.files.draft import folder, refuse_taken
from harness.files.parse import told
from harness.matrix import Matrix, expand
from harness.plural import plural
from harness.recipe import UNTRAINED
from harness.share import part
from harness.suite import Suite
from harness.training.job import Job

NAMES = ("sft.jsonl", "preferences.jsonl", "golden.jsonl", "skip.jsonl")
HELD = ("cases", "train", "preferences", "ratings", "golden", "skip")


@dataclass(frozen=True, slots=True)
class Options:
    """How feedback is read, and what counts as clear in it."""

    scale: float | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    columns: Mapping[str, str] = field(default_factory=dict)
    keep: Sequence[str] = ()
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """What was read and what was made of it."""

    out: Path
    edits: int
    ratings: int
    scale: float
    nameless: int
    withdrawn: int
    found: Signals

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        scale = f", from 0 to {self.scale:g}" if self.ratings else ""
        yield f"{plural(self.edits, 'correction')}, {plural(self.ratings, 'rating')}{scale}"
        if self.withdrawn:
            yield f"left out, withdrawn: {self.withdrawn}"
        if self.nameless:
            yield f"of nobody that is named: {self.nameless} (their givers cannot withdraw them)"
        yield from (f"left out, {why}: {count}" for why, count in self.found.left.items())
        yield from (f"wrote {self.out / name}: {plural(len(some), 'row')}" for name, some in self.found.files().items())
        yield f"method: {self.found.advice.method}: {self.found.advice.why}"

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return {
            "corrections": self.edits,
            "ratings": self.ratings,
            "scale": self.scale,
            "nameless": self.nameless,
            "withdrawn": self.withdrawn,
            "left_out": dict(self.found.left),
            "written": {str(self.out / name): len(some) for name, some in self.found.files().items()},
            "advice": self.found.advice.as_dict(),
        }


def make(path: Path, out: Path, options: Options) -> Made:
    """Derive signals and write them.

    Raises:
        BadInput: for broken feedback, none at all, or files that are there and not to be replaced.
    """
    with folder(out):
        for name in NAMES:
            refuse_taken(out / name, replace=options.replace)
        return _made(path, out, options)


def _made(path: Path, out: Path, options: Options) -> Made:
    aliases = Aliases(out)
    gone = aliases.withdrawn()
    every = list(Reading(aliases.of, options.columns, options.keep).read(path))
    feedback = [one for one in every if one.who not in gone]
    if not every:
        raise BadInput(f"{path}: is empty: there is no feedback in it")
    scale = scaled(every, options.scale)
    found = derive(feedback, scale=scale, thresholds=options.thresholds)
    outputs = [(target(out / name), _placed(name, some)) for name, some in found.files().items()]
    write_all(outputs, replace=options.replace)
    return Made(
        out=out,
        edits=sum(one.correction is not None for one in feedback),
        ratings=sum(one.rating is not None for one in feedback),
        scale=scale,
        nameless=sum(one.who is None for one in feedback),
        withdrawn=len(every) - len(feedback),
        found=found,
    )


def _placed(name: str, some: Sequence[Row]) -> list[tuple[str, Row]]:
    return [(f"{name}:{number}", row) for number, row in enumerate(some, 1)]


@dataclass(frozen=True, slots=True)
class Trace:
    """What holds a person's rows: lines of suites' files, and adapters that were trained on them."""

    who: str
    lines: tuple[str, ...] = ()
    adapters: tuple[Path, ...] = ()
    unknown: str = ""

    def said(self) -> Iterator[str]:
        """For a terminal."""
        yield f"withdrawn: {self.who}"
        yield from (f"still holds their rows: {line}" for line in self.lines)
        yield from (f"was trained on their rows: {folder}" for folder in self.adapters)
        if self.unknown:
            yield f"which adapters were trained on them cannot be told here: {self.unknown}"
        if self.lines or self.adapters:
            yield "deal the signals anew (harness data split), remove these adapters, and run again"

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return {
            "who": self.who,
            "lines": list(self.lines),
            "adapters": [str(folder) for folder in self.adapters],
            "unknown": self.unknown,
        }


def forget(person: str, out: Path, experiment: Path) -> Trace:
    """Withdraw a person, and find what holds their rows in the suites of an experiment, where there is one.

    Raises:
        BadInput: when no signals were ever made in ``out``.
    """
    if not (out / NAMES[0]).exists():
        raise BadInput(f"{out}: no signals were made here: name the folder that harness data signals wrote to")
    who = Aliases(out).withdraw(person)
    if not experiment.is_file():
        return Trace(who)
    loaded = load_experiment(experiment)
    named = [file for task in load_tasks(loaded) for file in _files(task.suite)]
    held = {file: tuple(_lines(file, who)) for file in dict.fromkeys([*named, *_mixed_in(loaded)])}
    lines = tuple(line for some in held.values() for line in some)
    touched = {file for file, some in held.items() if some}
    try:
        adapters = tuple(_trained(expand(loaded), touched)) if touched else ()
    except HarnessError as error:
        return Trace(who, lines, unknown=str(error))
    return Trace(who, lines, adapters)


def _files(suite: Suite) -> list[Path]:
    """The files that a suite names, and the lines beside them, such as the pairs that a split held out."""
    named = [suite.path(name) for name in (getattr(suite, key, None) for key in HELD) if name]
    return list(dict.fromkeys([*named, *sorted(suite.folder.glob("*.jsonl"))]))


def _mixed_in(experiment: Experiment) -> Iterator[Path]:
    """The general rows that candidates train on beside a suite's."""
    for candidate in experiment.candidates.values():
        if candidate.replay and candidate.replay_file:
            yield experiment.folder / candidate.replay_file


def _lines(file: Path, who: str) -> Iterator[str]:
    """Where a person's pseudonym stands."""
    for where, row in rows(look(file)):
        if who in told(row, where):
            yield where


def _trained(matrix: Matrix, touched: set[Path]) -> Iterator[Path]:
    """Finished adapters that were trained on these files, or made of such ones: started from one, or merged; those of learning
    curves and searches too.
    """
    tainted: set[Path] = set()
    for _ in matrix.jobs:
        tainted |= {job.out for job in matrix.jobs if _read(job, touched) or tainted.intersection(job.behind)}
    whole = [job for job in matrix.jobs if job.out in tainted]
    yield from sorted({job.out for job in (*whole, *_curves(matrix, whole)) if job.finished})
    for sought in matrix.sought:
        if any(_read(job, touched) for job in (*sought.whole, *sought.before)):
            yield from sorted(job.out for job in (*sought.before, *sought.trained()) if job.finished)


def _read(job: Job, touched: set[Path]) -> bool:
    return job.rows in touched or (bool(job.recipe.replay) and job.replay in touched)


def _curves(matrix: Matrix, whole: Sequence[Job]) -> Iterator[Job]:
    """The same trainings on shares of the data: of all of them, since only a store knows whom dev chose for a learning curve,
    and whether or not a share drew the person's rows.
    """
    identities = {cell.model.id: cell.identity for cell in matrix.cells}
    jobs = {job.out: job for job in matrix.jobs}
    shares = sorted({*Probes().fractions, *(matrix.experiment.probes or Probes()).fractions})

    def made(job: Job, share: float) -> Job:
        start = made(jobs[job.start_from], share) if job.start_from else None
        return part(job, share, identity=identities[job.model.id], start=start)

    yield from (made(job, share) for job in whole for share in shares if job.recipe.method not in UNTRAINED)


def columns(said: Sequence[str]) -> dict[str, str]:
    """``rating=stars`` and the like, as a mapping.

    Raises:
        BadInput: for what is not so written, or a name that feedback does not know.
    """
    found = {}
    for one in said:
        name, equals, column = one.partition("=")
        if not (equals and column):
            raise BadInput(f"--column {one!r}: write NAME=COLUMN, such as rating=stars")
        if name not in COLUMNS:
            raise BadInput(f"--column {one!r}: no name {name!r}: {suggest(name, COLUMNS)}")
        found[name] = column
    return found
