"""An audit of a suite's data, or of any files of rows: ``harness data check PATH…``.

    checked = check([Path("suites/reply")], Asked())
    checked.good                                 # False: something in it fails
    checked.files[0].findings                    # (Finding('fail', 'volume', …), …)
    checked.across                               # what stands in two files, or in two splits

The rows are read once for what each of them says, once for what two of them share, once for the texts of those that are shown or nearly
the same, and once more where a model's tokens are counted. Held of a row are digests and a sketch, and of nearly the same ones the texts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from harness.data.audit import Audit, Entry, Finding, Side, by_weight
from harness.data.audit.frame import Frame
from harness.data.audit.nearly import Place, across, within
from harness.data.audit.private import masked
from harness.data.audit.reserve import Reserve
from harness.data.audit.twins import Match, Twins
from harness.data.limits import Limits
from harness.declaration import declare
from harness.errors import BadInput
from harness.experiment import Experiment
from harness.files import look, target, write
from harness.formats.recognise import Found, recognise
from harness.measures import declining_of, measures_of
from harness.suite import Suite, load_suite
from harness.tokens import Tokens
from harness.verdict.policy import load_policy

Role = Literal["train", "preferences", "ratings", "golden", "cases", "rows"]
HELD: tuple[Role, ...] = ("train", "preferences", "ratings", "golden", "cases")
UNTRAINED = ("golden", "cases")
CLIP = 400
"""Characters of a text that is shown."""

_QUOTED = re.compile(r"given (?:'[^']{58,}'|\"[^\"]{58,}\")")
"""A value in a message that may have been cut, in the midst of what nobody would recognise any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked at, and what is allowed. ``tokens`` counts in a model's tokens; ``sample`` is the seed of the rows drawn."""

    limits: Limits = field(default_factory=Limits)
    format: str | None = None
    slices: tuple[str, ...] = ()
    tokens: Tokens | None = None
    sample: int = 1


@dataclass(frozen=True)
class Report:
    """What was found in one file; ``role`` is what its suite has it for, ``rows`` where no suite does."""

    found: Found
    role: Role
    rows: int
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        return _good(self.findings)

    @property
    def path(self) -> str:
        return str(self.found.source.path)

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return {
            "path": self.path,
            "format": self.found.format.name,
            "role": self.role,
            "rows": self.rows,
            "good": self.good,
            "findings": [asdict(finding) for finding in self.findings],
        }


@dataclass(frozen=True)
class Checked:
    """All files, and what is said of several of them together."""

    files: tuple[Report, ...]
    across: tuple[Finding, ...] = ()
    drawn: Reserve = field(default_factory=lambda: Reserve(1))

    @property
    def good(self) -> bool:
        return _good(self.across) and all(report.good for report in self.files)

    def as_dict(self) -> dict[str, Any]:
        files = [report.as_dict() for report in self.files]
        return {"good": self.good, "files": files, "across": [asdict(finding) for finding in self.across]}

    def write_sample(self, path: Path, *, replace: bool = False) -> int:
        """The drawn rows to a file, to be filled in; returns how many.

        Raises:
            BadInput: when the file is there already, or cannot be written.
        """
        lines = list(self.drawn.lines())
        write(lines, target(path), replace=replace)
        return len(lines)


def allowed(experiment: Experiment | None, policy: Path | None) -> Limits:
    """What a policy allows: that of a file, the experiment's otherwise.

    Raises:
        BadInput: for a wrong policy.
    """
    if policy is not None or experiment is None:
        return load_policy(policy).data
    where = f"{experiment.folder / experiment.file}: [policy.data]"
    return declare(Limits, dict(experiment.policy.get("data", {})), where=where)


def check(paths: Sequence[Path], asked: Asked | None = None) -> Checked:
    """One report for each file; of a suite's folder, for each file that it names.

    Raises:
        BadInput: for broken rows, whose texts it shows masked.
    """
    try:
        return _Checking(asked or Asked(), [part for path in paths for part in _parts(path, asked or Asked())]).done()
    except BadInput as error:
        raise BadInput(masked(_QUOTED.sub("given […]", str(error)))) from error


@dataclass(frozen=True)
class _Part:
    """A file to look at."""

    found: Found
    role: Role
    suite: Suite | None = None

    @cached_property
    def name(self) -> str:
        return str(self.found.source.path)

    @property
    def trained(self) -> bool:
        return self.role not in UNTRAINED

    def entries(self) -> Iterator[Entry]:
        return (Entry.of(where, record) for where, record in self.found.records())


