"""The portable form, which chat templates and TRL read as it is (ChatML's roles): a list of messages.

{"messages": [{"role": "system", "content": "…"}, {"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]}
"""

from __future__ import annotations

from harness.errors import BadInput
from harness.formats.format import Format
from harness.formats.record import Message, Record, Row, conversation, joined, rest

KEYS = frozenset({"messages"})


def parse(row: Row) -> Record:
    """The last message is the answer, if it is the assistant's."""
    messages = conversation(row["messages"], "messages")
    answered = messages[-1]["role"] == "assistant"
    cut = len(messages) - answered
    return Record(messages[:cut], messages[cut:], more=rest(row, KEYS))


def flat(record: Record, name: str) -> list[Message]:
    """All messages in a row.

    Raises:
        BadInput: where it would not be known any more which of them is the answer.
    """
    if len(record.answer) > 1:
        raise BadInput(f"the answer has {len(record.answer)} messages, and in {name} it is the last one")
    if record.answer and record.answer[0]["role"] != "assistant":
        raise BadInput(f"the answer is of the role {record.answer[0]['role']!r}, and in {name} it is the assistant's")
    if not record.answer and record.asked[-1]["role"] == "assistant":
        raise BadInput(f"there is no answer, and in {name} the last message would be taken for it")
    return [*record.asked, *record.answer]


def render(record: Record) -> Row:
    return joined({"messages": flat(record, "messages")}, record.more, KEYS, "messages")


FORMAT = Format("messages", "messages, the portable form", "demonstration", KEYS, parse, render)
