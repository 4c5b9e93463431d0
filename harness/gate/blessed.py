"""A champion's scores, recorded in its suite's folder: what a gate with ``over = "blessed"`` compares with.

suites/triage/blessed.jsonl
    {"format": 1, "contender": "sft", "technique": "tune", "model": "Qwen/Qwen2.5-1.5B-Instruct", "experiment": "demo",
     "seeds": [1, 2, 3], "metrics": {"json_exact": "5f2c0a…"}, "at": "2026-11-04 10:15:00 UTC"}
    {"case": "t-0017", "content": "9b1d44…", "scores": {"json_exact": [1.0, 1.0, 0.0]}, "flagged": false}

``metrics`` has each metric's hash, ``content`` is the fingerprint of a case's input, reference and choices: what is no longer what
it was is not compared. One score a training seed, in the order of ``seeds``; one where nothing was trained.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import model_validator

from harness.contender import Technique
from harness.declaration import Declaration, declare, read_jsonl
from harness.errors import BadInput, Incomplete
from harness.files.draft import draft
from harness.files.parse import strict
from harness.fingerprint import fingerprint
from harness.metrics import Metric
from harness.plural import plural
from harness.suite import BLESSED, BLESSED_FILE, Case, Suite
from harness.verdict import Rows
from harness.verdict.board import Scores

FORMAT = 1
SHARED = 0.5
"""The least share of today's test cases that must be in the file as they are."""


class Head(Declaration):
    """The first line: whose scores these are, and how they were made."""

    format: int
    contender: str
    technique: Technique
    model: str
    experiment: str
    seeds: tuple[int, ...] = ()
    metrics: dict[str, str]
    at: str

    @model_validator(mode="after")
    def _readable(self) -> Head:
        if self.format != FORMAT:
            raise ValueError(f"given format {self.format}: this version reads format {FORMAT}: record it again")
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds: given {list(self.seeds)}: each training has a seed of its own")
        return self


class Line(Declaration):
    """The scores of one case, (seeds or 1,) each."""

    case: str
    content: str
    scores: dict[str, tuple[float, ...]]
    flagged: bool = False


@dataclass(frozen=True)
class Champion:
    """What the file holds."""

    path: Path
    head: Head
    lines: Mapping[str, Line]

    def refuse_other(self, metric: Metric, cases: Sequence[Case]) -> None:
        """Nothing, where today's test cases can be compared by a metric.

        Raises:
            Incomplete: when the metric was not recorded or is another one now, or fewer than half of the cases are as they were.
        """
        again = f"record it again: harness bless {self.path.parent.name}=CONTENDER"
        hashed = self.head.metrics.get(metric.name)
        if hashed is None:
            raise Incomplete(f"{self.path}: no {metric.name!r} was recorded of {self.head.contender!r}: {again}")
        if hashed != metric.hash:
            raise Incomplete(f"{self.path}: {metric.name!r} is another metric now than when it was recorded: {again}")
        asked = [case for case in cases if metric.covers(case)]
        shared = sum(self._has(case, metric.name) for case in asked)
        if shared < SHARED * len(asked) or not shared:
            raise Incomplete(
                f"{self.path}: only {shared:,} of {plural(len(asked), 'test case')} are as they were when it was recorded: {again}"
            )

    def scores(self, metric: Metric, cases: Sequence[Case], rows: Rows, suite: str) -> Scores:
        """Its scores of the cases that are still as they were, among the rows of today's contenders."""
        codes = {name: code for code, name in enumerate(rows.cases) if rows.clusters[suite][code] >= 0}
        kept = {codes[c.id]: self.lines[c.id] for c in cases if self._has(c, metric.name) and c.id in codes}
        order = sorted(kept)
        values = np.array([kept[code].scores[metric.name] for code in order]).T
        flagged = np.array([kept[code].flagged for code in order])
        head = self.head
        return Scores(
            f"{BLESSED} {head.contender}",
            BLESSED,
            head.technique,
            head.seeds,
            np.array(order, dtype=np.int64),
            np.ascontiguousarray(values),
            flagged,
            {},
        )

    def _has(self, case: Case, metric: str) -> bool:
        line = self.lines.get(case.id)
        return line is not None and line.content == content(case) and metric in line.scores


def content(case: Case) -> str:
    """Fingerprint of what is asked and what is right."""
    return fingerprint(case.input, case.reference, list(case.choices))


def load_champion(suite: Suite, metrics: Mapping[str, Metric]) -> Champion:
    """What was recorded in a suite's folder.

    Raises:
        Incomplete: when nothing was.
        BadInput: naming the line that is broken.
    """
    path = suite.path(BLESSED_FILE)
    if not path.exists():
        raise Incomplete(f"{path}: no such file: nothing was blessed yet: harness bless {suite.name}=CONTENDER")
    numbered = read_jsonl(path, parse=strict)
    number, first = next(numbered, (1, {}))
    head = declare(Head, first, where=f"{path}:{number}")
    lines: dict[str, Line] = {}
    for number, values in numbered:
        where = f"{path}:{number}"
        line = declare(Line, values, where=where)
        _check(line, head, metrics, where)
        if line.case in lines:
            raise BadInput(f"{where}: case: given {line.case!r}, which stands on an earlier line too")
        lines[line.case] = line
    return Champion(path, head, lines)


def _check(line: Line, head: Head, metrics: Mapping[str, Metric], where: str) -> None:
    count = len(head.seeds) or 1
    for name, scores in line.scores.items():
        if name not in head.metrics:
            raise BadInput(f"{where}: scores.{name}: the first line has no hash of {name!r}: record it again")
        if len(scores) != count:
            raise BadInput(
                f"{where}: scores.{name}: given {plural(len(scores), 'score')}: it needs {count}, one a seed"
            )
        amount = name in metrics and metrics[name].amount
        odd = [score for score in scores if not (-np.inf < score <= 0 if amount else 0 <= score <= 1)]
        if odd:
            allowed = "a number of at most 0" if amount else "a share from 0 to 1"
            raise BadInput(f"{where}: scores.{name}: given {odd[0]!r}: a score is {allowed}")


def write_champion(path: Path, head: Head, lines: Iterable[Line], *, dry: bool = False) -> bool:
    """Write what is recorded, whole or not at all; a file that holds the same is left as it is. Whether anything changed."""
    told = [_told(head), *map(_told, lines)]
    if _unchanged(path, told):
        return False
    if not dry:
        with draft(path, replace=True) as unfinished:
            unfinished.write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
    return True


def _told(declared: Declaration) -> str:
    return json.dumps(declared.model_dump(mode="json"))  # in ASCII: whoever reads a diff of it is not misled


def _unchanged(path: Path, told: Sequence[str]) -> bool:
    try:
        there = path.read_text(encoding="utf-8").splitlines()
        return there[1:] == told[1:] and _timeless(there[0]) == _timeless(told[0])
    except (OSError, ValueError, IndexError):
        return False


def _timeless(head: str) -> dict[str, Any]:
    return {key: value for key, value in json.loads(head).items() if key != "at"}
