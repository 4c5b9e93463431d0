"""JSON without doubt: no NaN, no key twice, no number beyond a float. Rows go out as they came in.

>>> strict('{"a": 1, "a": 2}')
Traceback (most recent call last):
ValueError: the key 'a' stands twice
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from harness.errors import BadInput


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands twice")
    return found


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)


def strict(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: with what is wrong, for a text that is not JSON, or says something twice or beyond numbers.
        RecursionError: for one that is nested too deep.
    """
    return DECODER.decode(text)


def wrong(error: Exception) -> str:
    """What is wrong with a JSON text, without json's own "line 1"."""
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON: {error.msg} (column {error.colno})"
    return "not valid JSON: nested too deep" if isinstance(error, RecursionError) else f"not valid JSON: {error}"


def told(row: Any, place: str) -> str:
    """A value as one line of JSON; ``place`` is for messages.

    Raises:
        BadInput: for what JSON cannot say.
    """
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadInput(f"{place}: JSON cannot say this: {error}") from error


def encoded(text: str) -> bytes:
    """UTF-8; half a surrogate pair, which JSON can say and UTF-8 cannot, is escaped."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(json.loads(text)).encode()


def same(one: Any, other: Any) -> bool:
    """Whether JSON would write them alike, in whatever order of keys: ``1`` is neither ``1.0`` nor ``true``."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
