"""JSON lines: one object a line, blank lines left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.files.parse import encoded, strict, told, wrong
from harness.files.source import Placed, Source


def rows(source: Source) -> Iterator[Placed]:
    """(file:line, row)."""
    for number, line in source.lines():
        if line.isspace():
            continue
        where = f"{source.path}:{number}"
        try:
            row = strict(line.rstrip("\r\n"))
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where}: {wrong(error)}") from error
        if not isinstance(row, dict):
            raise BadInput(f"{where}: given {line.strip()[:60]!r}: every line must be a JSON object")
        yield where, row


def write(placed: Iterable[Placed], path: Path, pack: Any) -> None:
    """One line a row."""
    with pack(path) as out:
        for place, row in placed:
            out.write(encoded(told(row, place)) + b"\n")
