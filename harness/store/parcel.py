"""A store as a folder of Parquet files, whole or one experiment's part: to keep, to send, to read with any other tool.

    export/  manifest.json · cells.parquet · asked.parquet · prompts.parquet · generations.parquet · scores.parquet · …

The folder appears in one step. What other programs write in the same form is taken in by the same door (``harness.store.merge``): one
file or several for a table (``generations.parquet``, ``generations/*.parquet``), with as many of the tables and of the columns that may be
empty as they have.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import BadInput, Incomplete, suggest
from harness.store import cells
from harness.store.schema import TABLES, VERSION

if TYPE_CHECKING:
    from harness.store.database import Database

MANIFEST = "manifest.json"
KIND = "tuneworthy store"
IN_CELLS = "cell IN (SELECT cell FROM cells WHERE experiment = $experiment)"
IN_TRIALS = "trial_id IN (SELECT trial_id FROM trials WHERE experiment = $experiment)"
IN_ROUNDS = "round IN (SELECT id FROM rounds WHERE experiment = $experiment)"
PART: Mapping[str, str] = {
    "cells": "experiment = $experiment",
    "asked": IN_CELLS,
    "prompts": IN_TRIALS,
    "generations": IN_TRIALS,
    "scores": IN_TRIALS,
    "trainings": "adapter IN (SELECT adapter FROM cells WHERE experiment = $experiment)",
    "runs": "experiment = $experiment AND ($run IS NULL OR id = $run)",
    "ledger": "(suite, model) IN (SELECT (suite, model) FROM cells WHERE experiment = $experiment)",
    "reviews": IN_TRIALS,
    "rounds": "experiment = $experiment",
    "reanswers": IN_ROUNDS,
    "rescores": f"trial_id IN (SELECT trial_id FROM reanswers WHERE {IN_ROUNDS})",
}
"""Table → which of its rows are an experiment's. Replies of a judge are not among them, their scores are; batches belong to a key."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What was exported: where it lies, of which experiment (None: all), and the rows of every table."""

    folder: Path
    experiment: str | None
    rows: dict[str, int]


def write(database: Database, folder: Path, *, experiment: str | None = None, run: str | None = None) -> Parcel:
    """Write the whole store, or the part of an experiment or of the one that a run belongs to.

    Raises:
        BadInput: when there is no such experiment or run, or nothing can be written there.
    """
    experiment = _named(database, experiment, run)
    if folder.exists():
        raise BadInput(f"{folder}: is there already: name a new folder")
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir()
        rows = {
            table: _copied(database, unfinished, table, experiment, run)
            for table in TABLES
            if table != "meta" and (experiment is None or table in PART)
        }
        told = {"kind": KIND, "schema": VERSION, "experiment": experiment, "rows": rows}
        (unfinished / MANIFEST).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(folder)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written: {error.strerror}: choose another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Parcel(folder, experiment, rows)


def read(folder: Path) -> dict[str, str]:
    """Table → the SQL that reads its files.

    Raises:
        BadInput: when the folder is no export, or one of a newer version.
    """
    try:
        told: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        schema = int(told["schema"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{folder}: no export of a store: {MANIFEST} cannot be read ({error})") from error
    if told.get("kind") != KIND:
        raise BadInput(f"{folder / MANIFEST}: kind: given {told.get('kind')!r}: only {KIND!r} can be taken in")
    if schema > VERSION:
        raise BadInput(
            f"{folder}: written by a newer harness (schema {schema}, this one reads {VERSION}): pip install -U tuneworthy"
        )
    found = {table: _files(folder, table) for table in TABLES if table != "meta"}
    return {table: f"read_parquet([{', '.join(map(quoted, files))}])" for table, files in found.items() if files}


def rows_told(folder: Path) -> dict[str, int]:
    """Table → how many rows the manifest says that it has; nothing where it does not say."""
    rows = json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("rows", {})
    return {table: count for table, count in rows.items() if isinstance(count, int)} if isinstance(rows, dict) else {}


def quoted(path: Path) -> str:
    """A path in SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def _named(database: Database, experiment: str | None, run: str | None) -> str | None:
    if run is not None:
        found = database.run("SELECT experiment FROM runs WHERE id = ?", [run])
        if not found:
            known = [name for (name,) in database.run("SELECT id FROM runs ORDER BY rowid DESC LIMIT 9")]
            raise BadInput(f"no run {run!r}: {suggest(run, known)}")
        return str(found[0][0])
    if experiment is None:
        return None
    known = cells.experiments(database)
    if experiment not in known:
        raise Incomplete(f"no experiment {experiment!r} in this store: {suggest(experiment, known)}")
    return experiment


def _copied(database: Database, folder: Path, table: str, experiment: str | None, run: str | None) -> int:
    where = f" WHERE {PART[table]}" if experiment is not None else ""
    given = {name: value for name, value in (("experiment", experiment), ("run", run)) if f"${name}" in where}
    out = quoted(folder / f"{table}.parquet")
    sql = f"COPY (SELECT * FROM {table}{where} ORDER BY rowid) TO {out} (FORMAT parquet, COMPRESSION zstd)"
    return int(database.run(sql, given)[0][0])


def _files(folder: Path, table: str) -> list[Path]:
    return [path for path in [folder / f"{table}.parquet"] if path.is_file()] + sorted(
        (folder / table).glob("*.parquet")
    )
