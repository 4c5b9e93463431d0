"""JSON files that other programs wrote, read without trust: one clear line for whatever is wrong with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.declaration import parse_json
from harness.errors import BadInput
from harness.importers.answer import brief

MISSING = object()


def read_document(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        BadInput: unreadable, not JSON (with the line), or no object.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    found: dict[str, Any] = parse(content, str(path))
    return found


def parse(content: bytes, where: str, kind: type[Any] = dict) -> Any:
    """The JSON value in some bytes, which must be a ``kind``.

    Raises:
        BadInput: naming ``where``.
    """
    try:
        found = parse_json(content)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not valid JSON: {brief(error)}") from error
    if not isinstance(found, kind):
        raise BadInput(f"{where}: given {brief(found, 60)!r}: it must be a JSON {NAMES[kind]}")
    return found


NAMES: Mapping[type[Any], str] = {dict: "object", list: "array"}


def part(owner: Any, key: str, where: str, kind: type[Any]) -> Any:
    """``owner[key]``, which must be there and a ``kind``.

    Raises:
        BadInput: naming ``where`` and the key.
    """
    found = owner.get(key, MISSING)
    if found is MISSING:
        raise BadInput(f"{where}: {key}: missing: this is not a log that can be imported")
    if not isinstance(found, kind):
        raise BadInput(
            f"{where}: {key}: given {brief(repr(found), 60)}: it must be a JSON {NAMES.get(kind, kind.__name__)}"
        )
    return found


def mapping(owner: Any, key: str) -> dict[str, Any]:
    """``owner[key]`` if that is an object, else an empty one: for parts that a log may lack."""
    found = owner.get(key) if isinstance(owner, dict) else None
    return found if isinstance(found, dict) else {}


def lookup(key: str, where: str, *places: Mapping[str, Any]) -> str:
    """The text or number of that name in the first of some objects that has it, as text.

    Raises:
        BadInput: when none has it, or it is no text or number.
    """
    for place in places:
        found = place.get(key)
        if isinstance(found, str | int | float):
            return clean(found)
        if found is not None:
            raise BadInput(f"{where}: {key}: given {brief(repr(found), 60)}: an id must be a text or a number")
    there = ", ".join(sorted({brief(name, 40) for place in places for name in place})[:30])
    raise BadInput(f"{where}: no field {key!r} to identify the case by; the fields there: {there or 'none'}")


def clean(found: Any) -> str:
    """Text that can be stored: half surrogates are written as escapes."""
    return str(found).encode("utf-8", "backslashreplace").decode()


def digest(content: Any) -> str:
    """Sixteen hex digits that tell one JSON value from another, whatever the order of keys."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
