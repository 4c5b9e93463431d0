"""Finished trainings, by the fingerprint of the adapter that each made.

adapter  recipe  suite   model          seed  seconds  steps  losses
5f0c…    sft     triage  embedded:tiny  1000  41.2     240    [[1, 3.81, 0.0002, 1.4], …]
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from harness.store.records import to_json, training_of
from harness.trial import Training

if TYPE_CHECKING:
    from harness.store.database import Database


def add(database: Database, row: Training) -> None:
    """Keep a finished training; a later one of the same adapter replaces it. Committed when this returns."""
    values = [getattr(row, field.name) for field in fields(Training)]
    told = [to_json(value) if isinstance(value, list | dict) else value for value in values]
    with database.transaction():
        database.run(f"INSERT OR REPLACE INTO trainings VALUES ({', '.join('?' for _ in told)})", told)


def of(database: Database, adapter: str) -> Training | None:
    """How an adapter was made, if it was."""
    found = database.run("SELECT * FROM trainings WHERE adapter = ?", [adapter])
    return training_of(found[0]) if found else None


def read(database: Database, experiment: str | None) -> list[Training]:
    """All, or those whose adapters an experiment's matrix uses."""
    sql = """
        SELECT * FROM trainings
        WHERE $experiment IS NULL OR adapter IN (SELECT adapter FROM cells WHERE experiment = $experiment)
        ORDER BY suite, model, recipe, seed, adapter"""
    return [training_of(values) for values in database.run(sql, {"experiment": experiment})]
