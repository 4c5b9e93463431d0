"""The lock beside the store: one writer, or any number of readers, and a sentence about who is in the way.

    .harness/results.lock    {"pid": 4711, "started": "2026-11-04 10:15:00 UTC"}

The file stays when the lock is let go: what counts is the ``flock`` on it, which the system takes back from a killed
process. DuckDB has a lock of its own, but cannot wait for it, nor say since when it is held.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import BadInput, StoreBusy

POLL = 0.1
"""Seconds between two tries."""

_held: weakref.WeakSet[Lock] = weakref.WeakSet()


class Lock:
    """A held lock; ``release`` lets it go. Made by ``acquire``."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        _held.add(self)

    def release(self) -> None:
        """Let go; doing it twice is no harm."""
        if self._descriptor is not None:
            # Not by closing alone: a worker that was forked a moment ago may not have closed its copy yet.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self.disown()

    def disown(self) -> None:
        """Close this process's copy; whoever shares it goes on holding the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _forget() -> None:
    # A forked worker shares the descriptor: it would keep the lock when its parent is killed.
    for lock in tuple(_held):
        lock.disown()


os.register_at_fork(after_in_child=_forget)


def acquire(path: Path, *, write: bool, wait: float = 0.0, say: Callable[[str], None]) -> Lock:
    """The lock at ``path``, for the one writer or shared with other readers, after at most ``wait`` seconds.

    Raises:
        StoreBusy: naming who holds it and since when.
        BadInput: when a writer may not create it.
    """
    descriptor = _open(path, write=write)
    if descriptor is None:
        return Lock(None)
    try:
        _await(descriptor, path, write=write, wait=wait, say=say)
        if write:
            _sign(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return Lock(descriptor)


def _open(path: Path, *, write: bool) -> int | None:
    """A descriptor of the lock file; None for a reader of a folder that nobody can write to."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if write:
            raise BadInput(f"{path}: cannot be written: {error.strerror}: choose a folder of your own") from error
    try:
        return os.open(path, os.O_RDONLY)
    except OSError:
        return None


def _await(descriptor: int, path: Path, *, write: bool, wait: float, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + wait
    said = False
    while not _try(descriptor, write=write):
        left = deadline - time.monotonic()
        if left <= 0:
            raise StoreBusy(
                f"{path.parent}: {_holder(descriptor)}: wait for it with --wait SECONDS, or use another store"
            )
        if not said:
            say(f"{path.parent}: {_holder(descriptor)}: waiting up to {wait:.0f} s")
            said = True
        time.sleep(min(POLL, left))


def _try(descriptor: int, *, write: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if write else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    """Who is in the way. Only a writer signs; what an earlier one left behind says nothing about readers."""
    if _try(descriptor, write=False):
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return "another process is reading this store"
    try:
        signed = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {signed['pid']} has been writing to this store since {signed['started']}"
    except (ValueError, KeyError, TypeError):
        return "another process is writing to this store"


def _sign(descriptor: int) -> None:
    signature = {"pid": os.getpid(), "started": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"}
    with suppress(OSError):  # a courtesy: where the disk is full, what follows says so
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(signature).encode(), 0)
