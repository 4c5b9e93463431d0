"""Which cases of a suite are given away by what the contenders learn from or are shown, for a person who is about to trust it:
``harness data leaks``.

    (found,) = find([Path("suites/reply")])
    found.share("training"), found.shown[0].match.where          # 0.004, 'suites/reply/preferences.jsonl:170'

A folder is a suite: its cases against its own training rows, its golden examples and its documents. A file with ``input`` in its
first row holds cases, another one training rows in any format, which are compared with everything else that is given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args

from harness.data import Match, Row, overlaps
from harness.data.answered import answered
from harness.data.meaning import SIMILAR, Encoder, alike
from harness.data.words import words
from harness.errors import BadInput
from harness.exposure import Source
from harness.formats.portable import training_rows
from harness.plural import plural
from harness.retrieval import load_documents
from harness.suite import Case, Cases, Split, load_task
from harness.training.rows import Data

Held = Literal["training", "golden", "documents"]
HELD: tuple[Held, ...] = get_args(Held)
"""What cases are compared with."""
SPLITS: tuple[Split, ...] = ("test", "dev")
FEW = 3
"""Matches shown of each kind without ``--all``."""
CLIP = 160


@dataclass(frozen=True, slots=True)
class Meaning:
    """How what is said in other words is looked for: a model's vectors, and the least cosine."""

    encode: Encoder
    least: float = SIMILAR


@dataclass(frozen=True, slots=True)
class Shown:
    """A match with both texts; ``held`` is what the case was found in."""

    match: Match
    split: Split
    held: Held
    case: str
    row: str


@dataclass(frozen=True, slots=True)
class Leaks:
    """One set of cases: how many there are of each split, the files that they were compared with, and what was found, the test
    cases first, the worst of them first.
    """

    name: str
    counts: Mapping[str, int]
    held: Mapping[Held, tuple[str, ...]]
    shown: tuple[Shown, ...]

    def of(self, held: Held, split: Split = "test") -> tuple[Shown, ...]:
        return tuple(one for one in self.shown if (one.held, one.split) == (held, split))

    def share(self, held: Held, split: Split = "test") -> float:
        """Of the cases of a split, how many are touched."""
        return len({one.match.case for one in self.of(held, split)}) / max(self.counts[split], 1)

    @property
    def worst(self) -> float:
        """The largest share of test cases that any contender may have seen."""
        return max(self.share(held) for held in HELD)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Cases to look at, and what is their own."""

    name: str
    cases: Collection[Case]
    counts: Mapping[str, int]
    training: tuple[Source, ...] = ()
    golden: tuple[Source, ...] = ()
    documents: Path | None = None

    def sources(self, held: Held, extra: Sequence[Source]) -> tuple[Source, ...]:
        return (*self.training, *extra) if held == "training" else self.golden if held == "golden" else ()


def find(paths: Sequence[Path], *, meaning: Meaning | None = None) -> list[Leaks]:
    """What is given away, one entry for each suite or file of cases.

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
    if not extra and not any(one.training or one.golden or one.documents for one in asked):
        raise BadInput(
            f"{', '.join(map(str, paths))}: there are no training rows to compare with: name a JSONL file of them too"
        )
    return [_compared(one, extra, meaning) for one in asked]


def lines(found: Sequence[Leaks], limit: float, *, every: bool = False) -> Iterator[str]:
    """For a terminal."""
    for leaks in found:
        if not any(leaks.held.values()):
            yield f"{leaks.name}: no training rows to compare with"
        for held, split in ((held, split) for held in HELD for split in SPLITS):
            shown = leaks.of(held, split)
            if leaks.held.get(held) and (shown or split == "test"):
                yield _said(leaks, held, split, limit)
                yield from _listed(shown, every=every)


def _listed(shown: Sequence[Shown], *, every: bool) -> Iterator[str]:
    from harness.visible import visible

    few = shown if every else shown[:FEW]
    for one in few:
        yield f"  {visible(one.match.case)}: {_kind(one.match)}, {one.match.where}"
        yield f"    case  {_clipped(visible(one.case))}"
        yield f"    row   {_clipped(visible(one.row))}"
    if len(few) < len(shown):
        yield f"  … and {len(shown) - len(few)} more: --all shows them"


def _kind(match: Match) -> str:
    said = {"verbatim": "verbatim", "near": f"near, {match.similarity:.0%} of its words"}
    return said.get(match.kind, f"in other words perhaps, cosine {match.similarity:.2f}")


def as_dict(found: Sequence[Leaks], limit: float) -> dict[str, Any]:
    """For a program."""
    return {"max_flagged": limit, "suites": {leaks.name: _as_dict(leaks, limit) for leaks in found}}