def _parts(path: Path, asked: Asked) -> list[_Part]:
    if not path.is_dir():
        found = recognise(look(path), asked.format)
        return [_Part(found, "cases" if found.format.name == "cases" else "rows")]
    suite = load_suite(path)
    named = [(role, getattr(suite, role)) for role in HELD if getattr(suite, role)]
    return [_Part(recognise(look(suite.path(name)), asked.format), role, suite) for role, name in named]


class _Checking:
    """One check, as far as it is done. A place is a file, or a split of a file of cases; its number is that of ``Match``."""

    def __init__(self, asked: Asked, parts: Sequence[_Part]) -> None:
        self.asked, self.parts = asked, parts
        self.frames = [Frame(asked.sample) for _ in parts]
        self.drawn = Reserve(asked.sample)
        self.places: dict[tuple[int, str], Place] = {}

    def done(self) -> Checked:
        audits = [self._audited(number) for number in range(len(self.parts))]
        found = [audit.findings() for audit in audits]
        matches = self._matches()
        places = list(self.places.values())
        pairs = chain.from_iterable(finding.pairs for findings in found for finding in findings)
        wanted = {where for pair in pairs for where in (pair.first.where, pair.second.where)}
        rows = self._rows(wanted.union(*((match.first, match.second) for match in matches)))
        reports = []
        for number, (part, audit) in enumerate(zip(self.parts, audits, strict=True)):
            near = (m for m in matches if m.part == m.other and places[m.part].file == number)
            findings = [
                *found[number],
                *within(
                    near, rows, self.asked.limits, count=audit.rows, bare=self.frames[number].bare, labels=audit.labels
                ),
                *self._told(part, audit.rows),
            ]
            reports.append(Report(part.found, part.role, audit.rows, _shown(findings, rows)))
        return Checked(tuple(reports), _shown(across(matches, places), rows), self.drawn)

    def _audited(self, number: int) -> Audit:
        """The first reading of a file."""
        part = self.parts[number]
        audit = Audit(
            self.asked.limits,
            slices=self.asked.slices,
            declining=declining_of(part.suite),
            measures=measures_of(part.suite) if part.suite and part.role == "preferences" else None,
            trained=part.trained,
        )
        for entry in part.entries():
            audit.add(entry)
            self.frames[number].add(entry.asked)
            if part.trained:
                self.drawn.add(entry)
        return audit

    def _matches(self) -> list[Match]:
        """The second reading: rows that ask nearly the same, in a file or in two."""
        twins = Twins(self.asked.limits.similarity)
        for number, part in enumerate(self.parts):
            for entry in part.entries():
                twins.add(entry, self._place(number, part, entry), self.frames[number])
        return list(twins.near())

    def _place(self, number: int, part: _Part, entry: Entry) -> int:
        split = str(entry.more.get("split") or "test") if part.role == "cases" else ""
        name = f"{part.name} ({split})" if split else part.name
        return self.places.setdefault(
            (number, split), Place(len(self.places), number, name, part.role == "cases")
        ).number

    def _rows(self, wanted: Collection[str]) -> dict[str, Entry]:
        """The third reading: the rows that stand at these places."""
        if not wanted:
            return {}
        return {entry.where: entry for part in self.parts for entry in part.entries() if entry.where in wanted}

    def _told(self, part: _Part, rows: int) -> list[Finding]:
        """The fourth reading, in a model's tokens."""
        if self.asked.tokens is None or not part.trained:
            return []
        return self.asked.tokens.findings(part.found, part.suite, rows)


def _shown(findings: Sequence[Finding], rows: Mapping[str, Entry]) -> tuple[Finding, ...]:
    """The worst first, with the texts of their pairs, masked."""
    pairs = [pair for finding in findings for pair in finding.pairs]
    wheres = {where for pair in pairs for where in (pair.first.where, pair.second.where)} & rows.keys()
    sides = {where: _side(rows[where]) for where in wheres}
    return by_weight(finding.filled(sides) for finding in findings)


def _side(entry: Entry) -> Side:
    answers = " ≻ ".join(masked(answer)[:CLIP] for answer in entry.answers)
    return Side(
        entry.where, masked(entry.asked)[:CLIP], answers if entry.label is None else f"{answers} ({entry.label})"
    )


def _good(findings: Sequence[Finding]) -> bool:
    return all(finding.level != "fail" for finding in findings)
