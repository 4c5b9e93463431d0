"""Answers to read, as plain values: which cases are shown, and what was said to them.

Browse(cases=(Asked("t1", "test", "Where is it?", "quent"),), attempts=(Attempt("sft", "t1", 1.0, …),), …)
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.report.layer import Layer


@dataclass(frozen=True, slots=True)
class Said:
    """One distinct answer to a case and the training seeds that gave it (none for an untrained contender)."""

    text: str
    seeds: tuple[int, ...]
    score: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One contender's answers to one case: mean score, prompt as (role, content), retrieved documents as (id, text)."""

    contender: str
    case: str
    score: float | None
    said: tuple[Said, ...]
    prompt: tuple[tuple[str, str], ...]
    documents: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A case to browse."""

    id: str
    split: str
    input: str
    expected: str


@dataclass(frozen=True, slots=True)
class Flips:
    """How many cases a contender fixes (right where the baseline is wrong) and breaks, of those that both answered."""

    contender: str
    layer: Layer
    fixed: int
    broken: int
    n: int


@dataclass(frozen=True, slots=True)
class Browse:
    """A bounded choice of cases with the attempts at them; ``flips`` compare everybody with ``baseline``."""

    contenders: tuple[tuple[str, Layer], ...] = ()
    cases: tuple[Asked, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    tuned: str | None = None
    baseline: str | None = None
    total: int = 0
    flips: tuple[Flips, ...] = ()
