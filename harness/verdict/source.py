"""Where rows come from: an Arrow stream or a file, as one table with the columns' own types.

    suite,contender,technique,metric,case_id,split,score
    triage,few_shot,prompt,exact_match,t-0017,test,1.0

``harness verdict --scores scores.csv`` reads such a file.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from harness.errors import BadInput, suggest

T = TypeVar("T")

COLUMNS: Mapping[str, pa.DataType] = {
    "suite": pa.string(),
    "contender": pa.string(),
    "metric": pa.string(),
    "case_id": pa.string(),
    "technique": pa.string(),
    "data_fraction": pa.float64(),
    "training_seed": pa.int64(),
    "repeat": pa.int64(),
    "split": pa.string(),
    "cluster": pa.string(),
    "score": pa.float64(),
    "error": pa.string(),
    "source": pa.string(),
    "flagged": pa.bool_(),
    "prompt_tokens": pa.float64(),
    "output_tokens": pa.float64(),
    "seconds": pa.float64(),
    "cost": pa.float64(),
}
REQUIRED = ("suite", "contender", "metric", "case_id", "technique", "split", "score")
NUMBERS = ("prompt_tokens", "output_tokens", "seconds", "cost")
BLOCK = 1 << 23
"""Bytes of a CSV file that are read at once: each block has a list of its texts."""
NULLS = ("", "null", "NULL", "None")
"""What a field of a CSV file says for nothing, when it is not quoted."""
DEFAULTS: Mapping[str, Any] = {"data_fraction": 1.0, "repeat": 0, "source": "program", "flagged": False}


def read_table(source: Any, *, name: str = "rows") -> tuple[pa.Table, str]:
    """The table, known columns cast to their types, and the name that messages use: ``name``, or the file's path.

    Raises:
        BadInput: no Arrow stream and no readable file, or a column of a type that cannot be cast.
    """
    if hasattr(source, "__arrow_c_stream__"):
        table = pa.RecordBatchReader.from_stream(source).read_all()
    elif isinstance(source, str | Path):
        table, name = _read_file(Path(source)), str(source)
    else:
        raise BadInput(
            f"rows were {type(source).__name__!r}, allowed is a path or anything with the Arrow C stream interface "
            "(a pyarrow table, a pandas or polars frame, a DuckDB relation)"
        )
    return _cast(table, name), name


def _read_file(path: Path) -> pa.Table:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise BadInput(f"{path}: unknown kind of file {path.suffix!r}, allowed: {', '.join(sorted(READERS))}")
    try:
        return reader(path)
    except FileNotFoundError as error:
        raise BadInput(f"{path}: cannot read the scores: no such file") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot read the scores: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise BadInput(f"{path}: not a {path.suffix[1:]} file of rows: {_first_line(error)}") from error


def _read_parquet(path: Path) -> pa.Table:
    """Texts as the codes that they are in the file."""
    from pyarrow import parquet

    texts = [field.name for field in parquet.read_schema(path) if pa.types.is_string(field.type)]
    return parquet.read_table(path, read_dictionary=texts)


def _read_csv(path: Path) -> pa.Table:
    """Ids stay text (``007`` is not 7), an empty field is null, and seeds may be ``3.0``, as pandas writes them."""
    from pyarrow import csv

    types = {name: _in_csv(kind) for name, kind in COLUMNS.items()}
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False)
    options.null_values = list(NULLS)
    try:
        return csv.read_csv(path, csv.ReadOptions(block_size=BLOCK), convert_options=options)
    except pa.ArrowException:
        from harness.verdict.lines import csv_lines

        return csv_lines(path)


def _in_csv(kind: pa.DataType) -> pa.DataType:
    return {pa.int64(): pa.float64(), pa.string(): pa.dictionary(pa.int32(), pa.string())}.get(kind, kind)


def _read_jsonl(path: Path) -> pa.Table:
    """Types are given, not guessed: pyarrow would read an id like ``2026-11-22`` as a date.

    pyarrow adds every column of the schema, so one that is null throughout counts as absent.
    """
    from pyarrow import json

    options = json.ParseOptions(explicit_schema=pa.schema(list(COLUMNS.items())), unexpected_field_behavior="infer")
    try:
        given = json.read_json(path, parse_options=options)
    except pa.ArrowException:
        from harness.verdict.lines import jsonl_lines

        return jsonl_lines(path)
    return given.drop_columns(
        [name for name in COLUMNS if name != "score" and given[name].null_count == given.num_rows]
    )


READERS: Mapping[str, Callable[[Path], pa.Table]] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
}


def _cast(table: pa.Table, name: str) -> pa.Table:
    unknown = [column for column in table.column_names if column not in COLUMNS]
    separator = next((mark for mark in ";\t|" if any(mark in column for column in unknown)), None)
    if separator:
        raise BadInput(f"{name}: the columns are separated by {separator!r}: save the file with commas")
    if unknown:
        raise BadInput(
            f"{name}: {'; '.join(map(_unknown, unknown))}: rows have no other columns, so leave the rest out"
        )
    twice = sorted({column for column in table.column_names if table.column_names.count(column) > 1})
    if twice:
        raise BadInput(f"{name}: column {twice[0]!r} is there twice; keep one")
    return pa.table({column: _cast_column(table[column], column, name) for column in table.column_names})


def _unknown(column: str) -> str:
    plain = column.strip().lower().replace(" ", "_")
    said = f"write {plain!r}" if plain in COLUMNS else suggest(column, COLUMNS)
    return f"unknown column {column!r}: {said}"


def _cast_column(column: pa.ChunkedArray, name: str, path: str) -> pa.ChunkedArray:
    """NaN in an integer or measured column is pandas' word for null; in ``score`` it stays, to be refused. What is coded stays so."""
    wanted = COLUMNS[name]

    def change(values: pa.Array) -> pa.Array:
        if pa.types.is_floating(values.type) and name != "score" and (nan := pc.is_nan(values)).true_count:
            values = pc.if_else(nan, pa.scalar(None, values.type), values)
        return values.cast(wanted)

    coded = pa.types.is_dictionary(column.type)
    try:
        if coded and wanted == pa.string():
            kind = pa.dictionary(column.type.index_type, wanted)
            made = shared(column, lambda part: pa.DictionaryArray.from_arrays(part.indices, change(part.dictionary)))
            return pa.chunked_array(made, type=kind)
        made = shared(column, lambda part: change(part.dictionary_decode() if coded else part))
        return pa.chunked_array(made, type=wanted)
    except pa.ArrowException as error:
        raise BadInput(
            f"{path}: column {name!r} is {column.type}, allowed is {wanted}: {_first_line(error)}"
        ) from error


def shared(column: pa.ChunkedArray, change: Callable[[pa.Array], T]) -> tuple[T, ...]:
    """What comes of every chunk. What is said of an answer stands beside each of its metrics, ten times in the same memory: it is
    looked at once, and the same comes of all ten.
    """
    made: dict[Hashable, T] = {}
    for chunk in column.chunks:
        if place(chunk) not in made:
            made[place(chunk)] = change(chunk)
    return tuple(made[place(chunk)] for chunk in column.chunks)


def place(chunk: pa.Array) -> Hashable:
    """Where a chunk lies in memory."""
    where = tuple(None if buffer is None else buffer.address for buffer in chunk.buffers()), chunk.offset, len(chunk)
    return (*where, place(chunk.dictionary)) if pa.types.is_dictionary(chunk.type) else where


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
