"""Whether rows are good enough to train on: how many, how alike, how consistent, and whose.

    audit = Audit(Limits())
    for where, record in records: audit.add(Entry.of(where, record))
    audit.findings()                             # [Finding('fail', 'volume', '60 examples: …'), …]

One pass over the rows, each of which goes through every check: ``volume`` (and classes, slices), ``repeats`` (exact duplicates,
contradictions), ``form`` (JSON), ``sides`` (preferences), ``private`` (personal data, secrets), ``sizes``, ``declined`` (negative examples)
and ``made`` (synthetic rows). What is kept of a row is a digest and where it stands. Across rows and files go ``twins`` (near
duplicates), and ``rendered`` has lengths in a model's tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from harness.data.audit.declined import Declined
from harness.data.audit.entry import Entry
from harness.data.audit.finding import Finding, Level, Line, Pair, Side
from harness.data.audit.form import Form
from harness.data.audit.made import Made
from harness.data.audit.private import Private
from harness.data.audit.repeats import Repeats
from harness.data.audit.sides import Measured, Sides
from harness.data.audit.sizes import Sizes
from harness.data.audit.volume import Volume
from harness.data.limits import Limits
from harness.pattern import Pattern

__all__ = ["Audit", "Entry", "Finding", "Level", "Limits", "Line", "Measured", "Pair", "Side", "by_weight"]


class Check(Protocol):
    """One part of the audit."""

    def add(self, entry: Entry) -> None: ...

    def findings(self) -> Iterator[Finding]: ...


class Audit:
    """Findings about the rows of one file.

    Args:
        limits: What is allowed.
        slices: Columns (or tags) whose values are counted.
        declining: What answers that decline look like.
        measures: What the sides of preferences are measured by.
        trained: Whether somebody trains on these rows; nobody does on cases, and golden examples are few.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        slices: Sequence[str] = (),
        declining: Pattern | None = None,
        measures: Sequence[Measured] | None = None,
        trained: bool = True,
    ) -> None:
        self._volume = volume = Volume(limits, slices, trained=trained)
        self.rows = 0
        self._checks: tuple[Check, ...] = (
            volume,
            Repeats(limits),
            Form(limits),
            Sides(limits, measures),
            Private(limits),
            Declined(declining, lambda: volume.labels),
            Made(),
            Sizes(),
        )

    @property
    def labels(self) -> bool:
        """Whether answers are labels."""
        return self._volume.labels

    def add(self, entry: Entry) -> None:
        """Count one row."""
        self.rows += 1
        for check in self._checks:
            check.add(entry)

    def findings(self) -> list[Finding]:
        """What there is to say; ``by_weight`` puts the worst first."""
        return [finding for check in self._checks for finding in check.findings()]


def by_weight(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first."""
    return tuple(sorted(findings, key=lambda one: ("fail", "warn", "note").index(one.level)))
