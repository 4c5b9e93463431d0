"""Which format a file is in, as its first row says it.

>>> recognise(look(Path("data.json"))).said                                                    # doctest: +SKIP
"alpaca (Alpaca's form), a JSON array, gzip"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.errors import BadInput
from harness.files import Placed, Source, rows
from harness.formats import FORMATS, Format, Record, load_format

HINT = "name it by --from"


@contextmanager
def at(where: str) -> Iterator[None]:
    """Say where what is refused stands."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error


@dataclass(frozen=True, slots=True)
class Found:
    """A file and its format."""

    source: Source
    format: Format

    @property
    def said(self) -> str:
        return f"{self.format.name} ({self.format.title}), {self.source.said}"

    def rows(self) -> Iterator[Placed]:
        """Rows as they stand in the file, each with the columns of this format.

        Raises:
            BadInput: naming the first that is not.
        """
        for where, row in rows(self.source):
            if not self.format.named(row):
                raise BadInput(f"{where}: given {sorted(row)}: {self._mixed(row)}")
            yield where, row

    def each(self) -> Iterator[tuple[str, dict[str, Any], Record]]:
        """(where, row, record).

        Raises:
            BadInput: naming the first that is broken.
        """
        for where, row in self.rows():
            with at(where):
                record = self.format.read(row)
            yield where, row, record

    def records(self) -> Iterator[tuple[str, Record]]:
        """Rows as records."""
        return ((where, record) for where, _, record in self.each())

    def _mixed(self, row: Mapping[str, Any]) -> str:
        needed = f"{self.format.name} needs {', '.join(sorted(self.format.needs))}"
        other = candidates(row)
        if not other:
            return needed
        return (
            f"this is {other[0].name}, and the file began as {self.format.name}: put each format into a file of its own"
        )


def recognise(source: Source, name: str | None = None) -> Found:
    """The format of a file; ``name`` where a person said it.

    Raises:
        BadInput: for an empty file, or one whose first row is of no format or of several.
    """
    where, row = first(source)
    if name is not None:
        form = load_format(name)
        if not form.named(row):
            raise BadInput(f"{where}: given {sorted(row)}: {name} needs {', '.join(sorted(form.needs))}")
        return Found(source, form)
    fit = candidates(row)
    if not fit:
        raise BadInput(f"{where}: given {sorted(row)}: no format has these columns: {HINT}: {', '.join(FORMATS)}")
    if len(fit) > 1:
        names = [one.name for one in fit]
        raise BadInput(f"{where}: given {sorted(row)}: this may be {' or '.join(names)}: {HINT}")
    return Found(source, fit[0])


def first(source: Source) -> Placed:
    """Raises:
    BadInput: for a file without rows.
    """
    found = next(rows(source), None)
    if found is None:
        raise BadInput(f"{source.path}: is empty: there is no row in it")
    return found


def candidates(row: Mapping[str, Any]) -> list[Format]:
    """Formats that a row may be in. One that asks for more columns goes before those that ask for some of them; of two that
    ask for the same, the first in the table.
    """
    fit = [one for one in map(load_format, FORMATS) if one.claims(row)]
    return [
        one
        for place, one in enumerate(fit)
        if not any(one.needs < other.needs for other in fit)
        and not any(one.needs == other.needs for other in fit[:place])
    ]
