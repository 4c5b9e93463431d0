"""Which test cases of a suite overlap training rows, for a person who is about to trust it: ``harness data leaks``.

    (found,) = find([Path("suites/reply")])
    found.share, found.matches[0].where          # 0.004, 'suites/reply/preferences.jsonl:170'

A folder is a suite: its cases against its own training rows and preferences. A file with ``input`` in its first row
holds cases, another one training rows in any format, which are compared with everything else that is given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from harness.data import Match, Row
from harness.data.words import words
from harness.errors import BadInput
from harness.exposure import Source, overlapping
from harness.formats.portable import training_rows
from harness.suite import Case, Cases, load_task
from harness.training.rows import Data

FEW = 3
"""Matches shown of each suite without ``--all``."""
CLIP = 160


@dataclass(frozen=True, slots=True)
class Shown:
    """A match with both texts."""

    match: Match
    case: str
    row: str


@dataclass(frozen=True, slots=True)
class Leaks:
    """One set of cases: how many test cases there are, the files they were compared with, and what overlaps, worst first."""

    name: str
    tested: int
    training: tuple[str, ...]
    found: tuple[Shown, ...]

    @property
    def share(self) -> float:
        return len(self.found) / self.tested

    @property
    def matches(self) -> list[Match]:
        return [shown.match for shown in self.found]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Cases to look at, and the training rows that are their own."""

    name: str
    cases: Collection[Case]
    sources: tuple[Source, ...] = ()


def find(paths: Sequence[Path]) -> list[Leaks]:
    """What overlaps, one entry for each suite or file of cases.

    Raises:
        BadInput: for what is neither, broken rows, cases without a test split, and when there is nothing to compare.
    """
    asked: list[_Asked] = []
    extra: list[Source] = []
    for path in paths:
        if path.is_dir():
            asked.append(_suite(path))
        elif "input" in (first := _first(path)):
            asked.append(_file(path))
        else:
            extra.append(Source(path, _data(first)))
    if not asked:
        raise BadInput(
            f"{', '.join(map(str, paths))}: holds training rows alone: name a suite folder or a file of cases too"
        )
    if not extra and not any(one.sources for one in asked):
        raise BadInput(
            f"{', '.join(map(str, paths))}: there are no training rows to compare with: name a JSONL file of them too"
        )
    return [_compared(one, (*one.sources, *extra)) for one in asked]


def lines(found: Sequence[Leaks], limit: float, *, every: bool = False) -> Iterator[str]:
    """For a terminal."""
    from harness.report.visible import visible

    for leaks in found:
        yield _said(leaks, limit)
        shown = leaks.found if every else leaks.found[:FEW]
        for one in shown:
            match = one.match
            kind = "verbatim" if match.kind == "verbatim" else f"near, {match.similarity:.0%} of its words"
            yield f"  {visible(match.case)}: {kind}, {match.where}"
            yield f"    case  {_clipped(visible(one.case))}"
            yield f"    row   {_clipped(visible(one.row))}"
        if len(shown) < len(leaks.found):
            yield f"  … and {len(leaks.found) - len(shown)} more: --all shows them"


def as_dict(found: Sequence[Leaks], limit: float) -> dict[str, Any]:
    """For a program."""
    return {"max_flagged": limit, "suites": {leaks.name: _as_dict(leaks, limit) for leaks in found}}


def _as_dict(leaks: Leaks, limit: float) -> dict[str, Any]:
    return {
        "test_cases": leaks.tested,
        "flagged": len(leaks.found),
        "share": leaks.share,
        "over": leaks.share > limit,
        "training": list(leaks.training),
        "matches": [
            {
                "case": match.case,
                "where": match.where,
                "kind": match.kind,
                "similarity": match.similarity,
                "bits": None if match.kind == "verbatim" else match.bits,
            }
            for match in leaks.matches
        ],
    }


def _said(leaks: Leaks, limit: float) -> str:
    if not leaks.training:
        return f"{leaks.name}: no training rows to compare with"
    count = len(leaks.found)
    verb = "overlaps" if count == 1 else "overlap"
    return (
        f"{leaks.name}: {count or 'none'} of {leaks.tested} test cases {verb} {', '.join(leaks.training)}"
        f" ({leaks.share:.1%}, allowed are {limit:.0%}){': TOO MANY' if leaks.share > limit else ''}"
    )


def _data(row: Mapping[str, Any]) -> Data:
    """What rows are, as their first one shows."""
    return "preferences" if "chosen" in row else "ratings" if "label" in row else "train"


def _suite(folder: Path) -> _Asked:
    task = load_task(folder)
    suite = task.suite
    sources = [Source(suite.path(suite.train))] if suite.train else []
    if suite.preferences:
        sources.append(Source(suite.path(suite.preferences), "preferences"))
    if suite.ratings:
        sources.append(Source(suite.path(suite.ratings), "ratings"))
    return _Asked(str(folder), task.cases, tuple(sources))


def _file(path: Path) -> _Asked:
    cases = Cases(path)
    if not cases.counts["test"]:
        raise BadInput(f"{path}: no case has the split 'test': only test cases can leak, add some")
    return _Asked(str(path), cases)


def _first(path: Path) -> dict[str, Any]:
    for _, row in training_rows(path):
        return row
    raise BadInput(f"{path}: is empty: give a suite folder, a JSONL file of cases or one of training rows")


def _compared(asked: _Asked, sources: Sequence[Source]) -> Leaks:
    matches = overlapping(asked.cases, chain.from_iterable(source.texts() for source in sources))
    rows = _again(sources, {match.where for match in matches.values()})
    texts = {case.id: case.input for case in asked.cases if case.id in matches}
    order = sorted(matches.values(), key=lambda match: (-match.bits, match.case))
    shown = tuple(Shown(match, texts[match.case], _part(rows[match.where], texts[match.case])) for match in order)
    tested = sum(case.split == "test" for case in asked.cases)
    return Leaks(asked.name, tested, tuple(str(source.rows) for source in sources), shown)


def _again(sources: Sequence[Source], wanted: Collection[str]) -> dict[str, Row]:
    """The rows that stand there: read a second time, so that the others need not be kept."""
    if not wanted:
        return {}
    return {row.where: row for source in sources for row in source.texts() if row.where in wanted}


def _part(row: Row, text: str) -> str:
    """The message of a row that has most of a case's words."""
    wanted = set(words(text))
    return max((*row.asked, *row.answers), key=lambda part: len(wanted.intersection(words(part))))


def _clipped(text: str) -> str:
    flat = text.replace("\n", "\\n")
    return flat if len(flat) <= CLIP else f"{flat[:CLIP]}… (+{len(flat) - CLIP} characters)"
