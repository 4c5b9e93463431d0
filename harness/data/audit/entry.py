"""A row as the audit sees it: its texts, without the system prompt that all rows share.

Entry.of("train.jsonl:4", record).asked                      # 'Where is my parcel?'
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from harness.formats.record import Kind, Message, Record

SHARED = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Entry:
    """``rejected`` only in a preference, ``label`` only in a rating; ``more`` are the columns beside."""

    where: str
    kind: Kind
    asked: str
    answer: str
    rejected: str | None
    label: bool | None
    prompt: str
    more: Mapping[str, Any]

    @classmethod
    def of(cls, where: str, record: Record) -> Entry:
        rejected = said(record.rejected) if record.rejected is not None else None
        prompt = said(record.asked, shared=True)
        return cls(
            where, record.kind, said(record.asked), said(record.answer), rejected, record.label, prompt, record.more
        )

    @property
    def answers(self) -> tuple[str, ...]:
        """What may be learnt: the answer, and the worse one of a preference."""
        return (self.answer,) if self.rejected is None else (self.answer, self.rejected)

    def texts(self) -> Iterator[str]:
        """All that a model would be shown, the system prompt too."""
        yield from filter(None, (self.prompt, self.asked, *self.answers))


def said(messages: tuple[Message, ...], *, shared: bool = False) -> str:
    """What is said in messages, but for system prompts; with ``shared``, in these alone."""
    found = (message.get("content", "") for message in messages if (message["role"] in SHARED) is shared)
    return "\n".join(text if isinstance(text, str) else json.dumps(text) for text in found)


def digest(*parts: str) -> bytes:
    """16 bytes that stand for texts."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def halved(text: str) -> bool:
    """Whether a text holds half a surrogate pair, which JSON can write and nothing can encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
