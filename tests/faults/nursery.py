"""Runs in processes of their own, forked from one that has imported everything: a start takes 0.1 s instead of ten.

    run = start(lambda: main(["run", "experiment.toml"]), log)
    run.wait(60)            # ('ended', what it returned) | ('killed', 9) | ('late', None)

The process that forks stays single-threaded: it opens no store and calls no server.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FAILED = 70
"""Exit code of a process whose job raised."""


@dataclass
class Run:
    """A forked process, head of its own group."""

    pid: int
    result: int

    def wait(self, seconds: float = 300.0) -> tuple[str, Any]:
        """How it came to its end; what is still there after ``seconds`` is killed."""
        sent = b""
        deadline = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self.result], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.sweep()
                os.waitpid(self.pid, 0)
                os.close(self.result)
                return "late", None
            part = os.read(self.result, 1 << 16)
            if not part:
                break
            sent += part
        os.close(self.result)
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            return "killed", os.WTERMSIG(status)
        if os.WEXITSTATUS(status) or not sent:
            return "failed", os.WEXITSTATUS(status)
        return "ended", pickle.loads(sent)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def sweep(self) -> None:
        """Kill what is left of its group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    @property
    def orphans(self) -> list[int]:
        """Processes of its group that live; one that is dead and that nobody has asked about yet is none."""
        return [pid for pid, group, state in _processes() if group == self.pid and state not in "ZX"]


def _processes() -> Iterator[tuple[int, int, str]]:
    """(process, its group, its state) as Linux has them."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = path.read_text(encoding="utf-8", errors="replace").rpartition(") ")
        except OSError:
            continue
        state, _, group, *_ = rest.split()
        yield int(path.parent.name), int(group), state


def start(job: Callable[[], Any], log: Path | None = None) -> Run:
    """Do ``job`` in a new process; what it prints goes to ``log``."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(writing)
        return Run(pid, reading)
    code = FAILED
    try:
        os.setsid()
        os.close(reading)
        os.set_inheritable(writing, False)
        said = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(said, 1)
        os.dup2(said, 2)
        made = pickle.dumps(job())
        with os.fdopen(writing, "wb") as out:
            out.write(made)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def call(job: Callable[[], Any], log: Path | None = None, seconds: float = 300.0) -> Any:
    """What ``job`` returns, done in another process."""
    how, value = start(job, log).wait(seconds)
    if how != "ended":
        said = log.read_text(errors="replace")[-3000:] if log and log.exists() else ""
        raise RuntimeError(f"{how} {value}: {said}")
    return value
