"""Formats of training rows and cases: what teams have, and what trainers and services want.

    found = recognise(look(Path("data.json")))
    found.format.name                            # 'alpaca'
    next(records(found))                         # ('data.json:2', Record(asked=…, answer=…))

Each format reads a row into a ``Record`` and writes a record as a row. What a format cannot express is refused, never
dropped. A new one is one module and one line in ``FORMATS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import cast

from harness.errors import BadInput, suggest
from harness.formats.format import Format
from harness.formats.record import Record

__all__ = ["FORMATS", "Format", "Record", "load_format"]

FORMATS: Mapping[str, str] = {
    "messages": "harness.formats.messages:FORMAT",
    "openai": "harness.formats.openai:SFT",
    "openai-preference": "harness.formats.openai:PREFERENCE",
    "alpaca": "harness.formats.alpaca:FORMAT",
    "sharegpt": "harness.formats.sharegpt:FORMAT",
    "prompt-completion": "harness.formats.completion:FORMAT",
    "preference": "harness.formats.preference:FORMAT",
    "kto": "harness.formats.kto:FORMAT",
    "cases": "harness.formats.cases:FORMAT",
}
"""The first of two that look alike is the one that is recognised."""


def load_format(name: str) -> Format:
    """The format called ``name``.

    Raises:
        BadInput: for an unknown name.
    """
    if name not in FORMATS:
        raise BadInput(f"unknown format {name!r}: {suggest(name, FORMATS)}")
    module, _, attribute = FORMATS[name].partition(":")
    return cast("Format", getattr(import_module(module), attribute))
