"""Rows whose inputs are no text, written with the text instead: ``harness data text IN OUT``.

    {"input": {"image": "scans/1.png"}, "reference": "12.50"}   →   {"input": "Invoice …", "reference": "12.50", "tags": {"image": "scans/1.png"}}

A suite needs none of this: cases are read so anyway. It is for all else that is to be made of such rows: training data, a split, inputs
for a teacher; and for a suite that must not depend on converters, or on what a web page shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.cascade import KINDS, Cascade, Conversion, Kind
from harness.errors import BadInput
from harness.files import Placed, look, rows, target, write
from harness.formats.recognise import at
from harness.plural import plural


@dataclass(frozen=True, slots=True)
class Written:
    """What was read, what of it was converted, and where it went."""

    path: Path
    out: Path
    rows: int
    made: tuple[Conversion, ...]

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        for (kind, converter, version), some in self._by().items():
            took = sum(one.seconds for one in some)
            yield f"{plural(len(some), f'{kind} input')} by {converter} ({version}), {took:.1f} s when first converted"
        yield f"wrote {self.out}: {plural(self.rows, 'row')}"

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        made = [
            {"kind": kind, "converter": converter, "version": version, "inputs": len(some), "seconds": sum(c.seconds for c in some)}
            for (kind, converter, version), some in self._by().items()
        ]  # fmt: skip
        return {"in": str(self.path), "out": str(self.out), "rows": self.rows, "converted": made}

    def _by(self) -> dict[tuple[str, str, str], list[Conversion]]:
        found: dict[tuple[str, str, str], list[Conversion]] = {}
        for one in self.made:
            found.setdefault((one.kind, one.converter, one.version), []).append(one)
        return found


def texts(path: Path, out: Path, converters: Mapping[Kind, str], *, replace: bool = False) -> Written:
    """Write the rows of a file with all inputs as text.

    Args:
        path: Rows with an ``input``; files that they name lie in its folder.
        out: The file to write; its name says the kind.
        converters: kind → ``NAME`` or ``NAME:ARGUMENT``, for those that are not the default.
        replace: whether ``out`` may be there.

    Raises:
        BadInput: naming file and line of a row without an input, or with one that cannot be made text.
    """
    cascade, counted = Cascade(path.parent, converters), Counter[str]()
    write(_told(path, cascade, counted), target(out), replace=replace)
    return Written(path, out, counted["rows"], tuple(cascade.made))


def chosen(said: Sequence[str]) -> dict[Kind, str]:
    """``image=tesseract:deu`` and the like, as a mapping.

    Raises:
        BadInput: for what is not so written.
    """
    found: dict[Kind, str] = {}
    kinds = {str(kind): kind for kind in KINDS}
    for one in said:
        kind, equals, name = one.partition("=")
        if not (equals and name) or kind not in kinds:
            raise BadInput(
                f"--converter {one!r}: write KIND=NAME with one of {', '.join(KINDS)}, such as image=tesseract:deu"
            )
        found[kinds[kind]] = name
    return found


def _told(path: Path, cascade: Cascade, counted: Counter[str]) -> Iterator[Placed]:
    for where, row in rows(look(path)):
        asked = row.get("input")
        if not isinstance(asked, str | dict):
            raise BadInput(f"{where}: given {sorted(row)}: every row needs an 'input', a text or an object")
        counted["rows"] += 1
        with at(where):
            yield where, row if isinstance(asked, str) else _converted(row, cascade)


def _converted(row: dict[str, Any], cascade: Cascade) -> dict[str, Any]:
    tags = row.get("tags") or {}
    if not isinstance(tags, dict):
        raise BadInput(f'tags: given {str(tags)[:60]!r}: write an object, such as {{"page": 3}}')
    return {**row, "input": cascade.text(row["input"]), "tags": {**_sources(row["input"]), **tags}}


def _sources(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was converted, to be found again."""
    return {kind: asked[kind] for kind in KINDS if asked.get(kind) is not None}
