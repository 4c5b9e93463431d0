"""What is taken out, and which tests must then fail: one table a subject, in the TOML files beside this.

    [[removal]]
    name = "escaping"
    page = "docs/security.md"                       # where the protection is promised,
    stands = "everything in the report is escaped"  # in these words
    file = "harness/report/html.py"
    old = "autoescape=True,"                        # stands there once
    new = "autoescape=False,"
    tests = ["tests/report/test_html.py::test_hostile_text_is_escaped"]

``also`` has further changes where one alone removes nothing, ``fails`` the beginning of a failure that is no assertion, ``slow`` is
true of what takes minutes.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
ASSERTED = r"(AssertionError|assert |Failed: )"
"""How the message of a failed assertion begins, and that of an error that was awaited and never came."""


@dataclass(frozen=True, slots=True)
class Change:
    """Text of a file, and what takes its place."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Removal:
    """A protection and how it is removed; each of ``tests`` must then fail, as ``fails`` says."""

    name: str
    page: str
    stands: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
    fails: str = ASSERTED
    slow: bool = False

    def failed(self, message: str) -> bool:
        """Whether a test's failure is the one that is awaited, and no mistake of the removal's own."""
        return re.match(self.fails, message) is not None


def removals(folder: Path = FOLDER) -> list[Removal]:
    """All of them, file by file."""
    return [
        _removal(said)
        for path in sorted(folder.glob("*.toml"))
        for said in tomllib.loads(path.read_text(encoding="utf-8"))["removal"]
    ]


def _removal(said: dict[str, Any]) -> Removal:
    changes = [{key: said.pop(key) for key in ("file", "old", "new")}, *said.pop("also", [])]
    return Removal(**{**said, "changes": tuple(Change(**one) for one in changes), "tests": tuple(said["tests"])})
