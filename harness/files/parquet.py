"""Parquet: columns with types, read and written a batch at a time.

Where a row has no such key, its cell is null, and null is nothing. Times are read as ISO 8601. Parquet gives a column one
type: what does not fit is refused, and every batch that is written is compared with what was given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date, datetime, time
from io import BytesIO
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.files.parse import same, told
from harness.files.source import Placed, Source
from harness.files.spool import Spool
from harness.files.stream import told as system

BATCH = 1_000
BYTES = 16 << 20


def rows(source: Source) -> Iterator[Placed]:
    """(file: row number, row).

    Raises:
        BadInput: for a damaged file, or a value that JSON does not know.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with system(source.path):
        try:
            file = parquet.ParquetFile(BytesIO(source.content) if source.content is not None else source.path)
        except pa.ArrowException as error:
            raise BadInput(f"{source.path}: not valid Parquet: {str(error).splitlines()[0]}") from error
        number = 0
        with file:
            for batch in _batches(file, source.path):
                for row in batch.to_pylist():
                    number += 1
                    where = f"{source.path}: row {number}"
                    yield where, plain(row, where)


def _batches(file: Any, path: Path) -> Iterator[Any]:
    import pyarrow as pa

    try:
        yield from file.iter_batches(batch_size=BATCH)
    except pa.ArrowException as error:
        raise BadInput(f"{path}: damaged: {str(error).splitlines()[0]}") from error


def plain(found: Any, where: str) -> Any:
    """A value in JSON's terms: nothing where there is null, times as ISO 8601.

    Raises:
        BadInput: for what JSON does not know.
    """
    if isinstance(found, dict):
        return {key: plain(value, f"{where}: {key}") for key, value in found.items() if value is not None}
    if isinstance(found, list):
        return [plain(value, where) for value in found]
    if isinstance(found, datetime | date | time):
        return found.isoformat()
    if isinstance(found, float) and not math.isfinite(found):
        raise BadInput(f"{where}: given {found}: JSON has no such number, write null where there is none")
    if found is None or isinstance(found, str | bool | int | float):
        return found
    raise BadInput(f"{where}: given a value of the type {type(found).__name__!r}: store it as text or number")


def write(placed: Iterable[Placed], path: Path, pack: Any) -> None:
    """The types are those that hold all rows."""
    del pack  # its columns are packed by Parquet
    import pyarrow as pa
    from pyarrow import parquet

    with closing(Spool(placed)) as spool:
        schema = _schema(spool)
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in _portions(spool):
                arrays = [_array(batch, field.name, field.type) for field in schema]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _portions(spool: Spool) -> Iterator[list[Placed]]:
    """Rows in batches of a bounded size."""
    batch: list[Placed] = []
    size = 0
    for place, row in spool:
        batch.append((place, row))
        size += len(told(row, place))
        if len(batch) == BATCH or size > BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _schema(spool: Spool) -> Any:
    import pyarrow as pa

    types: dict[str, Any] = {}
    for batch in _portions(spool):
        for column in spool.columns:
            found = pa.field(column, _array(batch, column).type)
            try:
                known = pa.schema([types[column]]) if column in types else pa.schema([])
                types[column] = pa.unify_schemas([known, pa.schema([found])], promote_options="permissive").field(
                    column
                )
            except pa.ArrowException as error:
                raise BadInput(
                    f"{batch[0][0]}: {column!r}: from here on {found.type}, before {types[column].type}: Parquet gives a "
                    "column one type"
                ) from error
            if _childless(types[column].type):
                raise BadInput(f"{batch[0][0]}: {column!r}: an empty object: Parquet has no type for it")
    return pa.schema(list(types.values()))


def _childless(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind) and not kind.num_fields:
        return True
    return any(_childless(kind.field(place).type) for place in range(kind.num_fields))


def _array(batch: list[Placed], column: str, kind: Any = None) -> Any:
    """The values of a column, just as they were given.

    Raises:
        BadInput: naming the first row whose value does not fit.
    """
    import pyarrow as pa

    given = [row.get(column) for _, row in batch]
    try:
        made = pa.array(given, kind)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError) as error:
        if len(batch) > 1:
            raise _blame(batch, column, kind) from error
        raise BadInput(f"{batch[0][0]}: {column!r}: Parquet cannot hold {str(given[0])[:60]!r}: {error}") from error
    if kind is not None:
        for (place, _), before, after in zip(batch, given, made.to_pylist(), strict=True):
            if not same(plain(before, place), plain(after, place)):
                raise BadInput(
                    f"{place}: {column!r}: Parquet would keep {str(before)[:60]!r} as {str(after)[:60]!r}: write the same "
                    "type in every row"
                )
    return made


def _blame(batch: list[Placed], column: str, kind: Any) -> BadInput:
    """The first row that does not fit those before it."""
    import pyarrow as pa

    low, high = 0, len(batch)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            pa.array([row.get(column) for _, row in batch[:middle]], kind)
            low = middle
        except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError):
            high = middle
    place, row = batch[high - 1]
    return BadInput(
        f"{place}: {column!r}: {str(row.get(column))[:60]!r} is of another type than in the rows before: Parquet gives a "
        "column one type"
    )
