"""A suite's cases: one question and its reference.

{"id": "t1", "input": "How long?", "reference": "Two days.", "split": "dev", "cluster": "page-3", "tags": {"page": 3}}

Columns that a case does not know are its tags, and its tags are columns elsewhere. An input that is no text (see
``harness.cascade``) is a message of parts elsewhere:

{"text": "Which total?", "image": "scan.png"}    [{"type": "text", "text": "Which total?"}, {"type": "image", "image": "scan.png"}]
"""

from __future__ import annotations

from typing import Any

from harness.cascade import KINDS, TEXT, refuse_odd
from harness.errors import BadInput
from harness.formats.format import Format
from harness.formats.record import Record, Row, plain, rest, text

NEEDS = frozenset({"input", "reference"})
OWN = frozenset({"id", "split", "cluster", "choices", "documents"})


def parse(row: Row) -> Record:
    tags = row.get("tags", {})
    if not isinstance(tags, dict):
        raise BadInput(f'tags: given {str(tags)[:60]!r}: write an object, such as {{"page": 3}}')
    own = {key: row[key] for key in row if key in OWN}
    for key in ("id", "cluster"):  # tables make numbers of them
        if isinstance(own.get(key), int | float) and not isinstance(own[key], bool):
            own[key] = str(own[key])
    further = {**rest(row, NEEDS | OWN | {"tags"}), **tags}
    for key in further.keys() & (NEEDS | OWN):
        raise BadInput(f"tags: {key!r} is the name of a key of the case itself: call it something else")
    asked, answer = _asked(row["input"]), text(row["reference"], "reference")
    more = {**own, **further}
    return Record(({"role": "user", "content": asked},), ({"role": "assistant", "content": answer},), more=more)


def render(record: Record) -> Row:
    parts = _parts(record)
    plain(record.answer if parts else (*record.asked, *record.answer), "cases")
    roles = [message["role"] for message in (*record.asked, *record.answer)]
    if roles != ["user", "assistant"]:
        raise BadInput(f"has messages of {', '.join(roles)}, and a case is one question of the user's and its answer")
    if not record.asked[0]["content"]:
        raise BadInput("asks nothing, and a case needs an input")
    row = {"input": parts or record.asked[0]["content"], "reference": record.answer[0]["content"]}
    tags = rest(dict(record.more), OWN)
    for key in tags.keys() & (NEEDS | {"tags"}):
        raise BadInput(f"has a column {key!r}, which means something else in cases: rename it first")
    own = {key: value for key, value in record.more.items() if key in OWN}
    return {**({"id": own.pop("id")} if "id" in own else {}), **row, **own, **({"tags": tags} if tags else {})}


def _asked(given: Any) -> str | list[dict[str, str]]:
    """An input as a message's content."""
    if not isinstance(given, dict):
        return text(given, "input")
    refuse_odd(given)
    some = [(key, value if isinstance(value, list) else [value]) for key, value in given.items()]
    return [{"type": key, key: one} for key, values in some for one in values]


def _parts(record: Record) -> dict[str, Any]:
    """A message of parts as an input; empty where it is no such message, or none that an input could be."""
    content = record.asked[0].get("content") if len(record.asked) == 1 else None
    made: dict[str, list[str]] = {}
    for part in content if isinstance(content, list) else ():
        key = part.get("type") if isinstance(part, dict) else None
        if key not in (TEXT, *KINDS) or part.keys() != {"type", key} or not isinstance(part[key], str):
            return {}
        if key in made and key != next(reversed(made)):  # an object has each key once: their order would be lost
            return {}
        made.setdefault(key, []).append(part[key])
    return {key: values if len(values) > 1 else values[0] for key, values in made.items()}


FORMAT = Format("cases", "a suite's cases", "demonstration", NEEDS, parse, render)
