"""What a row of any format says: who asked what, and which answers there are to it.

    Record(({"role": "user", "content": "How long?"},), ({"role": "assistant", "content": "Two days."},))

A message has a role and a content; the portable form and OpenAI's also have parts, tools and names, which other formats
cannot express.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.errors import BadInput

Row = dict[str, Any]
Message = dict[str, Any]
Kind = Literal["demonstration", "preference", "rating"]
ROLES = ("system", "developer", "user", "assistant", "tool")
PLAIN = {"role", "content"}


@dataclass(frozen=True, slots=True)
class Record:
    """What was asked, and an answer to learn (a demonstration), a better and a worse one (a preference), or one that is good
    or not (a rating). ``more`` are the columns that no format knows. A conversation without an answer has none.
    """

    asked: tuple[Message, ...]
    answer: tuple[Message, ...]
    rejected: tuple[Message, ...] | None = None
    label: bool | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        if self.rejected is not None:
            return "preference"
        return "demonstration" if self.label is None else "rating"


def given(value: Any) -> Any:
    """A value without what is null: null says that nothing is there, and tables cannot leave a key out."""
    if isinstance(value, dict):
        return {key: given(part) for key, part in value.items() if part is not None}
    return [given(part) for part in value] if isinstance(value, list) else value


def conversation(value: Any, key: str) -> tuple[Message, ...]:
    """Messages as a row has them.

    Raises:
        BadInput: for what is no list of messages, an unknown role or a message that says nothing.
    """
    if not isinstance(value, list) or not value:
        raise BadInput(f"{key}: given {str(value)[:60]!r}: it must be a list of messages")
    return tuple(_message(one, key) for one in value)


def _message(value: Any, key: str) -> Message:
    if not isinstance(value, dict) or value.get("role") not in ROLES:
        raise BadInput(f"{key}: given {str(value)[:80]!r}: a message has a 'role' ({', '.join(ROLES)}) and a 'content'")
    content = value.get("content")
    if not isinstance(content, str | list) and not (content is None and value.keys() - PLAIN):
        raise BadInput(f"{key}: given {str(value)[:80]!r}: a message needs a 'content'")
    return value


def spoken(value: Any, key: str, role: str) -> tuple[Message, ...]:
    """A side of a row: a text, said by ``role``, or messages.

    Raises:
        BadInput: for what is neither.
    """
    return ({"role": role, "content": value},) if isinstance(value, str) else conversation(value, key)


def written(messages: Sequence[Message], role: str) -> str | list[Message]:
    """A text where that says it all, messages otherwise."""
    if len(messages) == 1 and messages[0].keys() == PLAIN and messages[0]["role"] == role:
        content = messages[0]["content"]
        return content if isinstance(content, str) else list(messages)
    return list(messages)


def text(value: Any, key: str) -> str:
    """Raises:
    BadInput: for what is no text.
    """
    if not isinstance(value, str):
        raise BadInput(f"{key}: given {str(value)[:60]!r}: it must be a text")
    return value


def plain(messages: Sequence[Message], name: str) -> None:
    """Refuse, for a format called ``name``, what is more than a text of a known speaker.

    Raises:
        BadInput: naming the message and what is lost.
    """
    for number, message in enumerate(messages, 1):
        for key in message:
            if key not in PLAIN:
                raise BadInput(f"message {number} has {key!r}, which {name} cannot express")
        if not isinstance(message["content"], str):
            raise BadInput(f"message {number} has parts instead of a text, which {name} cannot express")


def rest(row: Row, known: Collection[str]) -> Row:
    """The columns that a format does not know."""
    return {key: value for key, value in row.items() if key not in known}


def joined(row: Row, more: Mapping[str, Any], known: Collection[str], name: str) -> Row:
    """A row with the columns beside it.

    Raises:
        BadInput: when one of them has a name that means something in this format.
    """
    for key in more:
        if key in known:
            raise BadInput(f"has a column {key!r}, which means something else in {name}: rename it first")
    return {**row, **more}
