"""The form of JSON answers: whether they parse, and if not, why; which keys they have, in which order, and of which types.

'{"desk": "velor",}'          a trailing comma
"{'desk': 'velor'}"           Python's quotes
'```json\\n{…}\\n```'           words or a fence around it
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from harness.data.audit.entry import Entry
from harness.data.audit.finding import CLIP, SHOWN, Finding, First, Level, line
from harness.data.audit.private import masked
from harness.data.limits import Limits
from harness.files.parse import strict
from harness.plural import plural

SHAPES = 200
"""Kinds of keys that are told apart; what comes after them is counted as others."""
DEEP = 4
"""Levels of keys whose types are looked at."""
_COMMA = re.compile(r",(\s*[}\]])")
_FENCE = re.compile(r"```[\w-]*\s*([\[{].*[\]}])\s*```", re.DOTALL)
OTHERS = "other keys"
LONG = 1 << 16
"""Characters of a broken answer that are still tried as Python, whose compiler takes size badly."""


class Form:
    """Answers that look like JSON."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rows = 0
        self._whole = 0
        self._broken: dict[str, First[str]] = defaultdict(First)
        self._shapes: dict[str, str] = {}
        self._seen: Counter[str] = Counter()
        self._types: dict[str, Counter[str]] = defaultdict(Counter)
        self._odd: dict[tuple[str, str], str] = {}

    @property
    def json(self) -> bool:
        """Whether most answers are, or were meant to be."""
        return self._whole + sum(one.count for one in self._broken.values()) > self._rows / 2

    def add(self, entry: Entry) -> None:
        self._rows += 1
        text = entry.answer.strip()
        if not text.startswith(("{", "[", "```")):
            return
        try:
            found = strict(text)
        except (ValueError, RecursionError) as error:
            why = _why(text, error)
            self._broken[why].add(entry.where)
            return
        self._whole += 1
        self._shape(found, entry.where)

    def _shape(self, found: Any, where: str) -> None:
        keys = ", ".join(map(str, found)) if isinstance(found, dict) else "a list"
        shape = keys if keys in self._seen or len(self._seen) < SHAPES else OTHERS
        self._seen[shape] += 1
        self._shapes.setdefault(shape, where)
        for path, kind in _types(found):
            if path in self._types or len(self._types) < SHAPES:
                self._types[path][kind] += 1
                self._odd.setdefault((path, kind), where)

    def findings(self) -> Iterator[Finding]:
        if not self.json:
            return
        parses = self._whole / self._rows
        broken = sorted(self._broken.items(), key=lambda one: -one[1].count)
        why = "".join(f"; {first.count:,}: {name}" for name, first in broken)
        places = [f"{where}: {name}" for name, first in broken for where in first.kept]
        told = f"{parses:.1%} of answers are JSON, wanted are {100 * self._limits.parses:.3g}%{why}"
        level: Level = "fail" if parses < self._limits.parses else "warn" if broken else "note"
        yield Finding(level, "form", told, line(self._limits, "parses"), tuple(places[:SHOWN]))
        yield from self._keys()
        yield from self._drift()

    def _keys(self) -> Iterator[Finding]:
        shapes = self._seen.most_common()
        if len(shapes) < 2:
            return
        usual = shapes[0][0]
        sets = {frozenset(name.split(", ")) for name, _ in shapes}
        how = "the order of their keys" if len(sets) == 1 else "their keys or the order of them"
        told = "; ".join(f"{count:,} with {masked(name)[:CLIP]}" for name, count in shapes[:SHOWN])
        told += f"; {plural(len(shapes) - SHOWN, 'further kind')}" if len(shapes) > SHOWN else ""
        rare = [f"{self._shapes[name]}: {masked(name)[:CLIP]}" for name, _ in shapes[1:] if name != usual]
        yield Finding("warn", "schema", f"answers differ in {how}: {told}", None, tuple(rare[:SHOWN]))

    def _drift(self) -> Iterator[Finding]:
        """Keys that hold values of several types; null beside one type is none of it."""
        mixed = {path: kinds for path, kinds in self._types.items() if len(kinds.keys() - {"null"}) > 1}
        if not mixed:
            return
        said = (
            f"{masked(p)[:CLIP]} is {', '.join(f'{n:,} {k}' for k, n in kinds.most_common())}"
            for p, kinds in mixed.items()
        )
        odd = (
            f"{self._odd[p, kinds.most_common()[-1][0]]}: {masked(p)[:CLIP]} is {kinds.most_common()[-1][0]}"
            for p, kinds in mixed.items()
        )
        yield Finding(
            "warn", "types", f"a key holds several types: {'; '.join(list(said)[:SHOWN])}", None, tuple(odd)[:SHOWN]
        )


def _types(value: Any, path: str = "", level: int = 0) -> Iterator[tuple[str, str]]:
    """(path, type) of all that stands in a value."""
    if path:
        yield path, _type(value)
    if level == DEEP:
        return
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _types(part, f"{path}.{key}" if path else key, level + 1)
    elif isinstance(value, list):
        for part in value[:SHAPES]:
            yield from _types(part, f"{path}[]", level + 1)


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds: dict[type, str] = {str: "text", int: "number", float: "number", dict: "object", list: "list"}
    return kinds[type(value)]


def _why(text: str, error: Exception) -> str:
    """Why an answer is no JSON: what a lenient reader would have to overlook."""
    fence = _FENCE.fullmatch(text)
    if fence or text.startswith("```"):
        return "a fence around it" if fence and _parses(fence[1]) else "a fence, and no JSON in it"
    if "stands twice" in str(error):
        return "a key twice"
    if _parses(_COMMA.sub(r"\1", text)):
        return "a trailing comma"
    if _python(text):
        return "Python's quotes or words (', True, None)"
    if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
        return "words after it"
    cut = isinstance(error, json.JSONDecodeError) and error.pos >= len(text)
    return "it ends too soon" if cut or "Unterminated" in str(error) else "otherwise broken"


def _parses(text: str) -> bool:
    try:
        strict(text)
    except (ValueError, RecursionError):
        return False
    return True


def _python(text: str) -> bool:
    if len(text) > LONG:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return isinstance(ast.literal_eval(text), dict | list)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            return False
