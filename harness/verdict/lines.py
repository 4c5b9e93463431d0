"""Rows read a line at a time, where the fast reader gave up: to name the line that is wrong, or to take what it does not.

    scores.csv: line 7: score: given 'pass', allowed is a number: 1 for right, 0 for wrong

Beyond what pyarrow takes: true and false as 1 and 0, whole numbers written 3.0 or as ids, line breaks inside quotes.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from harness.declaration import read_jsonl
from harness.errors import BadInput
from harness.verdict.source import COLUMNS, NULLS

Record = tuple[str, Mapping[str, Any]]
WORDS: Mapping[str, bool] = {"true": True, "false": False, "yes": True, "no": False}


def csv_lines(path: Path) -> pa.Table:
    """The rows of a CSV file.

    Raises:
        BadInput: with the line and column.
    """
    return _table(_csv(path))


def jsonl_lines(path: Path) -> pa.Table:
    """The rows of a JSONL file.

    Raises:
        BadInput: with the line and key.
    """
    return _table((f"{path}:{number}", row) for number, row in read_jsonl(path))


def _csv(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, None)
            if header is None:
                raise BadInput(f"{path}: the file is empty: write a header and one row for each score")
            for fields in reader:
                where = f"{path}: line {reader.line_num}"
                if len(fields) not in (0, len(header)):
                    raise BadInput(
                        f"{where}: {len(fields)} fields, the header has {len(header)}: {','.join(fields)[:60]!r}"
                    )
                if fields:
                    yield (
                        where,
                        {name: None if field in NULLS else field for name, field in zip(header, fields, strict=True)},
                    )
        except csv.Error as error:
            raise BadInput(f"{path}: line {reader.line_num}: not CSV: {error}") from error
        except UnicodeDecodeError as error:
            raise BadInput(f"{path}: not UTF-8: save it as CSV in UTF-8") from error


def _table(records: Iterable[Record]) -> pa.Table:
    columns: dict[str, list[Any]] = {}
    count = 0
    for where, record in records:
        for name, value in record.items():
            column = columns.setdefault(name, [])
            column.extend([None] * (count - len(column)))
            column.append(None if value is None or name not in COLUMNS else _taken(name, value, where))
        count += 1
    for column in columns.values():
        column.extend([None] * (count - len(column)))
    return pa.table({name: pa.array(column, COLUMNS.get(name, pa.null())) for name, column in columns.items()})


def _taken(name: str, value: Any, where: str) -> Any:
    kind = COLUMNS[name]
    read, allowed = TAKERS[kind]
    try:
        return read(value)
    except (ValueError, OverflowError, TypeError) as error:
        told = "1 for right, 0 for wrong, nothing where `error` says why" if name == "score" else "or nothing"
        more = f": {told}" if kind != pa.string() else ""
        raise BadInput(f"{where}: {name}: given {value!r:.60}, allowed is {allowed}{more}") from error


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError
    return str(value)


def _number(value: Any) -> float:
    return float(WORDS.get(value.strip().lower(), value) if isinstance(value, str) else value)


def _whole(value: Any) -> int:
    number = float(value)
    if number != int(number) or abs(number) >= 2**63:
        raise ValueError
    return int(number)


def _flag(value: Any) -> bool:
    number = _number(value)
    if number not in (0, 1):
        raise ValueError
    return bool(number)


TAKERS: Mapping[pa.DataType, tuple[Callable[[Any], Any], str]] = {
    pa.string(): (_text, "a text"),
    pa.float64(): (_number, "a number such as 0.5"),
    pa.int64(): (_whole, "a whole number"),
    pa.bool_(): (_flag, "true or false"),
}
