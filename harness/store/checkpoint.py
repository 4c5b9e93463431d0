"""How the log of a store is folded into its file so that a kill in the middle loses nothing.

    results.duckdb  results.duckdb.wal                       commits are in the log: DuckDB adds to it, and to nothing else
    results.duckdb  results.duckdb.wal  results.before       folding: first a copy of the file, then the checkpoint
    results.duckdb                                           done

DuckDB 2.0 rewrites pages in place that the file still needs when it folds: a kill in the middle of one leaves a page half-written and a file
that nobody can open (seen once in some 400 kills). The file as it was, and its log, are the whole store: whoever opens it next puts
it back. DuckDB's own checkpoints (when 16 MB are in the log, when the file is closed) are therefore switched off.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import duckdb

HEADERS = 3 * 4096
"""Bytes before the first block of a DuckDB file: they say which pages count, and change when a checkpoint is done."""
LONG = 64 << 20
"""Bytes of a log that is folded while a run goes on, where the file is no larger than four times that."""
SMALL = 256 << 20
"""Bytes of a file that is copied without a thought: 0.2 s."""


def before(path: Path) -> Path:
    """Where the file lies as it was before a checkpoint."""
    return path.with_suffix(".before")


def log(path: Path) -> Path:
    """The log of a store's file."""
    return path.with_name(f"{path.name}.wal")


def due(path: Path, *, closing: bool) -> bool:
    """Whether the log is to be folded now: it is long, or the file is closed and copying it takes no time."""
    logged, size = _size(log(path)), _size(path)
    if not closing:
        return logged >= max(LONG, size // 4)
    return logged > 0 and (size < SMALL or logged >= size // 16)


def fold(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Fold the log into the file. Where there is no room for a copy nothing is done: the log has everything.

    Raises:
        duckdb.Error: when the checkpoint fails; the next ``restore`` puts the file back.
    """
    kept = before(path)
    part = kept.with_name(f"{kept.name}.part")
    try:
        shutil.copyfile(path, part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(kept)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        return
    connection.execute("CHECKPOINT").fetchall()
    kept.unlink()


def restore(path: Path) -> bool:
    """Put the file back as it was where a checkpoint was cut off; whether it was. Whoever calls holds the writer's lock.

    Raises:
        OSError: when it cannot be put back.
    """
    kept = before(path)
    if not kept.exists():
        return False
    if path.exists() and _headers(path) != _headers(kept) and _opens(path):  # it was done, and the copy not yet removed
        kept.unlink()
        return False
    kept.replace(path)
    return True


def _headers(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEADERS)


def _opens(path: Path) -> bool:
    try:
        duckdb.connect(str(path), read_only=True).close()
    except duckdb.Error:
        return False
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
