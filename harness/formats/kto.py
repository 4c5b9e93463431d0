"""TRL's rows for KTO: an answer, and whether it is good.

{"prompt": "How long?", "completion": "Two days.", "label": true}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import BadInput
from harness.formats.completion import parse as parse_sides
from harness.formats.completion import sides
from harness.formats.format import Format
from harness.formats.record import Record, Row, joined, rest

KEYS = frozenset({"prompt", "completion", "label"})


def fits(row: Mapping[str, Any]) -> bool:
    """A label that is a word or a number is a class, not a rating."""
    return isinstance(row["label"], bool)


def parse(row: Row) -> Record:
    if not fits(row):
        raise BadInput(f"label: given {str(row['label'])[:60]!r}: write true for a good answer, false for a bad one")
    record = parse_sides(row)
    return Record(record.asked, record.answer, label=row["label"], more=rest(row, KEYS))


def render(record: Record) -> Row:
    return joined({**sides(record, "kto"), "label": record.label}, record.more, KEYS, "kto")


FORMAT = Format("kto", "rated answers, for KTO", "rating", KEYS, parse, render, fits)
