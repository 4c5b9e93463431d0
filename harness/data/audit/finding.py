"""What an audit says: findings, each with the line that it was held against, and the rows where it shows.

Finding("warn", "near duplicates", "12 of 600 rows say nearly what another says (2.0%)", Line("data.near_duplicates", 0.15, "…"),
        pairs=(Pair(Side("train.jsonl:4", "Where …"), Side("train.jsonl:90", "Where …")),))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from harness.data.limits import Limits
from harness.plural import plural

T = TypeVar("T")
Level = Literal["fail", "warn", "note"]
SHOWN = 5
"""Places and pairs named of each finding."""
CLIP = 80
"""Characters of a label or a key that are shown."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a finding was held against: a key of a policy or a recipe, its value, and where that comes from."""

    key: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class Side:
    """A row of a pair; its text is masked, and empty until it was read again."""

    where: str
    asked: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows to be read side by side, the earlier one first."""

    first: Side
    second: Side
    similarity: float = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about the rows; a ``fail`` says not to train on them yet. ``places`` and ``pairs`` are the first where it shows."""

    level: Level
    name: str
    said: str
    line: Line | None = None
    places: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()

    def filled(self, texts: Mapping[str, Side]) -> Finding:
        """The finding with the texts of its pairs."""
        sides = [(texts.get(p.first.where, p.first), texts.get(p.second.where, p.second)) for p in self.pairs]
        pairs = (replace(p, first=a, second=b) for p, (a, b) in zip(self.pairs, sides, strict=True))
        return replace(self, pairs=tuple(pairs))


class First(Generic[T]):
    """The first of what was met, and how many there were."""

    def __init__(self) -> None:
        self._kept: list[T] = []
        self.count = 0

    @property
    def kept(self) -> tuple[T, ...]:
        return tuple(self._kept)

    def add(self, one: T) -> None:
        self.count += 1
        if len(self._kept) < SHOWN:
            self._kept.append(one)


def line(limits: Limits, key: str) -> Line:
    """A limit as it is said."""
    return Line(f"data.{key}", getattr(limits, key), limits.source(key))


def plain_share(count: int, of: int) -> str:
    """``12 of 600 rows (2.0%) are``."""
    return f"{count:,} of {plural(of, 'row')} ({count / of:.1%}) are"


def share(
    limits: Limits,
    key: str,
    found: First[str] | First[Pair],
    of: int,
    said: str,
    *,
    name: str | None = None,
    noun: str = "row",
) -> list[Finding]:
    """A finding about a share of rows, which fails above its limit; none where there is no such row.

    Args:
        limits: What is allowed.
        key: Which limit; ``name`` is the finding's, where it is another.
        found: The places or pairs where it shows.
        of: How many rows there are.
        said: What those rows do.
        noun: What rows are called.
    """
    many = found.count
    if not many:
        return []
    limit: float = getattr(limits, key)
    told = f"{many:,} of {plural(of, noun)} {said} ({many / of:.1%}, allowed are {100 * limit:.3g}%)"
    places = tuple(one for one in found.kept if isinstance(one, str))
    pairs = tuple(one for one in found.kept if isinstance(one, Pair))
    level: Level = "fail" if many > limit * of else "warn"
    return [Finding(level, name or key.replace("_", " "), told, line(limits, key), places, pairs)]
