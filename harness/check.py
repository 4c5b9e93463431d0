"""An audit of a suite's data, or of any file of rows: ``harness data check PATH…``.

(report,) = check([Path("train.jsonl")])
report.good                                  # False: something in it fails
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.data.audit import Audit, Finding, Limits
from harness.errors import BadInput
from harness.files import look
from harness.formats.recognise import Found, recognise
from harness.report.visible import line
from harness.suite import load_suite

HELD = ("train", "preferences", "ratings")


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one file."""

    found: Found
    rows: int
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        return all(finding.level != "fail" for finding in self.findings)

    def lines(self) -> Iterator[str]:
        """For a terminal; rows are hostile data."""
        verdict = "good enough" if self.good else "NOT GOOD ENOUGH"
        yield f"{self.found.source.path}: {self.found.said}: {verdict}"
        for finding in self.findings:
            yield f"  {finding.level}  {finding.name}: {line(finding.said)}"
            yield from (f"          {line(place)}" for place in finding.places)

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        return {
            "path": str(self.found.source.path),
            "format": self.found.format.name,
            "rows": self.rows,
            "good": self.good,
            "findings": [asdict(finding) for finding in self.findings],
        }


def check(paths: Sequence[Path], *, format_: str | None = None, limits: Limits | None = None) -> list[Report]:
    """One report for each file; of a suite's folder, for each file that it trains on.

    Raises:
        BadInput: for broken rows, or a suite that names no data to train on.
    """
    return [_report(recognise(look(file), format_), limits or Limits()) for path in paths for file in _files(path)]


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    suite = load_suite(path)
    named = [name for name in (getattr(suite, key, None) for key in HELD) if name]
    if not named:
        raise BadInput(
            f"{path / 'suite.toml'}: names no data to train on: give 'train' or 'preferences', or name a file"
        )
    return [suite.path(name) for name in named]


def _report(found: Found, limits: Limits) -> Report:
    audit = Audit(limits)
    for where, record in found.records():
        audit.add(where, record)
    return Report(found, audit.rows, tuple(audit.findings()))
