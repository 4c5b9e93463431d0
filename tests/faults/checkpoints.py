"""Kills while the log is folded into the store's file, microseconds apart: where DuckDB alone can lose a store.

python -m tests.faults checkpoints --kills 300            # as the harness folds
python -m tests.faults checkpoints --kills 300 --bare     # as DuckDB does by itself
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import duckdb

from harness.store import CellRow, open_store
from harness.store.checkpoint import fold
from harness.store.schema import CONFIG
from harness.trial import Generation, Score
from tests.faults.nursery import call, start

ROWS = 400


@dataclass
class Folds:
    """How many kills fell into the folding, how many files could not be opened then, and how many lacked rows."""

    kills: int = 0
    ended: int = 0
    unreadable: int = 0
    incomplete: int = 0
    restored: int = 0


def campaign(folder: Path, total: int, seed: int, *, bare: bool) -> Folds:
    """So many kills of a process that folds a log of three batches into a file of as many."""
    draw, found = random.Random(seed), Folds()
    template = folder / "template"
    call(lambda: _make(template))
    took = call(lambda: _timed(template, folder / "timed", bare))
    while found.kills < total:
        home = folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(template, home)
        delay = draw.uniform(0.0, took * 1.1)
        how, _ = start(lambda home=home, delay=delay: _killed(home, delay, bare)).wait()  # type: ignore[misc]
        if how != "killed":
            found.ended += 1
            if found.ended > 20 * total:
                raise RuntimeError("no kill falls into the folding")
            continue
        found.kills += 1
        found.restored += (home / "results.before").exists()
        how, rows = start(lambda home=home: _rows(home)).wait()  # type: ignore[misc]
        found.unreadable += how != "ended"
        found.incomplete += how == "ended" and rows != (2 * ROWS, 2 * ROWS)
    return found


def _make(home: Path) -> None:
    """A file with rows, and a log with as many more."""
    with open_store(home, write=True) as store:
        store.declare("demo", [CellRow(f"c{i}", "s", f"k{i}", "prompt", "m") for i in range(40)])
        _batch(store, 0)
    with mock.patch("harness.store.database.due", return_value=False), open_store(home, write=True) as store:
        _batch(store, ROWS)


def _batch(store: object, first: int) -> None:
    rows = range(first, first + ROWS)
    store.add_generations([Generation(f"t{i}", text=f"{i * 7919}" * 20) for i in rows])  # type: ignore[attr-defined]
    store.add_scores([Score(f"t{i}", "exact", "e", 1.0) for i in rows])  # type: ignore[attr-defined]


def _timed(template: Path, home: Path, bare: bool) -> float:
    shutil.copytree(template, home)
    connection = duckdb.connect(str(home / "results.duckdb"), config=CONFIG)
    started = time.perf_counter()
    _fold(connection, home, bare)
    return time.perf_counter() - started


def _killed(home: Path, delay: float, bare: bool) -> None:
    connection = duckdb.connect(str(home / "results.duckdb"), config=CONFIG)
    connection.execute("PRAGMA disable_checkpoint_on_shutdown").fetchall()
    threading.Thread(target=lambda: (time.sleep(delay), os.kill(os.getpid(), 9)), daemon=True).start()
    _fold(connection, home, bare)


def _fold(connection: duckdb.DuckDBPyConnection, home: Path, bare: bool) -> None:
    if bare:
        connection.execute("CHECKPOINT").fetchall()
    else:
        fold(connection, home / "results.duckdb")


def _rows(home: Path) -> tuple[int, int]:
    with open_store(home, write=True) as store:
        names = [f"t{i}" for i in range(2 * ROWS)]
        assert not store.findings() or not [f for f in store.findings() if f.kind == "twice"]
        scored = store._database.run("SELECT count(*) FROM scores")[0][0]
        return len(names) - len(store.missing(names)), scored
