"""TRL's preferences: a better and a worse answer to a prompt, each a text or a list of messages.

{"prompt": "How long?", "chosen": "Two days.", "rejected": "No idea."}
{"chosen": [{"role": "user", …}, {"role": "assistant", …}], "rejected": [{"role": "user", …}, {"role": "assistant", …}]}

Where the prompt is implicit it is what both sides begin with; of texts too, as TRL takes them apart. It is written as a
prompt of its own. Sides that repeat an explicit prompt (UltraFeedback's do) are read without it.
"""

from __future__ import annotations

from os.path import commonprefix
from typing import Any

from harness.errors import BadInput
from harness.formats.format import Format
from harness.formats.record import Message, Record, Row, joined, rest, spoken, text, written

NEEDS = frozenset({"chosen", "rejected"})
KEYS = NEEDS | {"prompt"}
Messages = tuple[Message, ...]


def parse(row: Row) -> Record:
    more = rest(row, KEYS)
    if "prompt" not in row and any(isinstance(row[key], str) for key in NEEDS):
        return _texts(text(row["chosen"], "chosen"), text(row["rejected"], "rejected"), more)
    chosen, rejected = (spoken(row[key], key, "assistant") for key in ("chosen", "rejected"))
    if "prompt" not in row:
        shared = _shared(chosen, rejected)
        if not shared:
            raise BadInput("no prompt, and chosen and rejected begin differently: what was asked?")
        return Record(chosen[:shared], chosen[shared:], rejected[shared:], more=more)
    asked = spoken(row["prompt"], "prompt", "user")
    if _begins(chosen, asked) and _begins(rejected, asked):
        chosen, rejected = chosen[len(asked) :], rejected[len(asked) :]
    return Record(asked, chosen, rejected, more=more)


def _shared(chosen: Messages, rejected: Messages) -> int:
    """How many messages both begin with; one is left to each."""
    count = 0
    while count < min(len(chosen), len(rejected)) - 1 and chosen[count] == rejected[count]:
        count += 1
    return count


def _begins(side: Messages, asked: Messages) -> bool:
    return len(side) > len(asked) and side[: len(asked)] == asked


def _texts(chosen: str, rejected: str, more: dict[str, Any]) -> Record:
    """As TRL's ``extract_prompt`` does: the longest common beginning, a space left to the answers."""
    prompt = commonprefix([chosen, rejected])  # noqa: RUF071 - texts, not paths
    prompt = prompt[:-1] if prompt.endswith(" ") else prompt
    sides = chosen[len(prompt) :], rejected[len(prompt) :]
    if not prompt or not all(sides):
        raise BadInput("no prompt, and chosen and rejected do not begin alike and go on differently: what was asked?")
    asked, *answers = (
        spoken(said, "", role) for said, role in zip((prompt, *sides), ("user", *2 * ("assistant",)), strict=True)
    )
    return Record(asked, answers[0], answers[1], more=more)


def render(record: Record) -> Row:
    rejected = record.rejected or ()
    if not (record.asked and record.answer and rejected):
        raise BadInput("has an empty side, and a preference needs a prompt and two answers")
    if _begins(record.answer, record.asked) and _begins(rejected, record.asked):
        raise BadInput("both answers repeat the prompt, which preference would take for the prompt")
    row = {
        "prompt": written(record.asked, "user"),
        "chosen": written(record.answer, "assistant"),
        "rejected": written(rejected, "assistant"),
    }
    return joined(row, record.more, KEYS, "preference")


FORMAT = Format("preference", "preferences, for DPO", "preference", NEEDS, parse, render)
