"""How the store of a home folder is opened: made where there is none, upgraded where it is old, one writer at a time.

with open_store(Path(".harness"), write=True, wait=60, say=print) as store: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import BadInput, Incomplete
from harness.store.checkpoint import before, restore
from harness.store.database import Database
from harness.store.lock import acquire
from harness.store.schema import FILE, OldSchema, create
from harness.store.store import Store
from harness.store.upgrade import upgrade


def open_store(home: Path, *, write: bool, wait: float = 0.0, say: Callable[[str], None] = lambda line: None) -> Store:
    """The store of a home folder; a writer creates it where there is none.

    ``wait`` seconds are spent on another process that is in the way; ``say`` is told so once. A writer upgrades a store of an
    older version, and tells ``say``.

    Raises:
        StoreBusy: when another process writes, or reads while this one wants to write.
        Incomplete: when there is nothing to read.
        BadInput: when the folder cannot be written, or the file is damaged, not a store or of another version.
    """
    path = home / FILE
    if write:
        _make(home)
    elif not path.exists():
        raise Incomplete(f"no results yet at {path}: run `harness run`")
    _put_back(path, wait=wait, say=say)
    lock = acquire(path.with_suffix(".lock"), write=write, wait=wait, say=say)
    try:
        if write and not path.exists():
            create(path)
        return Store(_database(path, write=write, say=say), lock)
    except BaseException:
        lock.release()
        raise


@contextmanager
def alone(home: Path, *, wait: float, say: Callable[[str], None]) -> Iterator[Path]:
    """The file of a store of this version, with nobody else at it, to be done with as a file.

    Raises:
        StoreBusy: when another process uses it.
        Incomplete: when there is none.
        BadInput: when it is damaged or cannot be written.
    """
    path = home / FILE
    if not path.exists():
        raise Incomplete(f"no results yet at {path}: run `harness run`")
    _put_back(path, wait=wait, say=say)
    lock = acquire(path.with_suffix(".lock"), write=True, wait=wait, say=say)
    try:
        _database(path, write=True, say=say).close()
        yield path
    finally:
        lock.release()


def _put_back(path: Path, *, wait: float, say: Callable[[str], None]) -> None:
    """Undo a checkpoint that a kill cut off; while one goes on, its writer has the lock.

    Raises:
        StoreBusy: when another process uses the store.
        BadInput: when nothing can be written.
    """
    if not before(path).exists():
        return
    lock = acquire(path.with_suffix(".lock"), write=True, wait=wait, say=say)
    try:
        if restore(path):
            say(
                f"{path}: was put back as it was before it was closed, and nothing is lost: the program was killed just then"
            )
    except OSError as error:
        raise BadInput(f"{path}: cannot be put back from {before(path).name}: {error.strerror}") from error
    finally:
        lock.release()


def _database(path: Path, *, write: bool, say: Callable[[str], None]) -> Database:
    try:
        return Database(path, write=write)
    except OldSchema as old:
        if not write:
            raise
        upgrade(path, old.version, say=say)
        return Database(path, write=write)


def _make(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{home}: cannot be made a folder: {error.strerror}: choose another store") from error
