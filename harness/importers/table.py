"""Rows as one Arrow table, and as a Parquet, CSV or JSONL file that ``harness verdict --scores`` reads.

write(to_table(rows), Path("rows.parquet"))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import pyarrow as pa

from harness.errors import BadInput, suggest
from harness.importers.row import Row
from harness.verdict.source import COLUMNS, REQUIRED

BATCH = 65_536
SCHEMA = pa.schema([(name, COLUMNS[name]) for name in Row.__dataclass_fields__])


def to_table(rows: Iterable[Row]) -> pa.Table:
    """The rows' columns, built a batch at a time."""
    return pa.Table.from_batches(list(_batches(iter(rows))), SCHEMA)


def _batches(rows: Iterator[Row]) -> Iterator[pa.RecordBatch]:
    while batch := list(islice(rows, BATCH)):
        columns = ([getattr(row, field.name) for row in batch] for field in SCHEMA)
        yield pa.RecordBatch.from_arrays(
            [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
        )


def writer(path: Path) -> Callable[[pa.Table, Path], None]:
    """What writes that kind of file.

    Raises:
        BadInput: for a kind that rows cannot be read from.
    """
    if path.suffix.lower() not in WRITERS:
        raise BadInput(f"--out {path}: unknown kind of file {path.suffix!r}: {suggest(path.suffix, WRITERS)}")
    return WRITERS[path.suffix.lower()]


def write(table: pa.Table, path: Path) -> None:
    """Write the columns that hold anything, whole or not at all.

    Raises:
        BadInput: when the file cannot be written.
    """
    empty = [name for name in table.column_names if name not in REQUIRED and table[name].null_count == table.num_rows]
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        writer(path)(table.drop_columns(empty), unfinished)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise BadInput(f"--out {path}: cannot be written: {error.strerror or error}") from error


def _write_parquet(table: pa.Table, path: Path) -> None:
    from pyarrow import parquet

    parquet.write_table(table, path, compression="zstd")


def _write_csv(table: pa.Table, path: Path) -> None:
    from pyarrow import csv

    csv.write_csv(table, path)


def _write_jsonl(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in table.to_batches(BATCH):
            for row in batch.to_pylist():
                given = {name: value for name, value in row.items() if value is not None or name == "score"}
                file.write(json.dumps(given, ensure_ascii=False) + "\n")


WRITERS: Mapping[str, Callable[[pa.Table, Path], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}
