"""TRL's prompt and completion, each a text or a list of messages.

{"prompt": "How long?", "completion": "Two days."}
{"prompt": [{"role": "user", …}], "completion": [{"role": "assistant", …}]}
"""

from __future__ import annotations

from harness.errors import BadInput
from harness.formats.format import Format
from harness.formats.record import Record, Row, joined, rest, spoken, written

KEYS = frozenset({"prompt", "completion"})


def parse(row: Row) -> Record:
    asked, answer = spoken(row["prompt"], "prompt", "user"), spoken(row["completion"], "completion", "assistant")
    return Record(asked, answer, more=rest(row, KEYS))


def sides(record: Record, name: str) -> Row:
    """Prompt and completion.

    Raises:
        BadInput: when there is nothing to put into one of them.
    """
    if not (record.asked and record.answer):
        raise BadInput(f"has no {'answer' if record.asked else 'question'}, and {name} needs one")
    return {"prompt": written(record.asked, "user"), "completion": written(record.answer, "assistant")}


def render(record: Record) -> Row:
    return joined(sides(record, "prompt-completion"), record.more, KEYS, "prompt-completion")


FORMAT = Format("prompt-completion", "prompt and completion", "demonstration", KEYS, parse, render)
