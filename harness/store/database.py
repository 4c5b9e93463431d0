"""A DuckDB connection that speaks in rows: bulk inserts of row objects, queries with parameters, transactions.

with database.transaction():
    database.insert("generations", generations, key=("trial_id",), retry=True)
database.run("SELECT count(*) FROM generations")    # [(2,)]

Many values go into a query as one list, ``SELECT unnest(?::VARCHAR[])``: pyarrow imports pandas for the first array that
it makes of Python values, and a command that only reads should not wait for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from harness.store.checkpoint import due, fold
from harness.store.schema import attach, connect, told

BATCH = 8192
"""Rows that are turned into Arrow at once: it bounds the memory."""

T = TypeVar("T")


class Database:
    """The open file at ``path``.

    Raises:
        BadInput: from every method, when the file cannot be read or written.
    """

    def __init__(self, path: Path, *, write: bool) -> None:
        self.path, self._write = path, write
        self._connection = connect(path, write=write)
        self._schemas: dict[str, pa.Schema] = {}

    def close(self) -> None:
        """Everything is kept in one file where that is done soon, else in the file and its log."""
        with told(self.path):
            try:
                if self._write and due(self.path, closing=True):
                    with suppress(duckdb.Error):  # what was committed is in the log; whoever opens it next folds it
                        fold(self._connection, self.path)
            finally:
                self._connection.close()

    def run(self, sql: str, given: Any = None) -> list[Any]:
        """The result of a statement as tuples."""
        # fetchall even where nothing is returned: DuckDB 2 runs a statement only as far as its result is fetched.
        with told(self.path):
            return self._connection.execute(sql, given).fetchall()

    def attach(self, path: Path, name: str) -> None:
        """Another store's file, for reading, as the database ``name``."""
        with told(path):
            attach(self._connection, path, name)

    def query(self, sql: str, given: Any = None) -> pa.Table:
        """The result of a query as an Arrow table."""
        with told(self.path):
            return self._connection.sql(sql, params=given).to_arrow_table()

    def stream(self, sql: str, given: Any = None) -> Iterator[pa.RecordBatch]:
        """The same, a part at a time."""
        with told(self.path):
            yield from self._connection.sql(sql, params=given).to_arrow_reader()

    def insert(
        self,
        table: str,
        rows: Iterable[T],
        special: Mapping[str, Callable[[T], Any]] | None = None,
        *,
        key: tuple[str, ...] = (),
        retry: bool = False,
    ) -> None:
        """Row objects into a table, a few statements a batch.

        ``special`` makes the columns that are no plain attributes. With ``key``, a row that is there already stays as it
        is; with ``retry`` it is replaced if it has an ``error``. No two of ``rows`` may share a key.
        """
        schema = self._schema(table)
        insert = f"INSERT INTO {table} BY NAME SELECT * FROM batch"
        if key:
            insert += f" ANTI JOIN {table} USING ({', '.join(key)})"
        for batch in batches(rows):
            columns = [_column(_values(batch, field.name, special), field.type) for field in schema]
            with self._registered("batch", pa.table(columns, schema=schema)):
                if retry:
                    self.run(_retried(table, schema.names, key))
                self.run(insert)

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
        if due(self.path, closing=False):
            with told(self.path):
                fold(self._connection, self.path)

    def _schema(self, table: str) -> pa.Schema:
        if table not in self._schemas:
            self._schemas[table] = self.query(f"FROM {table} LIMIT 0").schema
        return self._schemas[table]

    @contextmanager
    def _registered(self, name: str, table: pa.Table) -> Iterator[None]:
        self._connection.register(name, table)
        try:
            yield
        finally:
            self._connection.unregister(name)


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    """At most ``BATCH`` at a time."""
    left = iter(rows)
    return iter(lambda: list(islice(left, BATCH)), [])


def _retried(table: str, columns: list[str], key: tuple[str, ...]) -> str:
    changes = ", ".join(f"{name} = batch.{name}" for name in columns if name not in key)
    same = " AND ".join(f"{table}.{name} = batch.{name}" for name in key)
    return f"UPDATE {table} SET {changes} FROM batch WHERE {table}.error IS NOT NULL AND {same}"


def _values(rows: list[T], name: str, special: Mapping[str, Callable[[T], Any]] | None) -> list[Any]:
    return list(map((special or {}).get(name) or attrgetter(name), rows))


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # half a surrogate pair, cut off by a tokeniser or an API
        return pa.array([_encodable(value) for value in values], kind)


def _encodable(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
