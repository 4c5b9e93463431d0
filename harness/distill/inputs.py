"""What a teacher is asked: inputs from rows of any format, or texts that it wrote itself.

    {"input": "My parcel is late."}                                                  one text a row
    {"messages": [{"role": "user", …}, {"role": "assistant", …}, {"role": "user", …}]}   a conversation that waits for an answer

Of rows that have an answer the question counts, and the answer is written anew. Columns beside it are carried on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.data import Row
from harness.errors import BadInput
from harness.files import Placed, look, rows
from harness.formats.recognise import at, candidates, first, recognise
from harness.formats.record import Message, Record
from harness.plural import plural

SAID = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Input:
    """A conversation whose last word is the user's. ``share`` is what it cost, in USD, if a teacher wrote it."""

    where: str
    messages: tuple[Message, ...]
    more: Mapping[str, Any] = field(default_factory=dict)
    invented: bool = False
    share: float | None = None

    @property
    def text(self) -> str:
        """The question."""
        return str(self.messages[-1]["content"])

    @property
    def row(self) -> Row:
        """As what it is held against others."""
        return Row(self.where, tuple(m["content"] for m in self.messages if m["role"] == "user"))


def read_inputs(path: Path, format_: str | None = None) -> list[Input]:
    """The inputs of a file.

    Raises:
        BadInput: for broken rows, a conversation that ends otherwise than with a user's text, or none at all.
    """
    source = look(path)
    _, row = first(source)
    if format_ is None and "input" in row and not candidates(row):
        return list(_plain(rows(source)))
    return list(_asked(recognise(source, format_).records()))


def text_input(where: str, text: str, **known: Any) -> Input:
    """One text as an input."""
    return Input(where, ({"role": "user", "content": text},), **known)


def _plain(placed: Iterator[Placed]) -> Iterator[Input]:
    for where, row in placed:
        text = row.get("input")
        if not isinstance(text, str) or not text.strip():
            hint = ": harness data text makes text of it first" if isinstance(text, dict) else ""
            raise BadInput(f"{where}: input: given {str(text)[:60]!r}: it must be a text{hint}")
        yield text_input(where, text, more={key: value for key, value in row.items() if key != "input"})


def _asked(records: Iterator[tuple[str, Record]]) -> Iterator[Input]:
    for where, record in records:
        with at(where):
            yield Input(where, _checked(record.asked), record.more)


def _checked(asked: tuple[Message, ...]) -> tuple[Message, ...]:
    told = tuple(_spoken(message) for message in asked)
    if not told or told[-1]["role"] != "user" or not told[-1]["content"].strip():
        raise BadInput(
            f"a teacher answers what a user says, and this ends with {plural(len(told), 'message')} and no such text"
        )
    return told


def _spoken(message: Message) -> Message:
    role = "system" if message["role"] == "developer" else message["role"]
    content = message.get("content")
    if isinstance(content, list):
        raise BadInput("has parts instead of a text: harness data text makes text of them first")
    if role not in SAID or not isinstance(content, str):
        raise BadInput(f"has a message of the role {message['role']!r}: a teacher is asked with {', '.join(SAID)}")
    return {"role": role, "content": content}
