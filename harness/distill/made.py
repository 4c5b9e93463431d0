"""What came of it, or what it would take, for a person and for a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.plural import plural
from harness.progress.console import clock
from harness.progress.expense import Bill
from harness.verdict.economics.memo import usd


@dataclass(frozen=True, slots=True)
class Distilled:
    """Rows that were written. ``left`` says how many were left out, and why; ``spent`` is all that this command paid, ``cost``
    what the rows that were written cost their teacher, whenever they were paid for, in USD (None where nobody knows).
    """

    out: Path
    teacher: str
    rows: int
    read: int
    invented: int
    left: Mapping[str, int]
    spent: float
    cost: float | None
    notes: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        yield f"{plural(self.read, 'input')} read" + (
            f", {self.invented:,} written by {self.teacher}" if self.invented else ""
        )
        yield from (f"left out, {why}: {count:,}" for why, count in self.left.items())
        yield from self.notes
        cost = "" if self.cost is None else f", which cost {usd(self.cost)}; {usd(self.spent)} was paid now"
        yield f"wrote {self.out}: {plural(self.rows, 'row')} by {self.teacher}{cost}"

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self) | {"out": str(self.out), "left": dict(self.left), "notes": list(self.notes)}


@dataclass(frozen=True, slots=True)
class Estimate:
    """What would be asked: ``new`` questions for inputs, ``answers`` and ``gradings``, and what that may cost; ``stored`` answers
    are there already. ``seconds`` is what it takes where the teacher runs here and the store knows its pace.
    """

    read: int
    left: Mapping[str, int]
    new: int
    answers: int
    gradings: int
    stored: int
    seconds: float | None
    bills: tuple[Bill, ...]

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        yield f"{plural(self.read, 'input')} read"
        yield from (f"left out, {why}: {count:,}" for why, count in self.left.items())
        if self.new:
            yield f"{plural(self.new, 'question')} for new inputs, more where their answers bring too few"
        yield f"{plural(self.answers, 'answer')} to ask for" + (f", {self.stored:,} are stored" if self.stored else "")
        if self.gradings:
            yield f"at most {plural(self.gradings, 'grading')} of them"
        if self.seconds is not None:
            yield f"about {clock(self.seconds)} at the pace measured on this store"
        yield from (bill.said for bill in self.bills)

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return asdict(self) | {"left": dict(self.left), "bills": [asdict(bill) for bill in self.bills]}
