"""What every importer makes of a tool's log: runs, each with the answers that one model gave to one task.

    Logged(path="logs/2026-11-22T11-55_towns.eval", suite="towns", labels={"model": ("vllm/sft-0",)}, answers=[
        Answer("…: sample 'town-03'", "town-03", "town-03", scores={"match": 1.0}, usage={"output_tokens": 4.0}), …])

Nothing is chosen or scaled here: which metric counts, and who the contender is, is said by the plan (`plan.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

LONGEST = 300


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Where a score should be: why there is none. Becomes a row with ``error``."""

    why: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """Where a score should be: something that is no number. Refused when that metric is chosen."""

    given: str


Value = float | Unmeasured | Unusable


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to one case.

    ``where`` names it in messages. ``content`` tells questions apart: two answers of a run with one ``case`` and two
    contents are a wrong case id, with one content they are repeats (numbered by ``repeat``, or in their order). An
    answer that has an ``error`` and no scores was asked for every metric.
    """

    where: str
    case: str
    content: str
    scores: Mapping[str, Value]
    error: str | None = None
    repeat: int | None = None
    cluster: str | None = None
    usage: Mapping[str, float] = field(default_factory=dict)
    judged: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Logged:
    """One run as a tool wrote it.

    ``suite`` is the tool's name of the task; ``labels`` are what a map's patterns are matched with; ``falling`` are
    metrics of which the tool says that less is better; ``default`` is the metric taken when none is asked for.
    """

    path: str
    suite: str | None
    labels: Mapping[str, tuple[str, ...]]
    answers: Sequence[Answer]
    falling: frozenset[str] = frozenset()
    default: str | None = None

    @property
    def name(self) -> str:
        """The file, and what tells this run from the others in it."""
        inside = " × ".join(self.labels[key][-1] for key in ("provider", "prompt") if key in self.labels)
        return f"{self.path} ({brief(inside)})" if inside else self.path


@dataclass(frozen=True, slots=True)
class Keys:
    """Fields of the tool's own cases that identify them and name their source; None means the tool's own id."""

    case: str | None = None
    cluster: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool's logs: which files of a folder are its own, how one is read, and what its runs are labelled with."""

    name: str
    labels: tuple[str, ...]
    files: Callable[[Path], Iterable[Path]]
    read: Callable[[Path, Keys], Iterator[Logged]]
    hint: str


def value(given: Any) -> Value:
    """A score as a float; NaN and null were not measured, anything else is unusable."""
    if given is None:
        return Unmeasured("no score in the log")
    if not isinstance(given, bool | int | float):
        return Unusable(brief(repr(given)))
    try:
        number = float(given)
    except OverflowError:
        return Unusable(brief(str(given)))
    return number if isfinite(number) else Unmeasured(f"the score in the log is {number}")


def brief(said: Any, longest: int = LONGEST) -> str:
    """One line that can be shown and stored, whatever a log holds: half surrogates escaped, no control characters."""
    text = " ".join(str(said).split()).encode("utf-8", "backslashreplace").decode()
    text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def usage(**given: Any) -> dict[str, float]:
    """The numbers among them that are finite and not negative; the rest was not measured."""
    found = {name: value(number) for name, number in given.items()}
    return {name: number for name, number in found.items() if isinstance(number, float) and number >= 0}


def names(cases: Iterable[Answer]) -> list[str]:
    """Metrics in the order in which they first occur."""
    return list(dict.fromkeys(name for answer in cases for name in answer.scores))
