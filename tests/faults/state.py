"""What a project holds in the end, without times: two that did the same have the same state, byte for byte.

state = state_of(project.folder / ".harness")
differences(state, expected)          # ['generations: 2 missing, such as …']
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb

TABLES = {
    "cells": "* EXCLUDE (model)",
    "asked": "*",
    "prompts": "*",
    "generations": "* EXCLUDE (seconds, stored)",
    "scores": "* EXCLUDE (scored)",
    "trainings": "* EXCLUDE (seconds, path, speed)",
    "ledger": "* EXCLUDE (entered)",
    "batches": "id, model",
}
"""Table → what of it is the same whenever it is done."""
KEYS = {
    "cells": "experiment, suite, contender, model, training_seed, data_fraction",
    "asked": "cell, case_id, repeat",
    "prompts": "trial_id",
    "generations": "trial_id",
    "scores": "trial_id, metric, metric_hash",
    "trainings": "adapter",
    "ledger": "kind, question, model, suite, content",
}
"""Table → what no two rows share."""

State = dict[str, Counter[str]]


def state_of(home: Path) -> State:
    """Rows of every table, and adapters with their contents."""
    found: State = {}
    with duckdb.connect(str(home / "results.duckdb"), read_only=True) as connection:
        for table, columns in TABLES.items():
            rows = connection.execute(f"SELECT {columns} FROM {table}").fetchall()
            found[table] = Counter(map(repr, rows))
    adapters = sorted((home / "adapters").glob("*")) if (home / "adapters").is_dir() else []
    found["adapters"] = Counter(f"{a.name} {_content(a)}" for a in adapters if a.suffix != ".work")
    found["left over"] = Counter(
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.suffix in (".work", ".new", ".part", ".wal", ".before") or ".unfinished" in path.name
    )
    return found


def doubled(home: Path) -> list[str]:
    """Keys that several rows of a table share; the file may be one that a kill left, and is opened as a user opens it."""
    from harness.store import open_store

    open_store(home, write=False).close()
    with duckdb.connect(str(home / "results.duckdb"), read_only=True) as connection:
        return [
            f"{table}: {row}"
            for table, key in KEYS.items()
            for row in connection.execute(
                f"SELECT {key}, count(*) FROM {table} GROUP BY {key} HAVING count(*) > 1"
            ).fetchall()
        ]


def differences(found: State, expected: State) -> list[str]:
    """What one has and the other has not."""
    said = []
    for name, rows in expected.items():
        missing, more = rows - found[name], found[name] - rows
        for what, some in (("missing", missing), ("too many", more)):
            if some:
                said.append(f"{name}: {sum(some.values())} {what}, such as {str(next(iter(some)))[:300]}")
    return said


def _content(folder: Path) -> list[Any]:
    """Of the weights and their config, but for where the base model lies; the record has times."""
    return [
        (path.name, hashlib.sha256(_said(path)).hexdigest()[:12])
        for path in sorted(folder.iterdir())
        if path.suffix == ".safetensors" or path.name == "adapter_config.json"
    ]


def _said(path: Path) -> bytes:
    if path.suffix != ".json":
        return path.read_bytes()
    config = json.loads(path.read_bytes())
    # the modules that an adapter is put on are a set: Python writes it in another order each time
    plain = {name: sorted(value) if isinstance(value, list) else value for name, value in config.items()}
    return json.dumps({**plain, "base_model_name_or_path": None}, sort_keys=True).encode()
