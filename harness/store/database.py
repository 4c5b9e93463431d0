"""A DuckDB connection that speaks in rows: bulk inserts of row objects, queries with Arrow tables, transactions.

with database.transaction():
    database.insert("generations", generations, key=("trial_id",), where="generations.error IS NOT NULL")
database.run("SELECT count(*) FROM generations")    # [(2,)]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from harness.store.schema import connect, told

BATCH = 20_000
"""Rows that are turned into Arrow at once: it bounds the memory."""

T = TypeVar("T")


class Database:
    """The open file at ``path``.

    Raises:
        BadInput: from every method, when the file cannot be read or written.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self.path = path
        self._connection = connect(path, write=write)
        self._schemas: dict[str, pa.Schema] = {}

    def close(self) -> None:
        with told(self.path):
            self._connection.close()

    def run(self, sql: str, given: Any = None, **tables: pa.Table) -> list[Any]:
        """The result of a statement as tuples; ``tables`` can be named in it."""
        # fetchall even where nothing is returned: DuckDB 2 runs a statement only as far as its result is fetched.
        with told(self.path), self._registered(tables):
            return self._connection.execute(sql, given).fetchall()

    def query(self, sql: str, given: Any = None, **tables: pa.Table) -> pa.Table:
        """The result of a query as an Arrow table."""
        with told(self.path), self._registered(tables):
            return self._connection.sql(sql, params=given).to_arrow_table()

    def insert(
        self,
        table: str,
        rows: Sequence[T],
        special: Mapping[str, Callable[[T], Any]] | None = None,
        *,
        key: tuple[str, ...] = (),
        where: str = "",
    ) -> None:
        """Row objects into a table, one statement a batch.

        ``special`` makes the columns that are no plain attributes. With ``key``, a row that is there already is
        replaced if ``where`` holds.
        """
        schema = self._schema(table)
        conflict = _conflict(schema.names, key, where) if key else ""
        for batch in batches(rows):
            columns = [_column(_values(batch, field.name, special), field.type) for field in schema]
            arrow = pa.table(columns, schema=schema)
            self.run(f"INSERT INTO {table} BY NAME SELECT * FROM batch {conflict}", batch=arrow)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; on disk when it ends."""
        self.run("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):
                self._connection.rollback()
            raise
        self.run("COMMIT")

    def _schema(self, table: str) -> pa.Schema:
        if table not in self._schemas:
            self._schemas[table] = self.query(f"FROM {table} LIMIT 0").schema
        return self._schemas[table]

    @contextmanager
    def _registered(self, tables: Mapping[str, pa.Table]) -> Iterator[None]:
        for name, table in tables.items():
            self._connection.register(name, table)
        try:
            yield
        finally:
            for name in tables:
                self._connection.unregister(name)


def batches(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """Slices of at most ``BATCH``."""
    return (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def table(rows: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """Tuples as an Arrow table."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in schema)
    return pa.table([_column(list(c), field.type) for c, field in zip(columns, schema, strict=True)], schema=schema)


def _conflict(columns: Sequence[str], key: tuple[str, ...], where: str) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes} WHERE {where or 'true'}"


def _values(rows: Sequence[T], name: str, special: Mapping[str, Callable[[T], Any]] | None) -> list[Any]:
    make = (special or {}).get(name)
    return [make(row) for row in rows] if make else [getattr(row, name) for row in rows]


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # half a surrogate pair, cut off by a tokeniser or an API
        return pa.array([_encodable(value) for value in values], kind)


def _encodable(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
