"""Training rows as they are written, read into examples.

    SFT   {"messages": [{"role": "user", …}, {"role": "assistant", …}]}   or   {"prompt": "…", "completion": "…"}
    DPO   {"prompt": "…", "chosen": "…", "rejected": "…"}
    KTO   {"prompt": "…", "completion": "…", "label": true}

Other formats (`harness.formats`) are read into these. Prompts, completions, chosen and rejected are strings or lists of
messages. The loss is on the last answer: what came before it, earlier answers too, is context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.errors import BadInput
from harness.formats.portable import training_rows
from harness.trial import Message

Row = dict[str, Any]
Rows = Path | Sequence[Row]
ROLES = ("system", "user", "assistant")
Data = Literal["train", "preferences", "ratings"]
"""What rows are, named as in suite.toml."""


@dataclass(frozen=True, slots=True)
class Example:
    """What is asked, and the answers: one to learn (SFT), a better and a worse one (DPO), or one that is ``good`` or not (KTO).
    ``where`` is file:line; ``own`` are the suite's, and not the general ones that are mixed in.
    """

    messages: tuple[Message, ...]
    answers: tuple[str, ...]
    where: str
    good: bool = True
    own: bool = True


def read_rows(rows: Rows) -> list[tuple[str, Row]]:
    """(where it stands, row) of a file in any of the formats, or of rows in memory.

    Raises:
        BadInput: for a missing file or a broken line.
    """
    return list(placed(rows))


def placed(rows: Rows) -> Iterator[tuple[str, Row]]:
    """The same one after the other: a file is not held in memory."""
    if isinstance(rows, Path):
        return training_rows(rows)
    return ((f"row {number}", row) for number, row in enumerate(rows, 1))


def demonstrations(rows: Iterable[tuple[str, Row]], *, system: str = "") -> Iterator[Example]:
    """SFT examples; ``system`` is put before those that have no system prompt of their own.

    Raises:
        BadInput: naming file and line of a row that is not one.
    """
    for where, row in rows:
        if "messages" in row:
            messages = _messages(row["messages"], "messages", where)
        elif "prompt" in row and "completion" in row:
            messages = _prompt(row["prompt"], "prompt", where) + _answer(row["completion"], "completion", where)
        else:
            raise BadInput(f"{where}: given {sorted(row)}: a row needs 'messages', or 'prompt' and 'completion'")
        *asked, answer = messages
        if answer["role"] != "assistant" or not answer["content"].strip():
            raise BadInput(f"{where}: messages must end with a non-empty answer of the role 'assistant'")
        yield Example(_asked(asked, system, where), (answer["content"],), where)


def preferences(rows: Iterable[tuple[str, Row]], *, system: str = "") -> Iterator[Example]:
    """DPO examples, the chosen answer first.

    Raises:
        BadInput: naming file and line of a row that is not one, or whose answers are the same.
    """
    for where, row in rows:
        missing = [key for key in ("prompt", "chosen", "rejected") if key not in row]
        if missing:
            raise BadInput(f"{where}: given {sorted(row)}: a preference needs 'prompt', 'chosen' and 'rejected'")
        asked = _prompt(row["prompt"], "prompt", where)
        chosen, rejected = (_answer(row[key], key, where)[-1]["content"] for key in ("chosen", "rejected"))
        if chosen == rejected:
            raise BadInput(f"{where}: chosen and rejected are the same: nothing can be learnt from it")
        yield Example(_asked(asked, system, where), (chosen, rejected), where)


def ratings(rows: Iterable[tuple[str, Row]], *, system: str = "") -> Iterator[Example]:
    """KTO examples: one answer, good or not.

    Raises:
        BadInput: naming file and line of a row that is not one.
    """
    for where, row in rows:
        missing = [key for key in ("prompt", "completion", "label") if key not in row]
        if missing:
            raise BadInput(f"{where}: given {sorted(row)}: a rating needs 'prompt', 'completion' and 'label'")
        if not isinstance(row["label"], bool):
            raise BadInput(f"{where}: label: given {row['label']!r}: write true for a good answer, false for a bad one")
        asked = _prompt(row["prompt"], "prompt", where)
        answer = _answer(row["completion"], "completion", where)[-1]["content"]
        yield Example(_asked(asked, system, where), (answer,), where, good=row["label"])


def apart(pairs: Iterable[Example]) -> Iterator[Example]:
    """Preferences as ratings: the chosen answer is good, the rejected one is not."""
    for pair in pairs:
        for answer, good in zip(pair.answers, (True, False), strict=True):
            yield Example(pair.messages, (answer,), pair.where, good=good)


READERS: dict[Data, Callable[..., Iterator[Example]]] = {
    "train": demonstrations,
    "preferences": preferences,
    "ratings": ratings,
}
"""What reads rows of a kind."""


def _asked(messages: list[Message], system: str, where: str) -> tuple[Message, ...]:
    if not any(message["role"] == "user" for message in messages):
        raise BadInput(f"{where}: nothing is asked: a message of the role 'user' must come before the answer")
    if system and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": system}, *messages]
    return tuple(messages)


def _prompt(value: Any, key: str, where: str) -> list[Message]:
    return [{"role": "user", "content": value}] if isinstance(value, str) else _messages(value, key, where)


def _answer(value: Any, key: str, where: str) -> list[Message]:
    messages = [{"role": "assistant", "content": value}] if isinstance(value, str) else _messages(value, key, where)
    if len(messages) != 1 or messages[0]["role"] != "assistant" or not messages[0]["content"].strip():
        raise BadInput(f"{where}: {key}: must be a non-empty string, or one message of the role 'assistant'")
    return messages


def _messages(value: Any, key: str, where: str) -> list[Message]:
    if not isinstance(value, list) or not value:
        raise BadInput(f"{where}: {key}: given {str(value)[:60]!r}: must be a list of messages")
    for message in value:
        good = isinstance(message, dict) and message.get("role") in ROLES and isinstance(message.get("content"), str)
        if not good:
            given = str(message)[:80]
            raise BadInput(f"{where}: {key}: given {given!r}: a message has 'role' ({', '.join(ROLES)}) and 'content'")
    return [{"role": message["role"], "content": message["content"]} for message in value]
