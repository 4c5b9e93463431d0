"""The local engine: persistent worker processes that train and generate, while one process keeps the store.

    with Pool(workers=2) as pool:
        pool.run(works, on_batch=store.add_generations, on_trained=store.add_training, say=progress)

A worker sends each finished batch and waits until it is stored before it goes on, so a killed run loses at most the
batch in flight. Workers leave as soon as their parent is gone. Heavy packages are imported in workers alone.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import HarnessError
from harness.experiment import Model
from harness.trial import Generation, Step, Training, Trial

if TYPE_CHECKING:
    from harness.training.job import Job

PARENT_CHECK = 1.0
"""Seconds between looks at whether the parent still lives."""
FULL = 16 << 20
"""Bytes that are left on a disk that is as good as full."""
PR_SET_PDEATHSIG = 1
"""Of Linux's ``prctl``: which signal a process gets when its parent dies."""


@dataclass(frozen=True, slots=True)
class Train:
    """Train one adapter; ``key`` is its fingerprint."""

    key: str
    job: Job
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer trials with one base model; ``expand`` runs when the work is handed out, and gives what is missing."""

    key: str
    model: Model
    home: Path
    expand: Callable[[], Sequence[Trial]]
    batch_tokens: int | None = None
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Check:
    """Refuse prompts that the model's context is too short for, before anything is paid for."""

    key: str
    model: Model
    home: Path
    trials: tuple[Trial, ...]
    needs: frozenset[str] = frozenset()


Work = Train | Generate | Check


class Sink(Protocol):
    """Where finished work goes; every method returns when it is safe."""

    def batch(self, generations: list[Generation]) -> None: ...

    def trained(self, training: Training) -> None: ...

    def step(self, key: str, step: Step) -> None: ...

    def finished(self, work: Work) -> None: ...


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
    """``workers`` processes with ``threads`` threads of arithmetic each."""

    workers: int
    threads: int
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
            self._hand_out(waiting, pending, finished, sink)
            busy = {worker.pipe: worker for worker in self._alive if worker.work}
            for pipe in wait(list(busy), timeout=1.0):
                self._listen(busy[pipe], finished, sink)  # type: ignore[index]

    def _hand_out(self, waiting: deque[Work], pending: set[str], finished: set[str], sink: Sink) -> None:
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
                sink.finished(work)
                continue
            worker = idle.pop() if idle else self._start()
            worker.hand(work, payload)
        waiting.extendleft(reversed(blocked))

    def _start(self) -> Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, os.getpid(), self.threads), daemon=True)
        with _environment(self.threads):
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
                f"a worker died while at {_named(work)}: {killed}; out of memory is the usual cause: lower batch_size, "
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
            sink.finished(work)
        elif kind == "failed":
            raise HarnessError(f"{_named(work)}: {value}{_full(work)}")
        else:
            raise value


class _environment:  # noqa: N801
    """Variables that a worker must have before it imports torch, set only while it is started."""

    def __init__(self, threads: int) -> None:
        self.values = {
            "OMP_NUM_THREADS": str(threads),
            "TOKENIZERS_PARALLELISM": "false",
            # glibc gives freed memory back after every training step, and faults it in again: 2–5× slower without these
            "MALLOC_MMAP_THRESHOLD_": "4294967296",
            "MALLOC_TRIM_THRESHOLD_": "8589934592",
            "MALLOC_TOP_PAD_": "268435456",
        }
        self.before: dict[str, str | None] = {}

    def __enter__(self) -> None:
        self.before = {key: os.environ.get(key) for key in self.values}
        for key, value in self.values.items():
            os.environ.setdefault(key, value)

    def __exit__(self, *_: object) -> None:
        for key, value in self.before.items():
            if value is None:
                os.environ.pop(key, None)


def _payload(work: Work) -> Any:
    """What a worker is sent; None when nothing is left to do."""
    if isinstance(work, Train):
        return work.job
    trials = list(work.trials if isinstance(work, Check) else work.expand())
    batch_tokens = work.batch_tokens if isinstance(work, Generate) else None
    return (work.model, work.home, batch_tokens, trials) if trials else None


def _named(work: Work) -> str:
    if isinstance(work, Train):
        return f"training {work.job.recipe_name} for {work.job.suite} (seed {work.job.seed})"
    return f"{'checking prompts for' if isinstance(work, Check) else 'generating'} {work.key}"


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
    _die_with(parent)
    threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    backends: dict[str, Any] = {}
    todo: dict[str, Callable[[Any], Any]] = {
        "train": lambda payload: _train(pipe, payload),
        "generate": lambda payload: _generate(pipe, _backend(backends, payload), payload[-1]),
        "check": lambda payload: _backend(backends, payload).check(payload[-1]),
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


def _die_with(parent: int) -> None:
    """Have the system kill this process with its parent: a run that is taken up at once would train beside what was left of the
    killed one, in the same folder. Elsewhere than on Linux ``_leave_with`` sees to it within a second or two.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _leave_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK)
    os._exit(1)


def _train(pipe: Connection, job: Job) -> Training:
    from harness.training import train

    return train(job, say=lambda step: pipe.send(("step", step)))


def _backend(backends: dict[str, Any], payload: tuple[Model, Path, int | None, list[Trial]]) -> Any:
    """The model that a worker holds: one at a time, loaded once."""
    from harness.models.local import Local

    model, home, batch_tokens, _ = payload
    key = model.model_dump_json()
    if key not in backends:
        for backend in backends.values():
            backend.close()
        backends.clear()
        backends[key] = Local(model, home=home, batch_tokens=batch_tokens)
    return backends[key]


def _generate(pipe: Connection, backend: Any, trials: list[Trial]) -> None:
    for batch in backend.generate(trials):
        pipe.send(("batch", batch))
        pipe.recv()
