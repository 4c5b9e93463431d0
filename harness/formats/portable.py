"""Files that a suite names, read as training and prompts have always read them.

    list(training_rows(Path("train.jsonl")))     # [('train.jsonl:1', {'messages': […]}), …]

Rows in a form that training reads itself go through untouched, so that what was trained on them keeps its fingerprint.
Others become messages, preferences or ratings; what was beside them stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.files import Placed, Source, look, rows
from harness.formats import Format, load_format
from harness.formats.recognise import Found, at, candidates

READ_AS = {"demonstration": "messages", "preference": "preference", "rating": "kto"}


def training_rows(path: Path) -> Iterator[Placed]:
    """(file:line, row) of a file in any format.

    A file whose first row is of no format that can be told goes through as well: whoever reads the rows says what they need.

    Raises:
        BadInput: naming file and line of what is broken.
    """
    source = look(path)
    found = _foreign(source)
    return rows(source) if found is None else _translated(found, load_format(READ_AS[found.format.kind]))


def case_rows(path: Path, content: bytes | None = None) -> Iterator[tuple[int, dict[str, Any]]] | None:
    """(number, row) of cases that are written in another way than as JSON lines of cases; None where they are not.

    A case without an ``id`` is called by its number: that of its line, or of the row where rows are no lines.
    """
    if content is None and not path.is_file():
        return None
    source = look(path, content)
    try:
        fit = candidates(_first(source))
    except BadInput:
        fit = []
    found = Found(source, fit[0]) if len(fit) == 1 else None
    if source.plain and (found is None or found.format.name == "cases"):
        return None
    told = _translated(found, load_format("cases")) if found else rows(source)
    return _numbered(told, lines=source.kind in ("jsonl", "csv"))


def _numbered(told: Iterator[Placed], *, lines: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    for count, (where, row) in enumerate(told, 1):
        number = int(where.rpartition(":")[2]) if lines else count
        yield number, {"id": str(number), **row}


def _first(source: Source) -> dict[str, Any]:
    return next(rows(source), ("", {}))[1]


def _foreign(source: Source) -> Found | None:
    """The format of a file that training does not read itself."""
    row = _first(source)
    fit = candidates(row)
    if len(fit) != 1 or (fit[0].name in NATIVE and NATIVE[fit[0].name](row)):
        return None
    return Found(source, fit[0])


def _explicit(row: dict[str, Any]) -> bool:
    """Whether a preference names its prompt, and its sides do not repeat it."""
    sides = row["chosen"], row["rejected"]
    return "prompt" in row and all(not isinstance(side, list) or len(side) == 1 for side in sides)


NATIVE: dict[str, Callable[[dict[str, Any]], bool]] = {
    "messages": lambda row: True,
    "prompt-completion": lambda row: True,
    "preference": _explicit,
    "kto": lambda row: True,
    "cases": lambda row: True,
}
"""What training reads itself. Cases are none of it, and are told so there."""


def _translated(found: Found, form: Format) -> Iterator[Placed]:
    for where, record in found.records():
        with at(where):
            row = form.write(record)
        yield where, row
