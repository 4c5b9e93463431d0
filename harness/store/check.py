"""What is wrong within a store: rows twice, rows that hang on nothing, rows that say nothing, and pages that cannot be read.

>>> findings(database)[0]
Finding(table='scores', kind='no-answer', count=3, said='3 scores are of trials without an answer', examples=('5f0c…', …), broken=True)

Adapters and fingerprints are looked at by ``harness.upkeep``, which knows the experiment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.fingerprint import fingerprint
from harness.plural import plural
from harness.store.keys import KEYS
from harness.store.records import from_json
from harness.store.schema import TABLES

if TYPE_CHECKING:
    from harness.store.database import Database

SHOWN = 3
"""Examples of each finding."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be; ``broken`` where a verdict could be wrong for it, else it is only untidy."""

    table: str
    kind: str
    count: int
    said: str
    examples: tuple[str, ...] = ()
    broken: bool = True


LOST: Mapping[tuple[str, str], tuple[str, str]] = {
    ("asked", "no-prompt"): (
        "trial is asked and has no prompt",
        "SELECT DISTINCT trial_id FROM asked ANTI JOIN prompts USING (trial_id)",
    ),
    ("scores", "no-answer"): (
        "score is of a trial without an answer",
        """SELECT trial_id FROM scores ANTI JOIN (SELECT trial_id FROM generations WHERE error IS NULL) USING (trial_id)
        WHERE value IS NOT NULL""",
    ),
    ("generations", "says-nothing"): (
        "answer has neither text nor error, or both",
        "SELECT trial_id FROM generations WHERE (text IS NULL) = (error IS NULL)",
    ),
    ("scores", "says-nothing"): (
        "score has neither a finite value nor an error, or both",
        "SELECT trial_id FROM scores WHERE (value IS NULL OR NOT isfinite(value)) = (error IS NULL)",
    ),
    ("prompts", "not-asked"): (
        "prompt is asked by no cell",
        "SELECT trial_id FROM prompts ANTI JOIN asked USING (trial_id)",
    ),
    ("cells", "not-asked"): (
        "cell was declared and never asked: a run ended before",
        "SELECT DISTINCT cell FROM cells ANTI JOIN asked USING (cell)",
    ),
    ("runs", "not-finished"): (
        "run never came to its end: it works, or was killed",
        "SELECT id FROM runs WHERE finished IS NULL",
    ),
}
"""(table, kind) → what is said of one such row, and the query for them."""
UNTIDY = frozenset({"not-asked", "not-finished"})


def findings(database: Database) -> list[Finding]:
    """Everything that is found, table by table; every page of the file is read for it.

    Raises:
        BadInput: when a page cannot be read.
    """
    for table in TABLES:
        database.run(f"SELECT bit_xor(hash(t)) FROM {table} t")  # a page that is damaged is refused by its checksum
    return [*_doubled(database), *_lost(database), *_unlike(database)]


def _doubled(database: Database) -> Iterator[Finding]:
    for table, key in KEYS.items():
        columns = ", ".join(key)
        # rows that are twice have fewer hashes than they are: that alone takes less than half the time and memory
        rows, hashes = database.run(f"SELECT count(*), count(DISTINCT hash({columns})) FROM {table}")[0]
        if rows == hashes:
            continue
        sql = f"SELECT concat_ws(' ', {columns}) FROM {table} GROUP BY {columns} HAVING count(*) > 1"
        count, examples = _counted(database, sql)
        if count:
            yield Finding(table, "twice", count, f"{table}: {plural(count, 'row')} there more than once", examples)


def _lost(database: Database) -> Iterator[Finding]:
    for (table, kind), (said, sql) in LOST.items():
        count, examples = _counted(database, sql)
        if count:
            yield Finding(table, kind, count, f"{table}: {count:,} × {said}", examples, kind not in UNTIDY)


def _unlike(database: Database) -> Iterator[Finding]:
    """Runs whose fingerprint is not that of what they were told."""
    found = database.run("SELECT id, fingerprint, config FROM runs ORDER BY rowid")
    wrong = tuple(name for name, digest, config in found if fingerprint(from_json(config)) != digest)
    if wrong:
        said = f"runs: {len(wrong):,} × fingerprint is not that of its configuration"
        yield Finding("runs", "fingerprint", len(wrong), said, wrong[:SHOWN])


def _counted(database: Database, sql: str) -> tuple[int, tuple[str, ...]]:
    """How many rows a query of one column has, and the first of them."""
    count, examples = database.run(f"SELECT count(*), min(#1, {SHOWN}) FROM ({sql}) s(name)".replace("#1", "name"))[0]
    return count, tuple(examples or ())
