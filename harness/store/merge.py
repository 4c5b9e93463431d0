"""Another store's rows taken into this one, nothing twice: a colleague's, an export, or what other machines wrote.

    >>> merge(database, Path("../anna/.harness"))
    [Merged(table='generations', new=1200, known=300, replaced=4, contested=2, examples=('5f0c…', 'a81c…')), …]

Ids are fingerprints of all that a row depends on. A row with an id that is here is known; where ours is an error and theirs is none, theirs
takes its place; where both say something else, ours stays, they are told, and none of the scores that hang on their answer are taken.
All of it is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from harness.errors import BadInput, Incomplete
from harness.store import parcel
from harness.store.keys import RULES
from harness.store.parcel import quoted
from harness.store.schema import FILE, TABLES, VERSION

if TYPE_CHECKING:
    from harness.store.database import Database

SHOWN = 3
"""Contested rows of a table that are named."""
EARLIEST = "max(entered) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING)"
"""When a line of the ledger was entered at the earliest, wherever the clock stood: each came after those before it."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of the rows of a table: ``contested`` are those that say something else than ours, which stayed."""

    table: str
    new: int
    known: int
    replaced: int = 0
    contested: int = 0
    examples: tuple[str, ...] = ()


class _Only(Exception):
    """Ends a transaction that was only to be looked at."""


def merge(
    database: Database, source: Path, *, say: Callable[[str], None] = lambda line: None, dry_run: bool = False
) -> list[Merged]:
    """Take in an export, a store's file or a home folder; with ``dry_run``, say what would become of it.

    Raises:
        BadInput: when it is none of them, is of a newer version, damaged, or has rows twice.
        Incomplete: when there is nothing.
        StoreBusy: when it is in use.
    """
    with _theirs(database, source) as tables:
        try:
            with database.transaction():
                done = list(_taken(database, tables, database.path.parent / "adapters"))
                if dry_run:
                    raise _Only
        except _Only:
            pass
    for line in _warnings(done):
        say(line)
    return done


def _warnings(done: list[Merged]) -> Iterator[str]:
    for one in done:
        if one.table == "batches" and one.new:
            yield (
                f"{one.new} batches are under way at a vendor: the next run with --batch collects them with the key of this "
                "machine; `harness forget --batch ID` gives one up"
            )


def _taken(database: Database, tables: Mapping[str, int], adapters: Path) -> Iterator[Merged]:
    """Table by table, answers before scores."""
    database.run("CREATE OR REPLACE TEMP TABLE contested (trial_id VARCHAR)")
    if "trainings" in tables:
        where = quoted(adapters)
        database.run(
            "CREATE OR REPLACE TEMP VIEW t_trainings AS SELECT * REPLACE "
            f"({where} || '/' || adapter AS path) FROM u_trainings"
        )
    for table in RULES:
        if table in tables:
            yield _rows(database, table)
    if "cells" in tables:
        yield _matrices(database)
    if "ledger" in tables:
        yield _lines(database)


def _rows(database: Database, table: str) -> Merged:
    rule, theirs = RULES[table], f"t_{table}"
    barred = "trial_id IN (FROM contested)" if table == "scores" else "false"
    both = f"FROM {table} o JOIN {theirs} t ON {rule.same}"
    count = _one(database, f"SELECT count(*) FROM {theirs}")
    name = " || ' ' || ".join(f"coalesce(t.{column}::VARCHAR, '')" for column in rule.key)
    contested, examples = database.run(f"SELECT count(*), min({name}, {SHOWN}) {both} WHERE NOT ({rule.agree})")[0]
    if table == "generations" and contested:
        database.run(f"INSERT INTO contested SELECT t.trial_id {both} WHERE NOT ({rule.agree})")
    columns = [name for name, _, _ in _columns(database, table)]
    changes = ", ".join(f"{column} = t.{column}" for column in columns if column not in rule.key)
    better = f"({rule.better}) AND NOT (t.{barred})" if table == "scores" else rule.better
    replaced = len(
        database.run(f"UPDATE {table} o SET {changes} FROM {theirs} t WHERE {rule.same} AND {better} RETURNING 1")
    )
    fresh = f"FROM {theirs} t WHERE NOT EXISTS (FROM {table} o WHERE {rule.same}) AND NOT ({barred})"
    new = _one(database, f"INSERT INTO {table} BY NAME SELECT * {fresh}")
    return Merged(table, new, count - new - replaced - contested, replaced, contested, tuple(examples or ()))


def _matrices(database: Database) -> Merged:
    """Experiments that are not here come as they are; of one that is, our matrix stays: the next run declares it anew."""
    count = _one(database, "SELECT count(*) FROM t_cells")
    shared = "experiment IN (SELECT experiment FROM cells)"
    ours, theirs = (
        f"(SELECT experiment, list(hash(c) ORDER BY hash(c)) AS all_of FROM {table} c GROUP BY experiment)"
        for table in ("cells", "t_cells")
    )
    unlike = f"FROM {theirs} t JOIN {ours} o USING (experiment) WHERE t.all_of <> o.all_of"
    names = [name for (name,) in database.run(f"SELECT experiment {unlike} ORDER BY 1")]
    contested = _one(database, f"SELECT count(*) FROM t_cells WHERE experiment IN (SELECT experiment {unlike})")
    new = _one(database, f"INSERT INTO cells BY NAME SELECT * FROM t_cells WHERE NOT ({shared})")
    return Merged("cells", new, count - new - contested, 0, contested, tuple(names[:SHOWN]))


