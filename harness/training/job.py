"""A job is one training, fully said; it can be sent to another process.

train(Job(adapter="5f0c…", model=Model(id="embedded:tiny"), recipe=recipe, …), say=print)
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.errors import BadInput, Diverged, HarnessError
from harness.experiment import Model
from harness.fingerprint import fingerprint
from harness.recipe import ONLINE, PAIRED, Recipe
from harness.suite import Case
from harness.training.rows import READERS, Data, Example, Row, Rows, apart, demonstrations, read_rows
from harness.trial import DIVERGED, Look, Message, Step, Training

Say = Callable[[Step], None]
"""Told after every step."""
RECORD = "training.json"
NOT_IN_WEIGHTS = {"start_from", "from_base", "prompt", "replay_file", "save_steps", "max_dropped", "max_new_tokens"}
"""What a recipe says that leaves the weights alone, or that is hashed by content: start, prompt, replay and rewards."""
OF_ONLINE = {"generations", "temperature"}
"""What counts for the methods alone that write answers while they train."""
OF_BEST = {"keep", "evaluate_every", "patience"}
"""What counts where dev chooses among the checkpoints alone."""
OF_SEVERAL = {"processes"}
"""What counts where there is more than one: it changes which rows are in one update."""


@dataclass(frozen=True, slots=True)
class Reward:
    """What answers are rewarded by while a model trains: the metric of the suite in ``folder``."""

    folder: Path
    metric: str
    hash: str
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class Exam:
    """What the suite in ``folder`` asks on dev, as the candidate is asked it, and what scores the answers: all its dev cases
    where these choose among checkpoints, and a sample of them where only losses are measured.
    """

    folder: Path
    metric: str
    hash: str
    max_new_tokens: int
    cases: tuple[Case, ...]
    asked: tuple[tuple[Message, ...], ...]

    @property
    def content(self) -> str:
        """Fingerprint of all that decides which checkpoint is the best."""
        cases = [(case.id, case.input, case.reference) for case in self.cases]
        return fingerprint(self.hash, self.max_new_tokens, cases, self.asked)


@dataclass(frozen=True, slots=True)
class Job:
    """One adapter to train.

    Attributes:
        adapter: Its fingerprint (``adapter_fingerprint``).
        rows: The suite's training rows, preferences or ratings, as ``data`` says.
        system: Put before every row without a system prompt, when not empty.
        replay: General examples, of which ``recipe.replay`` times as many as there are rows are mixed in (SFT).
        start_from: Folder of the adapter that is trained on.
        reward: What a method is rewarded by that writes answers while it trains.
        out: Where the adapter will lie: ``home/adapters/<adapter>``.
        source: The weights that are given, or the config of a command.
        parts: Folders of the adapters that are merged.
        threads: Threads of arithmetic; None leaves them as they are.
        tried: Whether a search tries it: that it diverges is then an answer, and no failure.
        exam: What dev asks; None where it is not looked at.
        report_to: The trackers that are told, and ``logs`` the folder where they keep what they keep on disk.
    """

    adapter: str
    model: Model
    recipe: Recipe
    recipe_name: str
    suite: str
    seed: int
    rows: Path | tuple[Row, ...]
    out: Path
    system: str = ""
    replay: Path | tuple[Row, ...] | None = None
    start_from: Path | None = None
    data: Data = "train"
    reward: Reward | None = None
    source: Path | None = None
    parts: tuple[Path, ...] = ()
    threads: int | None = None
    tried: bool = False
    exam: Exam | None = None
    report_to: tuple[str, ...] = ()
    logs: Path | None = None

    @property
    def named(self) -> str:
        return f"suite {self.suite!r}, candidate {self.recipe_name!r}, seed {self.seed}"

    @property
    def behind(self) -> tuple[Path, ...]:
        """Folders of the adapters that must be there first."""
        return (*filter(None, (self.start_from,)), *self.parts)

    @property
    def finished(self) -> bool:
        """Whether the adapter is there, with its record."""
        return (self.out / RECORD).is_file()

    def record(self, *, seconds: float, **measured: Any) -> Training:
        """What is noted of the training; what was not counted is none."""
        counted = {"steps": 0, "rows_in": 0, "rows_kept": 0, "tokens": 0, **measured}
        return Training(
            adapter=self.adapter,
            recipe=self.recipe_name,
            suite=self.suite,
            model=self.model.id,
            seed=self.seed,
            path=str(self.out),
            seconds=seconds,
            **counted,
        )

    @property
    def work(self) -> Path:
        """Where checkpoints lie until the adapter is finished."""
        return self.out.with_name(f"{self.out.name}.work")


def adapter_fingerprint(
    *,
    model: str,
    recipe: Recipe,
    rows: Rows,
    seed: int,
    system: str = "",
    replay: Rows | None = None,
    start_from: str | None = None,
    reward: Reward | None = None,
    source: Sequence[Sequence[str]] | str | None = None,
    parts: Sequence[str] = (),
    exam: Exam | None = None,
) -> str:
    """The fingerprint of everything that decides an adapter's weights, but for the versions of the packages (those are
    recorded in ``Training.versions``).

    Args:
        model: The base model's hash (``harness.models.weights.identity``).
        recipe: How it is trained; a candidate's other keys do not count.
        rows: The suite's rows, hashed by content.
        seed: The training seed.
        system: The system prompt trained with.
        replay: General rows, hashed by content where the recipe uses them.
        start_from: Fingerprint of the adapter started from.
        reward: What its answers are rewarded by, for a method that writes some.
        source: The content of weights that are given, or of a command's config.
        parts: Fingerprints of the adapters that are merged.
        exam: What dev asks, where it chooses among the checkpoints.

    Raises:
        BadInput: for rows that are missing or broken.
    """
    if recipe.given:
        return fingerprint(model, source)
    if parts:
        return fingerprint(model, parts, recipe.combination, recipe.weights, recipe.density, seed)
    online = recipe.method in ONLINE
    unsaid = NOT_IN_WEIGHTS if online else NOT_IN_WEIGHTS | OF_ONLINE
    unsaid = unsaid | OF_BEST if recipe.keep == "last" else unsaid
    unsaid = unsaid if recipe.processes > 1 else unsaid | OF_SEVERAL
    said = recipe.model_dump(mode="json", include=set(Recipe.model_fields) - unsaid)
    said |= {"learning_rate": recipe.rate, "beta": recipe.strength}
    if recipe.adapter.kind != "prefix":
        del said["adapter"]["tokens"]
    if recipe.optimizer == "adamw":
        del said["optimizer"]
    if not recipe.packing:
        del said["packing"]
    if recipe.method in PAIRED:
        said["batches"] = "by length"  # adapters of before were trained on rows drawn at random
    if exam is not None and recipe.keep == "best":
        said["exam"] = exam.content
    mixed = _content(replay) if replay is not None and recipe.replay else None
    rewarded = (reward.hash, reward.max_new_tokens) if reward is not None and online else None
    return fingerprint(model, said, _content(rows), seed, system, mixed, start_from, rewarded, source)


def train(job: Job, say: Say = lambda step: None) -> Training:
    """Train an adapter, or take up where a killed training left off; a finished one is not trained again.

    Raises:
        BadInput: for broken rows, too many rows over the length, or a recipe that lacks what its method needs.
        Diverged: for a loss that is not a number, unless the job is only tried.
        HarnessError: when training went wrong (a wrong reference model).
    """
    from harness.training import METHODS, parallel

    if job.finished:
        return read_training(job.out)
    if parallel.apart(job.recipe):
        return parallel.train(job, say)
    module, _, function = METHODS[job.recipe.method].partition(":")
    try:
        training: Training = getattr(import_module(module), function)(job, say)
    except Diverged as error:
        if not job.tried:
            raise
        return _without_weights(job, error)
    return training


def _without_weights(job: Job, error: Diverged) -> Training:
    """The record of a training that a search tried and that diverged, so that it is not tried again."""
    made = job.work / "finished"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    return publish(made, job, job.record(seconds=0.0, notes=[f"{DIVERGED}{error}"]))


def publish(made: Path, job: Job, training: Training) -> Training:
    """A finished folder to where it belongs, in one step, with its record in it; another process may have been there first."""
    (made / RECORD).write_text(json.dumps(asdict(training), indent=1) + "\n", encoding="utf-8")
    try:
        made.replace(job.out)
    except OSError:
        if not job.finished:
            raise
        training = read_training(job.out)
    shutil.rmtree(job.work, ignore_errors=True)
    return training


def read_training(folder: Path) -> Training:
    """The record of a finished adapter.

    Raises:
        HarnessError: when it cannot be read.
    """
    try:
        values = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        values["losses"] = [tuple(loss) for loss in values["losses"]]
        values["looks"] = [Look(**look) for look in values.get("looks", ())]
        known = {field.name: values[field.name] for field in fields(Training) if field.name in values}
        return Training(**{**known, "path": str(folder)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HarnessError(
            f"{folder / RECORD}: not a training's record ({error}): remove {folder} and run again"
        ) from error


def examples(job: Job) -> list[Example]:
    """Everything that a job trains on, its replay included.

    Raises:
        BadInput: for broken rows, or none.
    """
    own = list(READERS[job.data](read_rows(job.rows), system=job.system))
    if job.recipe.method == "kto" and job.data == "preferences":
        own = list(apart(own))
    if not own:
        raise BadInput(
            f"{job.named}: there are no training rows{f' in {job.rows}' if isinstance(job.rows, Path) else ''}"
        )
    return own + _replayed(job, len(own))


def _replayed(job: Job, rows: int) -> list[Example]:
    """A seeded sample of the general examples; the suite's system prompt is not theirs."""
    if not job.recipe.replay:
        return []
    if job.replay is None:
        raise BadInput(f"{job.named}: replay needs a replay_file of general examples")
    general = read_rows(job.replay)
    count = min(len(general), round(job.recipe.replay * rows))
    return [replace(example, own=False) for example in demonstrations(random.Random(job.seed).sample(general, count))]


def _content(rows: Rows) -> str:
    values: Sequence[Any] = [row for _, row in read_rows(rows)]
    return fingerprint(values)
