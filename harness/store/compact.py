"""A store written anew without what was deleted: DuckDB keeps the room of deleted rows, and frees it within the file alone.

    >>> compact(Path(".harness"))
    Compacted(before=3158016, after=1847296, rows={'cells': 19, …})

The new file is compared with the old one, row by row, before it takes its place in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from harness.errors import HarnessError
from harness.store.checkpoint import fold
from harness.store.opening import alone
from harness.store.schema import CONFIG, TABLES, attach, drafted, told


@dataclass(frozen=True, slots=True)
class Compacted:
    """Bytes of the file before and after, and the rows of every table."""

    before: int
    after: int
    rows: dict[str, int]


def compact(home: Path, *, wait: float = 0.0, say: Callable[[str], None] = lambda line: None) -> Compacted:
    """Write the store of a home folder anew. Killed at any moment, there is the old file or the new one, whole.

    Raises:
        StoreBusy: when another process uses it.
        Incomplete: when there is none.
        BadInput: when it is damaged, or there is no room for another one.
        HarnessError: when the new file is not the same; the old one stays.
    """
    with alone(home, wait=wait, say=say) as path:
        with told(path), duckdb.connect(str(path), config=CONFIG) as old:
            fold(old, path)  # what a killed writer left in a log belongs to the file
        before, rows = path.stat().st_size, {}
        with drafted(path) as draft:
            attach(draft, path, "older")
            for table in TABLES:
                if table != "meta":
                    draft.execute(f"INSERT INTO main.{table} BY NAME SELECT * FROM older.{table}").fetchall()
                rows[table] = _same(draft, table)
        return Compacted(before, path.stat().st_size, rows)


def _same(draft: duckdb.DuckDBPyConnection, table: str) -> int:
    """How many rows both have.

    Raises:
        HarnessError: when they are not the same ones.
    """
    sums = [
        draft.execute(f"SELECT count(*), bit_xor(hash(t)), sum(hash(t)::HUGEINT) FROM {of}.{table} t").fetchall()[0]
        for of in ("main", "older")
    ]
    if sums[0] != sums[1]:
        raise HarnessError(f"table {table!r} came out otherwise than it was: the store was left as it is")
    return int(sums[0][0])
