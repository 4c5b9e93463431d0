r"""Metrics for answers that must be JSON. The whole text is parsed: nothing is dug out of chatter or code fences, unless
it is asked for with ``extract``, since "valid JSON" is part of what is measured.

    {"team": "billing", "urgent": true}    json_exact 1, json_fields 1
    {"urgent": true, "team": "sales"}      json_exact 0, json_fields 0.5
    Sure! {"team": "billing"}              json_valid 0, json_valid:extract 1
    {"amount": 30.004} for {"amount": 30}  json_exact 0, json_exact:0.01 1 (or :1%, or :extract:0.01)

Objects are compared without regard to order, numbers by value (``1`` is ``1.0``), ``true`` is not ``1``. Refused as not
JSON, so that a score depends neither on the machine nor on the stack: NaN and Infinity (RFC 8259 section 6), numbers
beyond a double or of more than 4,300 digits (Python's own limit), nesting deeper than ``MAX_DEPTH``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from harness.errors import BadInput
from harness.metrics import Function
from harness.metrics.number import Tolerance, read_tolerance
from harness.suite import Case, Suite

MAX_DEPTH = 100
EXTRACT = "extract"
TRIED = 64
"""Brackets of a chatty answer at which JSON may begin: more would make a hostile answer quadratic."""
NOT_JSON = object()


def valid(case: Case, text: str) -> float:
    """1 when the text is one JSON value."""
    return float(_parse(text) is not NOT_JSON)


def exact(case: Case, text: str) -> float:
    """1 when the text, parsed, equals the reference, parsed."""
    return float(_same(_comparable(text), _reference(case.reference)))


def fields(case: Case, text: str) -> float:
    """Share of the reference's top-level fields that the text gives right; further fields are ignored.

    A reference that is no object counts as one field.
    """
    return _fields(_parse(text), _reference(case.reference), _same)


def _fields(given: Any, wanted: Any, same: Callable[[Any, Any], bool]) -> float:
    if not isinstance(wanted, dict):
        return float(same(given, wanted))
    if not isinstance(given, dict):
        return 0.0
    if not wanted:
        return 1.0
    return sum(key in given and same(given[key], value) for key, value in wanted.items()) / len(wanted)


def make_valid(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """``json_valid:extract``."""
    return _lenient(valid, argument), ()


def make_exact(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """``json_exact:extract``, ``json_exact:0.01``, ``json_exact:extract:1%``."""
    extracting, tolerance = _options(argument)
    if tolerance is None:
        return _lenient(exact, extracting), ()

    def near(case: Case, text: str) -> float:
        return float(_near(_parse(text), _reference(case.reference), tolerance))

    return _lenient(near, extracting), ()


def make_fields(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """``json_fields:extract``, ``json_fields:0.01``, ``json_fields:extract:1%``."""
    extracting, tolerance = _options(argument)
    if tolerance is None:
        return _lenient(fields, extracting), ()

    def near(case: Case, text: str) -> float:
        return _fields(_parse(text), _reference(case.reference), lambda given, wanted: _near(given, wanted, tolerance))

    return _lenient(near, extracting), ()


def _options(argument: str) -> tuple[str, Tolerance | None]:
    """(``extract`` or nothing, how far numbers may be apart); numbers are compared exactly where no tolerance is given.

    Raises:
        BadInput: for anything else.
    """
    head, _, rest = argument.partition(":")
    if head in ("", EXTRACT) and (rest or ":" not in argument):
        return head, read_tolerance(rest) if rest else None
    if argument[0].isalpha():
        return argument, None
    return "", read_tolerance(argument)


def _lenient(function: Function, argument: str) -> Function:
    """The function on the JSON that the text holds.

    Raises:
        BadInput: for an argument other than ``extract``.
    """
    if argument not in ("", EXTRACT):
        raise BadInput(f"given {argument!r}: write {EXTRACT!r} for the JSON in a fenced or chatty answer, or nothing")
    return (lambda case, text: function(case, extract(text))) if argument else function


def extract(text: str) -> str:
    """The first object in a text that is more than JSON (chatter, code fences), else the first array, else the text."""
    if _parse(text) is not NOT_JSON:
        return text
    for opening in "{[":
        places = islice((place for place, mark in enumerate(text) if mark == opening), TRIED)
        found = next((end for end in ((place, _end(text, place)) for place in places) if end[1]), None)
        if found:
            return text[slice(*found)]
    return text


def _end(text: str, start: int) -> int:
    """Where the JSON value that begins at ``start`` ends; 0 where there is none."""
    try:
        return _decoder.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return 0


def make_schema(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """1 when the text is valid by the suite's JSON Schema (draft 2020-12); nothing is fetched for a remote ``$ref``."""
    from jsonschema import Draft202012Validator
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    if suite.schema_file is None:
        raise BadInput('needs a schema: add schema = "schema.json"')
    path = suite.path(suite.schema_file)
    validator = Draft202012Validator(read_schema(path), registry=Registry())

    def schema(case: Case, text: str) -> float:
        value = _parse(text)
        if value is NOT_JSON:
            return 0.0
        try:
            return float(validator.is_valid(value))
        except Unresolvable as error:
            raise BadInput(f"{path}: $ref {error.ref!r} leads nowhere: put its definition in this file") from error
        except (ArithmeticError, RecursionError):  # multipleOf on numbers beyond a double; a schema that never ends
            return 0.0

    return _lenient(schema, argument), [path.read_text(encoding="utf-8")]


