"""Whether rows are good enough to train on: how many, how alike, how consistent.

    audit = Audit(Limits())
    for where, record in records: audit.add(where, record)
    audit.findings()                             # [Finding('fail', 'volume', '60 examples: …'), …]

One pass over the rows; what is kept of each is a digest of its question and answer, and where it stands.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

import numpy as np
from pydantic import Field

from harness.data.advice import ENOUGH, GOOD, PAIRS
from harness.data.words import plain
from harness.declaration import Declaration
from harness.formats.record import Message, Record
from harness.plural import plural

Level = Literal["fail", "warn", "note"]
SHOWN = 5
"""Places named of each finding."""
CLASSES = 50
"""Answers of more kinds than these are texts, not labels."""
CLIP = 80


class Limits(Declaration):
    """Where rows are no longer good enough. Volumes are those of ``harness.data.advice``, with their sources; the shares are
    this project's own lines: one row in twenty that says nothing new or the opposite is worth a look before training.
    """

    duplicates: float = Field(default=0.05, ge=0, le=1)
    contradictions: float = Field(default=0.05, ge=0, le=1)
    parses: float = Field(default=0.98, ge=0, le=1)
    rare: int = Field(default=10, ge=1)
    longer: float = Field(default=0.8, ge=0.5, le=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the rows; a ``fail`` says not to train on them yet. ``places`` are the first where it shows."""

    level: Level
    name: str
    said: str
    places: tuple[str, ...] = ()


