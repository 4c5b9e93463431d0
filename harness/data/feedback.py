"""What people said of a model's outputs: edits (a correction) and ratings, from files of rows.

    {"input": "My box …", "output": "It is late.", "correction": "We will look for it.", "person": "ann@…", "when": "2026-03-01"}
    {"input": "My box …", "output": "It is late.", "rating": 1, "intent": "complaint", "person": "bob@…"}

A rating is a number from 0 to the scale's top, or true and false. A person is only known by a pseudonym from here on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import BadInput, suggest
from harness.files import SUFFIXES, look, rows
from harness.fingerprint import fingerprint
from harness.formats.record import given

COLUMNS = ("input", "output", "correction", "rating", "intent", "person", "when", "id")


@dataclass(frozen=True, slots=True)
class Feedback:
    """One row. ``who`` is a pseudonym, ``rating`` is a share of the scale once that is known, ``more`` what is carried on."""

    where: str
    id: str
    input: str
    output: str
    correction: str | None = None
    rating: float | None = None
    intent: str | None = None
    who: str | None = None
    when: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> dict[str, str]:
        """Which feedback, when and whose."""
        told = {"id": self.id, "where": self.where, "when": self.when, "who": self.who}
        return {key: value for key, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows are read: the ``columns`` where they are called otherwise, those to ``keep``, and who a person is."""

    alias: Callable[[str], str]
    columns: Mapping[str, str] = field(default_factory=dict)
    keep: Sequence[str] = ()

    def read(self, path: Path) -> Iterator[Feedback]:
        """The feedback in a file, or in the files of a folder, by name.

        Raises:
            BadInput: naming file and line of what is broken.
        """
        for file in files(path):
            for where, row in rows(look(file)):
                try:
                    yield self._feedback(where, given(row))
                except BadInput as error:
                    raise BadInput(f"{where}: {error}") from error

    def _feedback(self, where: str, row: Mapping[str, Any]) -> Feedback:
        found = {name: row.get(self.columns.get(name, name)) for name in COLUMNS}
        said, output = (_text(name, found[name], row) for name in ("input", "output"))
        rating, correction = _rating(found["rating"]), found["correction"]
        if correction is not None and not isinstance(correction, str):
            raise BadInput(f"correction: given {str(correction)[:60]!r}: it must be a text")
        person = str(found["person"]) if found["person"] is not None else None
        who = self.alias(person) if person and person.strip() else None
        intent, when = (str(found[name]) if found[name] is not None else None for name in ("intent", "when"))
        name = str(found["id"]) if found["id"] is not None else fingerprint(said, output, correction, rating, who, when)
        more = {key: row[key] for key in self.keep if key in row}
        return Feedback(where, name, said, output, correction or None, rating, intent, who, when, more)


def files(path: Path) -> list[Path]:
    """The files of a folder that may hold rows, by name; or the one file.

    Raises:
        BadInput: for a folder without any.
    """
    if not path.is_dir():
        return [path]
    found = sorted(
        file for file in path.iterdir() if file.is_file() and SUFFIXES.keys() & {*map(str.lower, file.suffixes)}
    )
    if not found:
        raise BadInput(f"{path}: no feedback in it: add files that end in {', '.join(SUFFIXES)}")
    return found


def scaled(feedback: Sequence[Feedback], scale: float | None) -> float:
    """The top of the scale: as told, or the largest rating there is.

    Raises:
        BadInput: naming a rating beyond it, or when it is no scale.
    """
    ratings = [one for one in feedback if one.rating is not None]
    top = max((one.rating or 0.0 for one in ratings), default=1.0) or 1.0 if scale is None else scale
    if not 0 < top < math.inf:
        raise BadInput(f"--scale {top:g}: the highest rating, such as 5")
    for one in ratings:
        if one.rating is not None and one.rating > top:
            raise BadInput(f"{one.where}: rating: given {one.rating:g}: the scale goes from 0 to {top:g}")
    return top


def _text(name: str, value: Any, row: Mapping[str, Any]) -> str:
    if value is None:
        raise BadInput(f"{name}: missing: {suggest(name, row)} Say which column it is by --column {name}=…")
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{name}: given {str(value)[:60]!r}: it must be a text that says something")
    return value


def _rating(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise BadInput(f"rating: given {str(value)[:60]!r}: write a number from 0 up, or true and false")
    return float(value)