def read_schema(path: Path) -> Any:
    """A JSON Schema (draft 2020-12) from a file.

    Raises:
        BadInput: naming the file, and the line or key that is wrong.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{error.lineno}: not valid JSON: {error.msg}") from error
    except SchemaError as error:
        raise BadInput(f"{path}: not a JSON Schema: {error.json_path}: {error.message}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error
    return schema


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


_decoder = json.JSONDecoder(parse_constant=_refuse, parse_float=_float)


def _parse(text: str) -> Any:
    """The JSON value of a text, or ``NOT_JSON``."""
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError):
        return NOT_JSON
    if text.count("[") + text.count("{") > MAX_DEPTH and _deep(value):
        return NOT_JSON
    return value


def _comparable(text: str) -> Any:
    """The JSON value of a text, only to be compared with a reference: what ``_parse`` refuses equals none, and need not
    be told apart. Three times faster.
    """
    if not text:
        return NOT_JSON
    try:
        return from_json(text, allow_inf_nan=False, cache_strings="keys")
    except (ValueError, TypeError):
        return _parse(text)


def _deep(value: Any) -> bool:
    level = _containers([value])
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _containers(item.values() if isinstance(item, dict) else item)]
    return bool(level)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, (dict, list))]


@lru_cache(maxsize=1 << 14)
def _reference(text: str) -> Any:
    value = _parse(text)
    if value is NOT_JSON:
        raise BadInput(f"reference: given {text[:60]!r}: this metric needs a reference that is valid JSON")
    return value


def _same(given: Any, wanted: Any) -> bool:
    return bool(given == wanted) and not _mixed(given, wanted)


def _mixed(given: Any, wanted: Any) -> bool:
    """Whether one of two values that are equal to Python has ``true`` or ``false`` where the other has 1 or 0."""
    if isinstance(wanted, dict):
        given, wanted = given.values(), map(wanted.__getitem__, given)
    elif not isinstance(wanted, list):
        return isinstance(given, bool) is not isinstance(wanted, bool)
    return any(map(_mixed, given, wanted))


def _near(given: Any, wanted: Any, tolerance: Tolerance) -> bool:
    """As ``_same``, with numbers that may differ a little."""
    if isinstance(wanted, dict):
        return (
            isinstance(given, dict)
            and given.keys() == wanted.keys()
            and all(_near(given[key], value, tolerance) for key, value in wanted.items())
        )
    if isinstance(wanted, list):
        return (
            isinstance(given, list)
            and len(given) == len(wanted)
            and all(_near(one, other, tolerance) for one, other in zip(given, wanted, strict=True))
        )
    if _is_number(wanted) and _is_number(given):
        return tolerance.near(given, wanted)
    return _same(given, wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
