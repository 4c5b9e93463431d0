"""OpenAI's fine-tuning files: for SFT the portable form and nothing beside it but tools, for DPO the two outputs.

{"messages": […], "tools": […]}
{"input": {"messages": […], "tools": […]}, "preferred_output": [{"role": "assistant", …}], "non_preferred_output": […]}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from harness.errors import BadInput
from harness.formats import messages
from harness.formats.format import Format
from harness.formats.record import Record, Row, conversation, rest

TOOLS = frozenset({"tools", "parallel_tool_calls"})
SIDES = frozenset({"input", "preferred_output", "non_preferred_output"})


def _only(row: Mapping[str, Any], known: Collection[str], name: str) -> None:
    """The service refuses what it does not know."""
    for key in row:
        if key not in known:
            raise BadInput(f"has {key!r}, which {name} cannot express: remove that column first")


def parse(row: Row) -> Record:
    _only(row, messages.KEYS | TOOLS, "openai")
    return messages.parse(row)


def render(record: Record) -> Row:
    _only(record.more, TOOLS, "openai")
    if not record.answer:
        raise BadInput("ends without an answer of the assistant, which openai needs")
    return {"messages": messages.flat(record, "openai"), **record.more}


def parse_preference(row: Row) -> Record:
    _only(row, SIDES, "openai-preference")
    asked = row["input"]
    if not isinstance(asked, dict) or "messages" not in asked:
        raise BadInput(f"input: given {str(asked)[:60]!r}: it must be an object with 'messages'")
    _only(asked, messages.KEYS | TOOLS, "openai-preference")
    chosen, rejected = (conversation(row[key], key) for key in ("preferred_output", "non_preferred_output"))
    return Record(conversation(asked["messages"], "input"), chosen, rejected, more=rest(asked, messages.KEYS))


def render_preference(record: Record) -> Row:
    _only(record.more, TOOLS, "openai-preference")
    return {
        "input": {"messages": list(record.asked), **record.more},
        "preferred_output": list(record.answer),
        "non_preferred_output": list(record.rejected or ()),
    }


SFT = Format("openai", "OpenAI's fine-tuning form", "demonstration", messages.KEYS, parse, render)
PREFERENCE = Format(
    "openai-preference", "OpenAI's preference form", "preference", SIDES, parse_preference, render_preference
)
