"""A store that an older version wrote, made one of this version: a new file, filled from the old one, which is kept.

    results.duckdb (schema 2)   →   results.duckdb (schema 3), results.v2.duckdb

Nothing is written down about single versions: what ``TABLES`` declares is compared with what the file has. A table or a
column that may be empty is added empty; anything else that differs is refused, since nobody could say what to put there.
Killed at any moment, there is the old store or the new one, whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, count
from pathlib import Path

import duckdb

from harness.errors import BadInput
from harness.store.checkpoint import fold
from harness.store.schema import CONFIG, TABLES, VERSION, attach, drafted, told

Columns = Mapping[str, Mapping[str, tuple[str, bool]]]
"""Table → column → its type, and whether it may be empty."""

COLUMNS = """
    SELECT table_name, c.column_name, c.data_type, c.is_nullable
    FROM duckdb_columns() c JOIN duckdb_tables() USING (database_name, schema_name, table_name)
    WHERE database_name = coalesce(?, current_database()) ORDER BY table_name, c.column_index"""


def upgrade(path: Path, version: int, *, say: Callable[[str], None]) -> None:
    """Make the store at ``path``, of an older version, one of this version; whoever calls holds the writer's lock.

    Raises:
        BadInput: when it has what this version has no place for, is damaged, or the folder is full or not writable.
    """
    with told(path), duckdb.connect(str(path), config=CONFIG) as old:
        fold(old, path)  # what a killed writer left in a log belongs to the copy too
    with drafted(path) as draft:
        attach(draft, path, "older")
        given, wanted = _columns(draft, "older"), _columns(draft, None)
        _refuse(given, wanted, path, version)
        for table in TABLES:
            if table in given and table != "meta":
                draft.execute(f"INSERT INTO main.{table} BY NAME SELECT * FROM older.{table}").fetchall()
        kept = _keep(path, version)
    say(f"{path}: upgraded from schema {version} to {VERSION}; as it was it is kept as {kept.name}")


def _columns(connection: duckdb.DuckDBPyConnection, database: str | None) -> Columns:
    """Of an attached database, or of the connection's own."""
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for table, column, kind, nullable in connection.execute(COLUMNS, [database]).fetchall():
        found.setdefault(table, {})[column] = kind, nullable
    return found


def _refuse(given: Columns, wanted: Columns, path: Path, version: int) -> None:
    problems = list(chain.from_iterable(_problems(table, given[table], wanted.get(table)) for table in sorted(given)))
    if problems:
        raise BadInput(
            f"{path}: written by an older harness (schema {version}, this one reads {VERSION}) and cannot be upgraded: "
            f"{'; '.join(problems)}: use another store, or install the version that wrote it"
        )


def _problems(
    table: str, given: Mapping[str, tuple[str, bool]], wanted: Mapping[str, tuple[str, bool]] | None
) -> Iterator[str]:
    """What of a table has no place in this version, and what this version needs and it lacks."""
    if wanted is None:
        yield f"it has a table {table!r}, which is none of ours"
        return
    for column, (kind, nullable) in given.items():
        if column not in wanted:
            yield f"{table}.{column} has no place any more"
        elif kind != wanted[column][0]:
            yield f"{table}.{column} is {kind}, and {wanted[column][0]} is asked"
        elif nullable and not wanted[column][1]:
            yield f"{table}.{column} may be empty, and a value is asked"
    yield from (
        f"it lacks {table}.{column}, which is never empty"
        for column, (_, nullable) in wanted.items()
        if column not in given and not nullable
    )


def _keep(path: Path, version: int) -> Path:
    """A second name for the old file, before the new one takes its own; the copy of an earlier upgrade stays."""
    names = (path.with_suffix(f".v{version}{more}{path.suffix}") for more in chain([""], (f"-{i}" for i in count(2))))
    for kept in names:
        if kept.exists() and kept.samefile(path):  # a kill came between the two
            return kept
        if not kept.exists():
            _link(path, kept)
            return kept
    raise AssertionError("there is always another name")


def _link(path: Path, kept: Path) -> None:
    try:
        os.link(path, kept)
    except OSError:  # not every file system has links
        draft = kept.with_suffix(".part")
        shutil.copyfile(path, draft)
        draft.replace(kept)
