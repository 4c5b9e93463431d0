"""How many rows there are: in all, of each class, and in each slice.

Audit's findings ``volume``, ``classes``, ``rare classes``, ``slice product``, ``rare slices``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

from harness.data.audit.entry import Entry
from harness.data.audit.finding import CLIP, SHOWN, Finding, line
from harness.data.audit.private import masked
from harness.data.limits import Limits
from harness.plural import plural

CLASSES = 50
"""Answers, or values of a column, of more kinds than these are texts, not labels."""

NAMED = 12
"""Classes that are named with their counts."""


class Volume:
    """Counts; ``trained`` is False of cases, which nobody trains on, and of golden examples, of which a few are enough."""

    def __init__(self, limits: Limits, slices: Sequence[str] = (), *, trained: bool = True) -> None:
        self._limits, self._trained = limits, trained
        self._rows = 0
        self._pairs = 0
        self._classes = _Kinds()
        self._slices: dict[str, _Kinds] = {name: _Kinds() for name in slices}

    def add(self, entry: Entry) -> None:
        self._rows += 1
        self._pairs += entry.kind == "preference"
        self._classes.add(entry.answer)
        for name, kinds in self._slices.items():
            value = entry.more.get(name)
            kinds.add("nothing" if value is None else value if isinstance(value, str) else json.dumps(value))

    @property
    def labels(self) -> bool:
        """Whether answers are labels: few, and each of them often."""
        return 1 < len(self._classes.counts) <= min(CLASSES, self._rows // 5)

    def findings(self) -> Iterator[Finding]:
        if self._trained:
            yield self._volume()
        if self.labels:
            yield from self._balance("classes", "rare classes", self._classes)
        for name, kinds in self._slices.items():
            if kinds.many:
                told = f"has more than {CLASSES} values: it is no slice"
                yield Finding("note", f"slice {name}", told)
            else:
                yield from self._balance(f"slice {name}", f"rare in {name}", kinds)

    def _volume(self) -> Finding:
        limits, rows = self._limits, self._rows
        if self._pairs:
            return Finding(
                "fail" if rows < limits.pairs else "note",
                "volume",
                f"{plural(rows, 'pair')}: DPO needs {limits.pairs}",
                line(limits, "pairs"),
            )
        if rows < limits.examples:
            told = f"{plural(rows, 'example')}: under {limits.examples}, collect more or show examples"
            return Finding("fail", "volume", told, line(limits, "examples"))
        told = f"{plural(rows, 'example')}: {limits.examples} are the least, {limits.good} are good"
        return Finding("warn" if rows < limits.good else "note", "volume", told, line(limits, "good"))

    def _balance(self, name: str, rare: str, kinds: _Kinds) -> Iterator[Finding]:
        counts = [(masked(value)[:CLIP], count) for value, count in kinds.counts.most_common()]
        told = "; ".join(f"{count:,} {value!r}" for value, count in counts[:NAMED])
        yield Finding("note", name, f"{len(counts)}: {told}{'; …' if len(counts) > NAMED else ''}")
        few = [value for value, count in counts if count < self._limits.rare]
        if few and self._rows:
            shown = ", ".join(map(repr, few[:SHOWN])) + (", …" if len(few) > SHOWN else "")
            told = f"under {self._limits.rare} rows each: {shown}"
            yield Finding("warn", rare, told, line(self._limits, "rare"))


class _Kinds:
    """How often each value was met, as long as they are few."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    @property
    def many(self) -> bool:
        return len(self.counts) > CLASSES

    def add(self, value: str) -> None:
        if not self.many:
            self.counts[value] += 1
