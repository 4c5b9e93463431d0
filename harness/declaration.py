"""What all declarations share: frozen pydantic models read from TOML, unknown keys refused, all errors said at once.

suites/triage/suite.toml: metrik: unknown key: did you mean 'metric'?
suites/triage/suite.toml: max_new_tokens: given 0, Input should be greater than 0
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json

from harness.errors import BadInput, suggest


class Declaration(BaseModel):
    """A frozen value that a user wrote; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


LARGEST = 1 << 20
"""Bytes of a declaration; what is larger is data, and has a file of its own."""
D = TypeVar("D", bound=Declaration)
Parse = Callable[[str], Any]


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a mapping.

    Raises:
        BadInput: when it is missing, unreadable or not TOML (with the line).
    """
    try:
        if path.exists() and not path.is_file():
            raise BadInput(f"{path}: is no file: a declaration is a TOML file")
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{path}: has {path.stat().st_size:,} bytes: a declaration has at most {LARGEST:,}")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file") from error
    except RecursionError as error:
        raise BadInput(f"{path}: not valid TOML: too many brackets inside each other") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error


def declare(kind: type[D], values: dict[str, Any], *, where: str) -> D:
    """``values`` as a ``kind``.

    Raises:
        BadInput: naming every wrong key of ``where`` on a line of its own.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = [f"{where}: {_problem(kind, problem)}" for problem in error.errors(include_url=False)]
        raise BadInput("\n".join(lines)) from error


def load_toml(kind: type[D], path: Path, **extra: Any) -> D:
    """The declaration in a TOML file; ``extra`` are values that the file itself does not say (its name, its folder)."""
    return declare(kind, {**extra, **read_toml(path)}, where=str(path))


def _problem(kind: type[Declaration], problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        owner = _owner(kind, problem["loc"][:-1])
        hint = suggest(str(problem["loc"][-1]), owner.model_fields) if owner else "remove it"
        return f"{key}: unknown key: {hint}"
    if problem["type"] == "missing":
        return f"{key}: missing: it must be given"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{key}: {message}" if key else message
    return f"{key}: given {problem['input']!r}: {message}"


def _owner(kind: type[Declaration], loc: tuple[Any, ...]) -> type[Declaration] | None:
    """The declaration in which an unknown key was found, as far as field names lead to it."""
    current: Any = kind
    for part in loc:
        field = getattr(current, "model_fields", {}).get(part)
        if field is None:
            continue
        found = [a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(a, type)]
        current = next((a for a in found if issubclass(a, Declaration)), None)
    return current if isinstance(current, type) and issubclass(current, Declaration) else None


def read_jsonl(path: Path, *, parse: Parse | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not blank; ``parse`` reads one, ``parse_json`` otherwise.

    Raises:
        BadInput: when the file is missing, or a line is not a JSON object (file and line are named).
    """
    try:
        with path.open(encoding="utf-8") as file:
            yield from parse_jsonl(file, path, parse=parse)
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error


def parse_jsonl(
    lines: Iterable[str], path: Path, *, parse: Parse | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The same of a file that is open, or was read; ``path`` is for messages."""
    parse = parse or parse_json
    try:
        for number, line in enumerate(lines, 1):
            try:
                value = parse(line)
            except (ValueError, RecursionError) as error:
                if line.isspace():
                    continue
                raise BadInput(f"{path}:{number}: not valid JSON: {error}") from error
            if not isinstance(value, dict):
                given = line.strip()[:60]
                raise BadInput(f"{path}:{number}: given {given!r}: every line must be a JSON object")
            yield number, value
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8: {error}") from error


def parse_json(text: str | bytes) -> Any:
    """``json.loads``, three times as fast where the text is plain; half surrogates and errors are left to it."""
    try:
        return from_json(text, cache_strings="keys")
    except ValueError:
        return json.loads(text)
