"""A format is what rows of some trainer or service look like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import BadInput
from harness.formats.record import Kind, Record, Row, given


def _always(row: Mapping[str, Any]) -> bool:
    del row
    return True


@dataclass(frozen=True, slots=True)
class Format:
    """``needs`` are the columns that tell the format, ``fits`` says what they must hold besides. ``parse`` makes a record of a
    row, ``render`` a row of a record; what they refuse, they refuse as ``BadInput`` without a place.
    """

    name: str
    title: str
    kind: Kind
    needs: frozenset[str]
    parse: Callable[[Row], Record]
    render: Callable[[Record], Row]
    fits: Callable[[Mapping[str, Any]], bool] = _always

    def named(self, row: Mapping[str, Any]) -> bool:
        """Whether a row has the columns that tell the format."""
        return all(row.get(key) is not None for key in self.needs)

    def claims(self, row: Mapping[str, Any]) -> bool:
        """Whether a row looks like one of these."""
        return self.named(row) and self.fits(row)

    def read(self, row: Row) -> Record:
        """Raises:
        BadInput: for a row that is none.
        """
        row = given(row)
        if not self.needs <= row.keys():
            raise BadInput(f"given {sorted(row)}: {self.name} needs {', '.join(sorted(self.needs))}")
        return self.parse(row)

    def write(self, record: Record) -> Row:
        """Raises:
        BadInput: for what the format cannot express.
        """
        if record.kind != self.kind:
            raise BadInput(f"is a {record.kind}, and {self.name} holds {self.kind}s: choose a format that holds it")
        return self.render(record)
