"""Moments of a run that can be struck: each has a phase and is counted, and at one of them a process is killed.

    marks = Marks(Strike("store", 17, "driver", delay=0.002))
    start(lambda: marked(marks, job))          # the 17th moment of its writes to the store, and two milliseconds: SIGKILL

Counted are steps and checkpoints of trainings, batches of answers and of gradings before and after they are stored, scores, the
beginning, statements and ends of transactions, renames, and what the report does. The counts lie in memory that driver and
workers share.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import shutil
import signal
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

PHASES = ("training", "generation", "judging", "scoring", "store", "report")
DRIVER, WORKER, HIT = range(len(PHASES), len(PHASES) + 3)
"""Places after the counts: their process ids, and who was killed."""
VICTIMS = ("", "driver", "worker", "both")


@dataclass(frozen=True)
class Strike:
    """At the ``nth`` moment of a phase, ``delay`` seconds later, kill the ``victim``: driver, worker or both."""

    phase: str
    nth: int
    victim: str = "driver"
    delay: float = 0.0


@dataclass
class Marks:
    strike: Strike | None = None
    shared: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 4096))
    within: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {phase: self._get(i) for i, phase in enumerate(PHASES)}

    @property
    def hit(self) -> str:
        """Who was killed; a worker that is not there is no victim, its driver is."""
        return VICTIMS[self._get(HIT)]

    def mark(self, phase: str) -> None:
        place = PHASES.index(phase)
        count = self._get(place) + 1
        self.set(place, count)
        if self.strike is not None and (phase, count) == (self.strike.phase, self.strike.nth):
            if self.strike.delay:
                threading.Thread(target=self._later, daemon=True).start()
            else:
                self._hit()

    def set(self, place: int, value: int) -> None:
        struct.pack_into("q", self.shared, 8 * place, value)

    def _get(self, place: int) -> int:
        return int(struct.unpack_from("q", self.shared, 8 * place)[0])

    def _later(self) -> None:
        assert self.strike is not None
        time.sleep(self.strike.delay)
        self._hit()

    def _hit(self) -> None:
        assert self.strike is not None
        driver, worker = self._get(DRIVER), self._get(WORKER)
        alive = worker if worker and Path(f"/proc/{worker}").exists() else 0
        victims = {"driver": [driver], "worker": [alive or driver], "both": [alive, driver]}[self.strike.victim]
        self.set(HIT, (driver in victims) + 2 * (alive in victims and alive > 0))
        for pid in sorted(filter(None, victims), key=lambda pid: pid == os.getpid()):
            os.kill(pid, signal.SIGKILL)


def marked(marks: Marks, job: Callable[[], Any]) -> Any:
    """Do ``job`` with every moment counted; workers are forked too."""
    from harness import progress, run, scoring
    from harness.cli import run as door
    from harness.engine import local
    from harness.report import html
    from harness.store import database, opening, store
    from harness.training import session

    marks.set(DRIVER, os.getpid())
    within = marks.within

    def phase(usual: str) -> str:
        return within[-1] if within else usual

    with ExitStack() as stack:

        def around(owner: Any, name: str, usual: str, *, also: bool = True) -> None:
            """Moments before and after a call."""
            real = getattr(owner, name)

            def called(*given: Any, **named: Any) -> Any:
                marks.mark(phase(usual))
                done = real(*given, **named)
                if also:
                    marks.mark(phase(usual))
                return done

            stack.enter_context(mock.patch.object(owner, name, called))

        def inside(owner: Any, name: str, inner: str) -> None:
            """Moments before and after a call, within which all moments belong to a phase."""
            real = getattr(owner, name)

            def called(*given: Any, **named: Any) -> Any:
                within.append(inner)
                try:
                    marks.mark(inner)
                    done = real(*given, **named)
                    marks.mark(inner)
                    return done
                finally:
                    within.pop()

            stack.enter_context(mock.patch.object(owner, name, called))

        around(progress.Console, "train_step", "training", also=False)
        around(session.Session, "_save", "training")
        around(session, "publish", "training")
        around(session, "last_checkpoint", "training")
        around(run.Doing, "batch", "generation")
        inside(run.Doing, "ask", "judging")
        around(scoring.Scoring, "_keep", "scoring")
        around(scoring, "scored", "scoring", also=False)
        around(scoring, "grade", "judging")
        around(database.Database, "run", "store", also=False)
        around(database.Database, "close", "store")
        around(store.Store, "add_generations", "store")
        around(store.Store, "add_scores", "store")
        around(store.Store, "add_training", "store")
        around(store.Store, "add_trials", "store")
        around(opening, "create", "store")
        around(Path, "replace", "store")
        around(shutil, "rmtree", "store")
        inside(door, "show_verdicts", "report")
        around(html, "to_html", "report")
        stack.enter_context(mock.patch.object(local.Pool, "_start", _forked(marks)))
        return job()


@contextmanager
def reporting(marks: Marks) -> Iterator[None]:
    """Whatever is done belongs to the report."""
    marks.within.append("report")
    try:
        yield
    finally:
        marks.within.pop()


def _forked(marks: Marks) -> Callable[[Any], Any]:
    """``Pool._start`` with a fork: the packages are imported already."""
    from harness.engine import local

    def start(pool: Any) -> Any:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        others = [worker.pipe for worker in pool._alive]

        def serve(parent: int) -> None:
            for pipe in (ours, *others):
                pipe.close()
            marks.set(WORKER, os.getpid())
            marks.within.clear()
            local._serve(theirs, parent, pool.threads)

        process = context.Process(target=serve, args=(os.getpid(),), daemon=True)
        process.start()
        theirs.close()
        worker = local.Worker(process=process, pipe=ours)
        pool._alive.append(worker)
        return worker

    return start
