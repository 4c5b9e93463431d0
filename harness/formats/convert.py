"""One file into another: ``harness data convert IN OUT --to FORMAT``.

>>> convert(Path("alpaca.json"), Path("train.jsonl.gz"), to="messages").lines()                 # doctest: +SKIP
['alpaca.json: alpaca (Alpaca's form), a JSON array', 'wrote train.jsonl.gz: 52,002 rows as messages']

Rows that stay in their format are checked and go through as they are. Others lose nothing either: a row that the target
cannot express ends the conversion with its line, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import BadInput, suggest
from harness.files import KINDS, Placed, look, target, write
from harness.formats import FORMATS, Format, load_format
from harness.formats.recognise import Found, at, recognise
from harness.formats.record import given
from harness.plural import plural


@dataclass(frozen=True, slots=True)
class Converted:
    """What was read and written; ``formulas`` are the texts of a CSV that a spreadsheet would take for one."""

    read: Found
    out: Path
    format: Format
    rows: int
    formulas: int = 0

    def lines(self) -> list[str]:
        """For a terminal."""
        said = [
            f"{self.read.source.path}: {self.read.said}",
            f"wrote {self.out}: {plural(self.rows, 'row')} as {self.format.name}",
        ]
        if self.formulas:
            said.append(
                f"careful: {plural(self.formulas, 'text')} in it begin with =, +, - or @, which a spreadsheet would run as "
                "formulas: import the file as text there (nothing was changed, or it could not be read back)"
            )
        return said

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        source = self.read.source
        return {
            "in": str(source.path),
            "from": self.read.format.name,
            "kind": source.kind,
            "packing": source.packing,
            "byte_order_mark": source.bom,
            "out": str(self.out),
            "to": self.format.name,
            "rows": self.rows,
            "formulas": self.formulas,
        }


def convert(
    path: Path, out: Path, *, to: str | None = None, format_: str | None = None, replace: bool = False
) -> Converted:
    """Write the rows of a file in another format, another kind of file, or both.

    Args:
        path: the file to read, or ``hf:NAME``.
        out: the file to write; its name says the kind.
        to: a format, or a kind of file (``csv``, ``parquet``, …) for the same format in it; the same format where none is named.
        format_: the format of ``path``, where its first row does not say it.
        replace: whether ``out`` may be there.

    Raises:
        BadInput: for broken input, a row that the target cannot express, or a place that cannot be written.
    """
    if to is not None and to not in FORMATS and to not in KINDS:
        raise BadInput(f"--to {to!r}: {suggest(to, [*FORMATS, *KINDS])}")
    goal = target(out, to if to in KINDS else None)
    found = recognise(look(path), format_)
    form = load_format(to) if to is not None and to in FORMATS else found.format
    counted = _Counted()
    write(counted(converted(found, form)), goal, replace=replace)
    return Converted(found, out, form, counted.rows, counted.formulas if goal.kind == "csv" else 0)


def converted(found: Found, form: Format) -> Iterator[Placed]:
    """Rows of a file in another format.

    Raises:
        BadInput: naming the first row that is broken or cannot be expressed.
    """
    for where, row, record in found.each():
        with at(where):
            told = given(row) if form.name == found.format.name else form.write(record)
        yield where, told


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that spreadsheets run (OWASP, CSV injection)."""


class _Counted:
    """How many rows went by, and how many texts in them look like a formula."""

    def __init__(self) -> None:
        self.rows = self.formulas = 0

    def __call__(self, placed: Iterator[Placed]) -> Iterator[Placed]:
        for one in placed:
            self.rows += 1
            self.formulas += sum(isinstance(text, str) and text.startswith(FORMULA) for text in one[1].values())
            yield one
