"""Who measured when: a line for every ``harness run`` that found something to do.

id     experiment  config  versions                    hardware      started              finished
77d0…  default     {…}     {"torch": "2.13.0+cpu", …}  {"cores": 2}  2026-11-26 10:15:00  2026-11-26 10:25:12
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from harness.fingerprint import fingerprint
from harness.store.records import Run, run_of, to_json
from harness.store.submission import now

if TYPE_CHECKING:
    from harness.store.database import Database


def start(
    database: Database, experiment: str, config: dict[str, Any], versions: dict[str, str], hardware: dict[str, Any]
) -> str:
    """Note that a run begins, and with what; its id. Committed when this returns."""
    begun = now()
    name = fingerprint(experiment, begun.isoformat(), os.getpid())
    values = [name, experiment, fingerprint(config), to_json(config), to_json(versions), to_json(hardware), begun]
    with database.transaction():
        database.run("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, NULL)", values)
    return name


def finish(database: Database, name: str) -> None:
    """Note that a run came to its end."""
    with database.transaction():
        database.run("UPDATE runs SET finished = ? WHERE id = ?", [now(), name])


def last(database: Database, experiment: str) -> Run | None:
    """The run that was noted last, whatever the clock said then; finished or not."""
    found = database.run("SELECT * FROM runs WHERE experiment = ? ORDER BY rowid DESC LIMIT 1", [experiment])
    return run_of(found[0]) if found else None
