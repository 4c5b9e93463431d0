"""The local engine: persistent worker processes that train and generate, while one process keeps the store. Where there are
GPUs, each worker sees its own alone: as many as the candidates' ``processes`` need.

    with open_engine("local", experiment, say=print) as engine:
        engine.run(works, sink)

A worker sends each finished batch and waits until it is stored before it goes on, so a killed run loses at most the
batch in flight. Workers leave as soon as their parent is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from harness.engine.perform import ENVIRONMENT, Asked, Performer
from harness.engine.work import Generate, Sink, Train, Work
from harness.errors import HarnessError
from harness.experiment import Experiment
from harness.machine import cores, devices
from harness.parent import leave_with
from harness.resources import Role
from harness.todo import width, workers
from harness.training.job import Job
from harness.trial import Generation

FULL = 16 << 20
"""Bytes that are left on a disk that is as good as full."""


def open_local(experiment: Experiment, say: Callable[[str], None]) -> Local:
    """Workers on this machine, as many as the experiment says; nobody needs to be told anything."""
    seen, each = devices(), width(experiment)
    parts = tuple(",".join(seen[start : start + each]) for start in range(0, len(seen) - each + 1, each))
    return Local(workers(experiment), parts)


@dataclass(frozen=True)
class Local:
    """``workers`` processes on this machine, which take turns with ``parts`` of its GPUs; a judge has it to itself."""

    workers: int
    parts: tuple[str, ...] = ()

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *_: object) -> None: ...

    def refuse(self, roles: Collection[Role]) -> None:
        """Whatever is asked is tried."""

    def left(self, keep: Callable[[list[Generation]], None]) -> int:
        """Nothing: a batch is stored before its worker goes on."""
        return 0

    def run(self, works: Sequence[Work], sink: Sink) -> None:
        """As ``Engine.run``."""
        count = 1 if all(work.role == "judge" for work in works) else self.workers
        with Pool(workers=count, threads=max(1, cores() // count), parts=self.parts) as pool:
            pool.run(works, sink)


@dataclass
class Worker:
    """One process and the work it has in hand."""

    process: Any
    pipe: Connection
    work: Work | None = None

    def hand(self, work: Work, payload: Any) -> None:
        self.work = work
        self.pipe.send((type(work).__name__.lower(), payload))


@dataclass
class Pool:
    """``workers`` processes with ``threads`` threads of arithmetic each, on one of ``parts`` of the GPUs."""

    workers: int
    threads: int
    parts: tuple[str, ...] = ()
    _alive: list[Worker] = field(default_factory=list)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._alive:
            worker.pipe.close()
            worker.process.join(timeout=5)
            if worker.process.is_alive():
                worker.process.kill()

    def run(self, works: Sequence[Work], sink: Sink) -> None:
        """Do all of ``works`` in an order that their needs allow.

        Raises:
            HarnessError: the first failure of a worker, after the others have stopped.
        """
        waiting, finished = deque(works), set[str]()
        pending = {work.key for work in works}
        while waiting or any(w.work for w in self._alive):
            self._hand_out(waiting, pending, finished)
            busy = {worker.pipe: worker for worker in self._alive if worker.work}
            for pipe in wait(list(busy), timeout=1.0):
                self._listen(busy[pipe], finished, sink)  # type: ignore[index]

    def _hand_out(self, waiting: deque[Work], pending: set[str], finished: set[str]) -> None:
        """The first works that can be done; those that wait for others keep their place before the rest."""
        idle, blocked = [w for w in self._alive if w.work is None], list[Work]()
        while waiting and (idle or len(self._alive) < self.workers):
            work = waiting.popleft()
            if (work.needs & pending) - finished:
                blocked.append(work)
                continue
            payload = _payload(work)
            if payload is None:
                finished.add(work.key)
                continue
            worker = idle.pop() if idle else self._start()
            worker.hand(work, payload)
        waiting.extendleft(reversed(blocked))

    def _start(self) -> Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, os.getpid(), self.threads), daemon=True)
        with _environment(self.threads, self.parts[len(self._alive) % len(self.parts)] if self.parts else None):
            process.start()
        theirs.close()
        worker = Worker(process=process, pipe=ours)
        self._alive.append(worker)
        return worker

    def _listen(self, worker: Worker, finished: set[str], sink: Sink) -> None:
        work = worker.work
        if work is None:
            return
        try:
            kind, value = worker.pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            worker.process.join(timeout=5)
            code = worker.process.exitcode
            killed = (
                f"killed by signal {-code} ({signal.Signals(-code).name})" if code and code < 0 else f"exit code {code}"
            )
            raise HarnessError(
                f"a worker died while at {work.named}: {killed}; out of memory is the usual cause: lower batch_size, "
                "batch_tokens or workers, then run again: everything finished is kept"
            ) from error
        if kind == "batch":
            sink.batch(value)
            worker.pipe.send("stored")
        elif kind == "step":
            sink.step(work.key, value)
        elif kind == "done":
            if value is not None:
                sink.trained(value)
            worker.work = None
            finished.add(work.key)
        elif kind == "failed":
            raise HarnessError(f"{work.named}: {value}{_full(work)}")
        else:
            raise value


class _environment:  # noqa: N801
    """Variables that a worker must have before it imports torch, set only while it is started."""

    def __init__(self, threads: int, part: str | None) -> None:
        self.values = {"OMP_NUM_THREADS": str(threads), **ENVIRONMENT}
        self.forced = {} if part is None else {"CUDA_VISIBLE_DEVICES": part}
        self.before: dict[str, str | None] = {}

    def __enter__(self) -> None:
        self.before = {key: os.environ.get(key) for key in (*self.values, *self.forced)}
        for key, value in self.values.items():
            os.environ.setdefault(key, value)
        os.environ.update(self.forced)

    def __exit__(self, *_: object) -> None:
        for key, value in self.before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _payload(work: Work) -> Job | Asked | None:
    """What a worker is sent; None when nothing is left to do."""
    if isinstance(work, Train):
        return work.job
    if isinstance(work, Generate):
        asked = Asked(work.model, work.home, list(work.expand()), work.batch_tokens, work.juror)
    else:
        asked = Asked(work.model, work.home, work.trials)
    return asked if asked.trials else None


def _full(work: Work) -> str:
    """Whether the disk is full: what its writers say of it is often something else."""
    if not isinstance(work, Train):
        return ""
    home = work.job.out.parent
    free = shutil.disk_usage(home).free if home.is_dir() else FULL
    return f" (the disk of {home} is full: make room and run again, everything finished is kept)" if free < FULL else ""


# --- in the worker ----------------------------------------------------------------------------------------------------


def _serve(pipe: Connection, parent: int, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    leave_with(parent)
    performer = Performer()
    todo: dict[str, Callable[[Any], Any]] = {
        "train": lambda job: performer.train(job, say=lambda step: pipe.send(("step", step))),
        "generate": lambda asked: _generate(pipe, performer, asked),
        "check": performer.check,
    }
    while True:
        try:
            kind, payload = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            pipe.send(("done", todo[kind](payload)))
        except HarnessError as error:
            pipe.send(("error", error))
        except (EOFError, BrokenPipeError):
            return
        except Exception as error:
            pipe.send(("failed", f"{type(error).__name__}: {error}"))


def _generate(pipe: Connection, performer: Performer, asked: Asked) -> None:
    for batch in performer.answers(asked):
        pipe.send(("batch", batch))
        pipe.recv()
