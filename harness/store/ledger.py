"""What was locked and what was looked at: lines that are only ever added.

    kind  question  model          suite   content                                                  cases
    lock  3f9a…     embedded:tiny  triage  {"terms": {"margin": 0.03, …}, "late": false}            [a81c…, …]
    look  3f9a…     embedded:tiny  triage  {"rows": "77d0…", "cases": 300, "alpha": 0.05, …}        [a81c…, …]

``cases`` are fingerprints of the test cases' contents: that is how a look at a grown or renamed test set is known to be
another look at the same one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from harness.store.schema import TABLES

if TYPE_CHECKING:
    from harness.store.database import Database


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger; ``entered`` is UTC."""

    kind: Literal["lock", "look"]
    question: str
    model: str
    suite: str
    cases: tuple[str, ...]
    content: Mapping[str, Any]
    entered: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))


def enter(database: Database, entries: Sequence[Entry]) -> None:
    """Add lines, in the order given; a store from before there was a ledger gets one."""
    with database.transaction():
        database.run(f"CREATE TABLE IF NOT EXISTS ledger ({TABLES['ledger']})")
        database.insert("ledger", entries, {"content": lambda entry: json.dumps(entry.content, sort_keys=True)})


def read(database: Database) -> list[Entry]:
    """All lines in the order in which they were entered, whatever the clock said; none where nothing ever was."""
    if not database.run("SELECT 1 FROM information_schema.tables WHERE table_name = 'ledger'"):
        return []
    found = database.run("SELECT kind, question, model, suite, cases, content, entered FROM ledger ORDER BY rowid")
    return [
        Entry(kind, question, model, suite, tuple(cases), json.loads(content), entered)
        for kind, question, model, suite, cases, content, entered in found
    ]
