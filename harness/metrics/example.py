"""Graded examples in a rubric: what a judge is shown before it grades, so that its scale is the rubric's author's.

    ## Examples

    Asked: My oven hums.

    > We will send a technician on Tuesday, Mira. Orrin and Vale

    - `action` 1: The first words say what will be done.
    - `calm` 2: Plain.

Under the heading ``Examples`` a quotation is an answer, and each line below it a criterion's score and the reason for it, which may
be left out. ``Asked:`` may say what was asked. Every criterion has its score in every example; prose between them is free.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import BadInput, suggest
from harness.metrics.rubric import Criterion, sections

_ASKED = re.compile(r"Asked:\s*(?P<text>.*)")
_SCORE = re.compile(r"[-*]\s+`(?P<id>[^`]+)`\s+(?P<score>\d{1,3})\s*(?::\s*(?P<reason>.*))?")


@dataclass(frozen=True, slots=True)
class Grade:
    """One criterion's score in an example, and why."""

    score: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """An answer with its grades, one for every criterion in the rubric's order; ``asked`` is empty where nobody says it."""

    answer: str
    grades: tuple[tuple[str, Grade], ...]
    asked: str = ""


@dataclass(slots=True)
class _Draft:
    """An example as far as it was read."""

    where: str
    asked: str = ""
    answer: list[str] = field(default_factory=list)
    grades: dict[str, Grade] = field(default_factory=dict)


def load_examples(path: Path, criteria: Sequence[Criterion]) -> tuple[Example, ...]:
    """The examples of a rubric, in order; none where it has no such section.

    Raises:
        BadInput: naming file and line, for scores without an answer, a score off its scale, and a criterion that is unknown,
            missing or graded twice.
    """
    named = {criterion.id: criterion for criterion in criteria}
    return tuple(_example(draft, named) for draft in _drafts(path, named))


def _drafts(path: Path, named: dict[str, Criterion]) -> Iterator[_Draft]:
    draft: _Draft | None = None
    for where, line in sections(path, examples=True):
        asked, begins = _ASKED.fullmatch(line), line.startswith((">", "Asked:"))
        if begins and (draft is None or draft.grades):
            if draft is not None:
                yield draft
            draft = _Draft(where)
        if draft is not None and asked:
            draft.asked = asked["text"]
        elif draft is not None and line.startswith(">"):
            draft.answer.append(line[1:].removeprefix(" "))
        elif line[0] in "-*" and not line.startswith("**"):
            _grade(draft, named, line, where)
    if draft is not None:
        yield draft


def _grade(draft: _Draft | None, named: dict[str, Criterion], line: str, where: str) -> None:
    match = _SCORE.fullmatch(line)
    if match is None:
        raise BadInput(f"{where}: given {line!r}: write a criterion's score in an example as - `id` 4: the reason")
    if draft is None or not draft.answer:
        raise BadInput(f"{where}: a score without an answer: quote the answer above it, with > before each line")
    name, score = match["id"], int(match["score"])
    if name not in named:
        raise BadInput(f"{where}: no criterion {name!r}: {suggest(name, named)}")
    if name in draft.grades:
        raise BadInput(f"{where}: {name!r} is graded twice in one example: keep one line")
    try:
        named[name].share(score)
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error
    draft.grades[name] = Grade(score, (match["reason"] or "").strip())


def _example(draft: _Draft, named: dict[str, Criterion]) -> Example:
    missing = [name for name in named if name not in draft.grades]
    if missing:
        raise BadInput(f"{draft.where}: this example has no score of {missing[0]!r}: add a line - `{missing[0]}` 4: …")
    return Example("\n".join(draft.answer), tuple((name, draft.grades[name]) for name in named), draft.asked)