class Audit:
    """Findings about the rows of one file."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.rows = 0
        self._kinds: Counter[str] = Counter()
        self._seen: dict[bytes, str] = {}
        self._answered: dict[bytes, tuple[str, str, bytes]] = {}
        self._duplicates: list[str] = []
        self._contradictions: list[str] = []
        self._classes: Counter[str] = Counter()
        self._json: Counter[str] = Counter()
        self._broken: list[str] = []
        self._lengths = {"question": array("l"), "answer": array("l")}
        self._same: list[str] = []
        self._longer = 0

    def add(self, where: str, record: Record) -> None:
        """Count one row."""
        asked, answer = _text(record.asked), _text(record.answer)
        rejected = _text(record.rejected) if record.rejected is not None else None
        self.rows += 1
        self._kinds[record.kind] += 1
        self._repeated(where, asked, "\0".join(filter(None, (answer, rejected, str(record.label)))))
        if record.kind == "demonstration":
            self._contradicted(where, asked, answer)
        if len(self._classes) <= CLASSES:
            self._classes[answer] += 1
        self._parsed(where, answer)
        self._lengths["question"].append(len(asked))
        self._lengths["answer"].append(len(answer))
        if rejected is not None:
            self._longer += len(answer) > len(rejected)
            if answer.strip() == rejected.strip():
                self._same.append(where)

    def _repeated(self, where: str, asked: str, said: str) -> None:
        first = self._seen.setdefault(_digest(plain(asked), said), where)
        if first != where:
            self._duplicates.append(f"{where} says what {first} says")

    def _contradicted(self, where: str, asked: str, answer: str) -> None:
        mine = where, answer[:CLIP], _digest(answer.strip())
        first, said, known = self._answered.setdefault(_digest(plain(asked)), mine)
        if known != mine[2]:
            self._contradictions.append(f"{first} says {said!r}, {where} says {mine[1]!r}")

    def _parsed(self, where: str, answer: str) -> None:
        if not answer.lstrip().startswith(("{", "[")):
            return
        try:
            found = json.loads(answer)
        except (ValueError, RecursionError):
            self._json["broken"] += 1
            self._broken.append(where)
            return
        self._json[", ".join(found) if isinstance(found, dict) else "a list"] += 1

    def findings(self) -> list[Finding]:
        """What there is to say, the worst first."""
        found = [*self._volume(), *self._copies(), *self._labels(), *self._form(), *self._sides(), *self._sizes()]
        return sorted(found, key=lambda one: ("fail", "warn", "note").index(one.level))

    def _volume(self) -> list[Finding]:
        if self._kinds["preference"]:
            level: Level = "fail" if self.rows < PAIRS else "note"
            return [Finding(level, "volume", f"{plural(self.rows, 'pair')}: DPO needs {PAIRS}")]
        if self.rows < ENOUGH:
            return [
                Finding(
                    "fail", "volume", f"{plural(self.rows, 'example')}: under {ENOUGH}, collect more or show examples"
                )
            ]
        level = "warn" if self.rows < GOOD else "note"
        return [Finding(level, "volume", f"{plural(self.rows, 'example')}: {ENOUGH} are the least, {GOOD} are good")]

    def _copies(self) -> list[Finding]:
        limits = self._limits
        return [
            *self._share("duplicates", self._duplicates, "say again what another says", limits.duplicates),
            *self._share(
                "contradictions", self._contradictions, "answer otherwise what was asked before", limits.contradictions
            ),
        ]

    def _share(self, name: str, places: list[str], said: str, limit: float) -> list[Finding]:
        if not places:
            return []
        level: Level = "fail" if len(places) > limit * self.rows else "warn"
        told = f"{len(places):,} of {plural(self.rows, 'row')} {said} ({len(places) / self.rows:.1%}, allowed are {limit:.0%})"
        return [Finding(level, name, told, tuple(places[:SHOWN]))]

    def _labels(self) -> list[Finding]:
        """Balance, where answers are labels: few, and each of them often."""
        if not 1 < len(self._classes) <= min(CLASSES, self.rows // 5):
            return []
        counts = self._classes.most_common()
        told = "; ".join(f"{count:,} {name[:CLIP]!r}" for name, count in counts)
        rare = [name for name, count in counts if count < self._limits.rare]
        found = [Finding("note", "classes", f"{len(counts)}: {told}")]
        if rare:
            names = ", ".join(repr(name[:CLIP]) for name in rare)
            found.append(Finding("warn", "rare classes", f"under {self._limits.rare} rows each: {names}"))
        return found

    def _form(self) -> list[Finding]:
        """Where answers are JSON: how many parse, and whether they agree on their keys."""
        whole = self._json.total()
        if whole <= self.rows / 2:
            return []
        parses = (whole - self._json["broken"]) / self.rows
        level: Level = "fail" if parses < self._limits.parses else "note"
        found = [Finding(level, "form", f"{parses:.1%} of answers are JSON, wanted are {self._limits.parses:.0%}", tuple(self._broken[:SHOWN]))]  # fmt: skip
        schemas = [(name, count) for name, count in self._json.most_common() if name != "broken"]
        if len(schemas) > 1:
            told = "; ".join(f"{count:,} with {name}" for name, count in schemas[:SHOWN])
            found.append(Finding("warn", "schema", f"answers differ in their keys or the order of them: {told}"))
        return found

    def _sides(self) -> list[Finding]:
        if not self._kinds["preference"]:
            return []
        found = self._share("equal sides", self._same, "prefer an answer to itself", 0.0)
        share = self._longer / self.rows
        if share > self._limits.longer:
            told = f"the chosen answer is the longer one in {share:.0%} of pairs: length may be all that is learnt"
            found.append(Finding("warn", "length bias", told))
        return found

    def _sizes(self) -> list[Finding]:
        told = []
        for name, lengths in self._lengths.items():
            middle, most = (int(np.percentile(lengths, part)) for part in (50, 99)) if lengths else (0, 0)
            told.append(f"{name} {middle:,} (99% within {most:,})")
        return [Finding("note", "characters", ", ".join(told))]


def _text(messages: tuple[Message, ...]) -> str:
    """What is said in messages, but for system prompts: all rows share them."""
    said = (message.get("content", "") for message in messages if message["role"] not in ("system", "developer"))
    return "\n".join(text if isinstance(text, str) else json.dumps(text) for text in said)


def _digest(*parts: str) -> bytes:
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()