def _as_dict(leaks: Leaks, limit: float) -> dict[str, Any]:
    touched = {one.match.case for one in leaks.shown if one.split == "test"}
    return {
        "test_cases": leaks.counts["test"],
        "dev_cases": leaks.counts["dev"],
        "flagged": len(touched),
        "share": len(touched) / leaks.counts["test"],
        "shares": {held: leaks.share(held) for held in HELD},
        "over": leaks.worst > limit,
        **{held: list(leaks.held.get(held, ())) for held in HELD},
        "matches": [
            {
                "case": one.match.case,
                "split": one.split,
                "in": one.held,
                "where": one.match.where,
                "kind": one.match.kind,
                "similarity": one.match.similarity,
                "bits": one.match.bits if one.match.kind == "near" else None,
            }
            for one in leaks.shown
        ],
    }


def _said(leaks: Leaks, held: Held, split: Split, limit: float) -> str:
    count, share = len(leaks.of(held, split)), leaks.share(held, split)
    one, many = ("is answered in", "are answered in") if held == "documents" else ("overlaps", "overlap")
    allowed = f", allowed are {limit:.0%}" if split == "test" else ""
    return (
        f"{leaks.name}: {count or 'none'} of {plural(leaks.counts[split], f'{split} case')} {one if count == 1 else many}"
        f" {', '.join(leaks.held[held])} ({share:.1%}{allowed})"
        f"{': TOO MANY' if split == 'test' and share > limit else ''}"
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
    golden = (Source(suite.path(suite.golden)),) if suite.golden else ()
    documents = suite.path(suite.documents) if suite.documents else None
    return _Asked(str(folder), task.cases, task.counts, tuple(sources), golden, documents)


def _file(path: Path) -> _Asked:
    cases = Cases(path)
    if not cases.counts["test"]:
        raise BadInput(f"{path}: no case has the split 'test': only test cases can leak, add some")
    return _Asked(str(path), cases, cases.counts)


def _first(path: Path) -> dict[str, Any]:
    for _, row in training_rows(path):
        return row
    raise BadInput(f"{path}: is empty: give a suite folder, a JSONL file of cases or one of training rows")


def _compared(asked: _Asked, extra: Sequence[Source], meaning: Meaning | None) -> Leaks:
    files: dict[Held, tuple[str, ...]] = {}
    shown: list[Shown] = []
    for held in HELD[:2]:
        if sources := asked.sources(held, extra):
            files[held] = tuple(str(source.rows) for source in sources)
            shown += _among(asked, held, sources, meaning)
    if asked.documents:
        files["documents"] = (str(asked.documents),)
        shown += _answered(asked, asked.documents)
    shown.sort(key=lambda one: (SPLITS.index(one.split), -one.match.bits, -one.match.similarity, one.match.case))
    return Leaks(asked.name, asked.counts, files, tuple(shown))


def _among(asked: _Asked, held: Held, sources: Sequence[Source], meaning: Meaning | None) -> Iterator[Shown]:
    """Cases that rows have, and those that rows say in other words where that is looked for."""

    def rows() -> Iterator[Row]:
        return chain.from_iterable(source.texts() for source in sources)

    matches = overlaps(asked.cases, rows())
    if meaning:
        matches = alike(asked.cases, rows(), meaning.encode, least=meaning.least) | matches
    # read a second time, so that the others need not be kept
    wanted = {match.where for match in matches.values()}
    said = {row.where: row for row in rows() if row.where in wanted} if wanted else {}
    for case in _cases(asked, matches):
        match = matches[case.id]
        yield Shown(match, case.split, held, case.input, _part(said[match.where], case.input))


def _answered(asked: _Asked, folder: Path) -> Iterator[Shown]:
    documents = {document.id: document.text for document in load_documents(folder)}
    matches = answered(asked.cases, documents)
    for case in _cases(asked, matches):
        text = _part(Row("", tuple(documents[matches[case.id].where].splitlines())), case.input)
        yield Shown(matches[case.id], case.split, "documents", case.input, text)


def _cases(asked: _Asked, matches: Collection[str]) -> Iterable[Case]:
    return (case for case in asked.cases if case.id in matches) if matches else ()


def _part(row: Row, text: str) -> str:
    """The message of a row that has most of a case's words."""
    wanted = set(words(text))
    return max((*row.asked, *row.answers), key=lambda part: len(wanted.intersection(words(part))))


def _clipped(text: str) -> str:
    flat = text.replace("\n", "\\n")
    return flat if len(flat) <= CLIP else f"{flat[:CLIP]}… (+{len(flat) - CLIP} characters)"
