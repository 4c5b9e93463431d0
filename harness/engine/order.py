"""An order: all that a worker on another machine needs, and what came of it.

    execute(Order(task="5f0c…", role="generate", spool=Spool("/shared/.harness"), asked=Asked(…)))      # in the worker
    python -m harness.engine.process order.pickle outcome.pickle                                        # the same, in a process

Answers go to the spool, a finished batch at a time; the outcome says only that it is done, or why not.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.engine.perform import ENVIRONMENT, Asked, Performer
from harness.engine.spool import Spool
from harness.errors import HarnessError
from harness.resources import Role

if TYPE_CHECKING:
    from harness.training.job import Job
from harness.trial import Step

EVERY = 2.0
"""Seconds between two words on how far a training is."""


@dataclass(frozen=True, slots=True)
class Order:
    """One of ``job``, ``asked`` and ``checked`` is set. ``threads`` are of arithmetic; without ``gpus`` it sees none."""

    task: str
    role: Role
    spool: Spool
    threads: int = 1
    gpus: bool = False
    job: Job | None = None
    asked: Asked | None = None
    checked: Asked | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """What the process must have before it imports torch. A cell without a GPU sees none: Ray hides none from it any more."""
        hidden = {} if self.gpus else {"CUDA_VISIBLE_DEVICES": ""}
        return {**ENVIRONMENT, "OMP_NUM_THREADS": str(self.threads), **hidden}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Done where ``error`` and ``lost`` are None; ``lost`` says how the machine or process went that was at it."""

    error: HarnessError | None = None
    lost: str | None = None


def execute(order: Order) -> Outcome:
    """Carry an order out in this process."""
    os.environ.update({key: value for key, value in order.environment.items() if os.environ.get(key) != value})
    try:
        _execute(order)
    except HarnessError as error:
        return Outcome(error=error)
    except Exception as error:
        return Outcome(error=HarnessError(f"{type(error).__name__}: {error}"))
    return Outcome()


def _execute(order: Order) -> None:
    performer = Performer()
    if order.job is not None:
        _train(order, order.job, performer)
    if order.checked is not None:
        performer.check(order.checked)
    if order.asked is not None:
        asked = order.asked
        if order.spool.carries:
            asked = replace(asked, home=scratch(order.spool))
            for adapter in {trial.adapter for trial in asked.trials if trial.adapter}:
                order.spool.pull(adapter, asked.home)
        # numbered by time, so that what a task wrote that was lost and what it writes now stand side by side
        first = time.time_ns()
        for number, batch in enumerate(performer.answers(asked)):
            order.spool.put(order.task, first + number, batch)


def _train(order: Order, job: Job, performer: Performer) -> None:
    spool, last = order.spool, 0.0

    def say(step: Step) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            spool.tell(order.task, step)

    if not spool.carries:
        performer.train(job, say)
        return
    home = scratch(spool)
    for folder in (job.out, *job.behind):  # another machine may have finished it just before it was lost
        spool.pull(folder.name, home)
    here = moved(job, home)
    here.out.parent.mkdir(parents=True, exist_ok=True)
    performer.train(here, say)
    spool.push(here.out)


def moved(job: Job, home: Path) -> Job:
    """The same training with its adapters below another home."""
    adapters = home / "adapters"
    return replace(
        job,
        out=adapters / job.out.name,
        start_from=adapters / job.start_from.name if job.start_from else None,
        parts=tuple(adapters / part.name for part in job.parts),
    )


def scratch(spool: Spool) -> Path:
    """This machine's folder for adapters of a spool that is no folder."""
    name = hashlib.sha256(spool.root.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"tuneworthy-{os.getuid()}-{name}"
