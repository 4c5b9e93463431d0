"""What was submitted to a vendor's batch API, noted before anybody waits for it: a killed run finds it again.

    id             model  trial_ids     submitted            ended
    msgbatch_01H…  3f9a…  [a81c…, …]    2026-11-26 10:15:00

``model`` is the model's fingerprint; ``ended`` is set when all that came of a batch is in the store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.store.database import Database


def now() -> datetime:
    """UTC, as the store keeps times."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Batch:
    """One submitted batch that has not ended."""

    id: str
    model: str
    trial_ids: tuple[str, ...]
    submitted: datetime = field(default_factory=now)


def add(database: Database, batch: Batch) -> None:
    """Note a batch. Committed when this returns."""
    with database.transaction():
        database.insert("batches", [batch], {"ended": lambda batch: None})


def under_way(database: Database, model: str) -> list[Batch]:
    """Batches of a model that have not ended, first to last."""
    sql = "SELECT id, model, trial_ids, submitted FROM batches WHERE model = ? AND ended IS NULL ORDER BY submitted, id"
    return [Batch(name, of, tuple(asked), since) for name, of, asked, since in database.run(sql, [model])]


def end(database: Database, name: str) -> bool:
    """All that came of a batch is in the store, or it is given up; False when no such batch is under way."""
    with database.transaction():
        sql = "UPDATE batches SET ended = ? WHERE id = ? AND ended IS NULL RETURNING id"
        return bool(database.run(sql, [now(), name]))
