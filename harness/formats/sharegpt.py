"""ShareGPT's conversations: who said what, under FastChat's names; the system prompt as a turn or beside the turns.

{"conversations": [{"from": "system", "value": "…"}, {"from": "human", "value": "…"}, {"from": "gpt", "value": "…"}]}
"""

from __future__ import annotations

from typing import Any

from harness.errors import BadInput, suggest
from harness.formats import messages
from harness.formats.format import Format
from harness.formats.record import Message, Record, Row, joined, plain, rest, text

NEEDS = frozenset({"conversations"})
KEYS = NEEDS | {"system"}
SPEAKERS = {"system": "system", "human": "user", "gpt": "assistant", "tool": "tool"}
OTHERS = {"user": "user", "assistant": "assistant", "chatgpt": "assistant", "observation": "tool"}
"""Names that are read besides: function calls are no text and are refused."""
NAMES = {role: name for name, role in SPEAKERS.items()}


def parse(row: Row) -> Record:
    turns = row["conversations"]
    if not isinstance(turns, list) or not turns:
        raise BadInput(f"conversations: given {str(turns)[:60]!r}: it must be a list of turns")
    said = [_message(turn) for turn in turns]
    system = text(row.get("system", ""), "system")
    if system:
        if said[0]["role"] == "system":
            raise BadInput("has a system prompt as a turn and another one beside the turns: keep one")
        said.insert(0, {"role": "system", "content": system})
    return messages.parse({"messages": said, **rest(row, KEYS)})


def _message(turn: Any) -> Message:
    if not isinstance(turn, dict) or turn.keys() != {"from", "value"}:
        raise BadInput(f"conversations: given {str(turn)[:80]!r}: a turn has 'from' and 'value'")
    role = (SPEAKERS | OTHERS).get(str(turn["from"]))
    if role is None:
        raise BadInput(f"conversations: from: given {turn['from']!r}: {suggest(str(turn['from']), SPEAKERS | OTHERS)}")
    return {"role": role, "content": text(turn["value"], "conversations: value")}


def _turn(message: Message) -> Row:
    if message["role"] not in NAMES:
        raise BadInput(f"has a message of the role {message['role']!r}, which sharegpt cannot express")
    return {"from": NAMES[message["role"]], "value": message["content"]}


def render(record: Record) -> Row:
    said = messages.flat(record, "sharegpt")
    plain(said, "sharegpt")
    return joined({"conversations": [_turn(message) for message in said]}, record.more, KEYS, "sharegpt")


FORMAT = Format("sharegpt", "ShareGPT's form", "demonstration", NEEDS, parse, render)
