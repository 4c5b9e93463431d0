"""CSV with a header. What a cell holds, its column says: texts as they are, all else as JSON.

    prompt,completion,source,tags
    "How long, please?",Two days.,3,"[""slow""]"

An empty cell is an empty text in the columns ``TEXT`` and nothing elsewhere. Messages may stand where a text does. Elsewhere a number or a word of JSON is one only where JSON would write it so (``007`` is a text). Every cell that is written is read again: one that would come back as something else is refused.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import closing
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

from harness.errors import BadInput
from harness.files.parse import same, strict, told
from harness.files.source import LONGEST, Placed, Row, Source
from harness.files.spool import Spool

TEXT = frozenset(
    {"prompt", "completion", "chosen", "rejected", "instruction", "input", "output", "reference", "correction", "text"}
)
PANDAS = {"True": True, "False": False}
"""As pandas writes the labels of KTO."""
DELIMITERS = ",;\t"

# the one limit that the csv module has, for all that read CSV in this process; 128 KiB are too few for a long document
csv.field_size_limit(LONGEST)


def rows(source: Source) -> Iterator[Placed]:
    """(file:line on which it begins, row).

    Raises:
        BadInput: for a header that cannot be told, or a row with too many or too few cells.
    """
    lines = source.lines()
    first, header = next(((number, line) for number, line in lines if line.strip()), (0, ""))
    if not first:
        return
    delimiter = max(DELIMITERS, key=header.count)
    reader = csv.reader(_joined(header, lines), delimiter=delimiter, strict=True)
    columns = _header(_next(reader, f"{source.path}:{first}"), f"{source.path}:{first}")
    while True:
        where = f"{source.path}:{first + reader.line_num}"
        try:
            cells = _next(reader, where)
        except StopIteration:
            return
        if not cells:
            continue
        if len(cells) != len(columns):
            raise BadInput(
                f"{where}: {len(cells)} cells, and the header names {len(columns)}: quote what holds {delimiter!r}"
            )
        yield where, _row(columns, cells)


def write(placed: Iterable[Placed], path: Path, pack: Any) -> None:
    """The columns are all keys of all rows."""
    with closing(Spool(placed)) as spool, pack(path) as out:
        if "" in spool.columns:
            raise BadInput("a key without a name: CSV needs one for each column")
        text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180; what stands in it is quoted in cells
        try:
            writer.writerow(map(_quoted, spool.columns))
            for place, row in spool:
                writer.writerow([_cell(column, row, place) for column in spool.columns])
        except UnicodeEncodeError as error:
            raise BadInput(f"{place}: half a surrogate pair: UTF-8 cannot say it") from error
        finally:
            text.detach()


def _joined(header: str, lines: Iterator[tuple[int, str]]) -> Iterator[str]:
    yield header
    for _, line in lines:
        yield line


def _next(reader: Any, where: str) -> list[str]:
    try:
        return cast("list[str]", next(reader))
    except csv.Error as error:
        raise BadInput(f"{where}: not valid CSV: {error}") from error


def _header(cells: list[str], where: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    for number, name in enumerate(names, 1):
        if not name:
            raise BadInput(f"{where}: column {number} has no name")
        if names.count(name) > 1:
            raise BadInput(f"{where}: two columns are called {name!r}: give one of them another name")
    return names


def _row(columns: list[str], cells: list[str]) -> Row:
    read = {column: value(column, cell) for column, cell in zip(columns, cells, strict=True)}
    return {column: found for column, found in read.items() if found is not None}


def value(column: str, cell: str) -> Any:
    """What a cell says; None for nothing."""
    if column in TEXT:
        return _messages(cell) or cell
    if not cell or column == "system":
        return cell or None
    if column == "label" and cell in PANDAS:
        return PANDAS[cell]
    found = _json(cell)
    if isinstance(found, dict | list):
        return found
    if isinstance(found, str):  # quoted where it would be taken for something else, and only there
        return found if value(column, found) != found else cell
    return found if found is not None and told(found, column) == cell else cell


def _messages(cell: str) -> Any:
    """The messages that a cell holds, alone or in an object (as OpenAI's ``input`` has them), if it does."""
    found = _json(cell) if cell[:1] in ("[", "{") else None
    listed = found.get("messages") if isinstance(found, dict) else found
    good = isinstance(listed, list) and listed and all(isinstance(one, dict) and "role" in one for one in listed)
    return found if good else None


def _json(cell: str) -> Any:
    try:
        return strict(cell)
    except (ValueError, RecursionError):
        return None


def _cell(column: str, row: Row, place: str) -> str:
    """A cell that says just that value.

    Raises:
        BadInput: when none does.
    """
    given = row.get(column)
    texts = ([given] if isinstance(given, str) else []) + [told(given, place) if given is not None else ""]
    for text in texts:
        if same(value(column, text), given) or (given is None and column in TEXT):
            return text
    raise BadInput(f"{place}: {column!r}: CSV would read {texts[0][:60]!r} as something else: take JSON lines")


def _quoted(column: str) -> str:
    if column != column.strip():
        raise BadInput(f"the key {column!r} begins or ends with a space: CSV would lose it")
    return column
