"""Alpaca's rows: an instruction, what it is applied to, and the answer; with LLaMA-Factory's system prompt and history.

{"instruction": "Translate.", "input": "Guten Tag", "output": "Good day", "system": "…", "history": [["question", "answer"]]}

Instruction and input are one message, a line each, as LLaMA-Factory joins them: the model is told every word, but where
one ended and the other began is a line break from then on.
"""

from __future__ import annotations

from typing import Any

from harness.errors import BadInput
from harness.formats.format import Format
from harness.formats.record import Message, Record, Row, joined, plain, rest, text

NEEDS = frozenset({"instruction", "output"})
KEYS = NEEDS | {"input", "system", "history"}


def parse(row: Row) -> Record:
    parts = [text(row["instruction"], "instruction"), text(row.get("input", ""), "input")]
    system = text(row.get("system", ""), "system")
    asked = [{"role": "system", "content": system}] if system else []
    for turn in _history(row.get("history", [])):
        asked += [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]
    asked.append({"role": "user", "content": "\n".join(part for part in parts if part)})
    answer = {"role": "assistant", "content": text(row["output"], "output")}
    return Record(tuple(asked), (answer,), more=rest(row, KEYS))


def _history(value: Any) -> list[list[str]]:
    good = isinstance(value, list) and all(
        isinstance(turn, list) and len(turn) == 2 and all(isinstance(said, str) for said in turn) for turn in value
    )
    if not good:
        raise BadInput(f"history: given {str(value)[:60]!r}: it must be a list of [question, answer]")
    return list(value)


def render(record: Record) -> Row:
    plain((*record.asked, *record.answer), "alpaca")
    asked = list(record.asked)
    row: Row = {}
    if asked and asked[0]["role"] == "system":
        row["system"] = asked.pop(0)["content"]
        if not row["system"]:
            raise BadInput("the system prompt is empty, which alpaca cannot tell from none")
    _alternate([*asked, *record.answer])
    said = [message["content"] for message in asked]
    history = [list(turn) for turn in zip(said[:-1:2], said[1::2], strict=True)]
    row = {"instruction": said[-1], "input": "", "output": record.answer[0]["content"], **row}
    if history:
        row["history"] = history
    return joined(row, record.more, KEYS, "alpaca")


def _alternate(messages: list[Message]) -> None:
    for number, message in enumerate(messages):
        wanted = ("user", "assistant")[number % 2]
        if message["role"] != wanted:
            raise BadInput(f"has a message of the role {message['role']!r} where alpaca can only express {wanted!r}")
    if not messages or len(messages) % 2:
        raise BadInput("has no answer of one message, which alpaca needs")


FORMAT = Format("alpaca", "Alpaca's form", "demonstration", NEEDS, parse, render)