def _lines(database: Database) -> Merged:
    """The ledgers, put together in the order of their times; neither's own order changes."""
    columns = "kind, question, model, suite, cases, content, entered"
    count = _one(database, "SELECT count(*) FROM t_ledger")
    database.run(
        f"""CREATE OR REPLACE TEMP TABLE together AS
        SELECT {columns}, 0 AS side, n, {EARLIEST} AS since FROM (SELECT *, rowid AS n FROM ledger)
        UNION ALL
        SELECT {columns}, 1, n, {EARLIEST} FROM (SELECT *, row_number() OVER () AS n FROM t_ledger)
        WHERE ({columns}) NOT IN (SELECT ({columns}) FROM ledger)"""
    )
    new = _one(database, "SELECT count(*) FROM together WHERE side = 1")
    if new:
        database.run("DELETE FROM ledger")
        database.run(f"INSERT INTO ledger BY NAME SELECT {columns} FROM together ORDER BY since, side, n")
    database.run("DROP TABLE together")
    return Merged("ledger", new, count - new)


# --- what is theirs


@contextmanager
def _theirs(database: Database, source: Path) -> Iterator[dict[str, int]]:
    """Views ``t_TABLE`` of what is theirs, with the columns that ours has; how many rows each has."""
    try:
        if source.is_dir() and (source / parcel.MANIFEST).is_file():
            yield _viewed(database, parcel.read(source), source, parcel.rows_told(source))
        else:
            with _attached(database, source) as path:
                yield _viewed(database, _stored(database, path), path, {})
    finally:
        for table in TABLES:
            for kind in "tu":
                database.run(f"DROP VIEW IF EXISTS {kind}_{table}")


@contextmanager
def _attached(database: Database, source: Path) -> Iterator[Path]:
    """Their store's file, as the database ``theirs``."""
    path = source / FILE if source.is_dir() else source
    if not path.is_file():
        raise Incomplete(
            f"{source}: neither an export of a store nor a store: there is no {parcel.MANIFEST} and no {FILE}"
        )
    if path.samefile(database.path):
        raise BadInput(f"{source}: this is the store that it would be taken into: name another one")
    database.attach(path, "theirs")
    try:
        yield path
    finally:
        database.run("DETACH theirs")


def _stored(database: Database, path: Path) -> dict[str, str]:
    """Tables of an attached store.

    Raises:
        BadInput: when it is none of ours, or of another version.
    """
    named = database.run("SELECT table_name FROM duckdb_tables() WHERE database_name = 'theirs'")
    tables = {name for (name,) in named}
    if "meta" not in tables:
        raise BadInput(f"{path}: a DuckDB file, but not a store of the harness")
    version = int(_text(database, "SELECT value FROM theirs.meta WHERE key = 'schema_version'"))
    if version > VERSION:
        raise BadInput(
            f"{path}: written by a newer harness (schema {version}, this one reads {VERSION}): pip install -U tuneworthy"
        )
    return {table: f"theirs.{table}" for table in TABLES if table in tables and table != "meta"}


def _viewed(database: Database, found: Mapping[str, str], where: Path, told: Mapping[str, int]) -> dict[str, int]:
    rows = {}
    for table, source in found.items():
        try:
            rows[table] = _view(database, table, source, where, told.get(table))
        except duckdb.Error as error:
            raise BadInput(f"{where}: table {table!r} cannot be read: {str(error).splitlines()[0]}") from error
    return rows


def _view(database: Database, table: str, source: str, where: Path, told: int | None) -> int:
    """A view of one table of theirs; how many rows it has."""
    given = {name: kind for name, kind, *_ in database.run(f"DESCRIBE SELECT * FROM {source}")}
    wanted = _columns(database, table)
    lacking = [name for name, _, nullable in wanted if name not in given and not nullable]
    more = sorted(set(given) - {name for name, _, _ in wanted})
    if lacking or more:
        what = f"lacks {', '.join(lacking)}" if lacking else f"has {', '.join(more)}, for which there is no place"
        raise BadInput(f"{where}: table {table!r} {what}")
    shown = ", ".join(f"{name if name in given else 'NULL'}::{kind} AS {name}" for name, kind, _ in wanted)
    view = "u" if table == "trainings" else "t"
    database.run(f"CREATE OR REPLACE TEMP VIEW {view}_{table} AS SELECT {shown} FROM {source}")
    return _counted(database, f"{view}_{table}", table, where, told)


def _counted(database: Database, view: str, table: str, where: Path, told: int | None) -> int:
    """How many rows a table of theirs has.

    Raises:
        BadInput: when they are not as many as was told, or some are there twice.
    """
    count = _one(database, f"SELECT count(*) FROM {view}")
    if told is not None and count != told:
        raise BadInput(f"{where}: table {table!r} has {count:,} rows, and its manifest says {told:,}: export it again")
    if table in RULES:
        distinct = _one(database, f"SELECT count(*) FROM (SELECT DISTINCT {RULES[table].columns} FROM {view})")
        if distinct < count:
            raise BadInput(
                f"{where}: table {table!r} has {count - distinct:,} rows twice: look at it with harness store check"
            )
    return count


def _columns(database: Database, table: str) -> list[tuple[str, str, bool]]:
    """(name, type, whether it may be empty) of a table of ours."""
    return database.run(
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE database_name = current_database() "
        "AND table_name = ? ORDER BY column_index",
        [table],
    )


def _one(database: Database, sql: str) -> int:
    return int(database.run(sql)[0][0])


def _text(database: Database, sql: str) -> str:
    return str(database.run(sql)[0][0])
