"""A throw-away copy of the working tree, in which a protection can be missing for a while.

with Tree(ROOT) as tree, tree.without(removal.changes):
    tree.test(["tests/report/test_html.py::test_hostile_text_is_escaped"], seconds=120)
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.protections.removal import Change

PASSED, SKIPPED, HUNG = "passed", "skipped", "hung"


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of a test: ``test`` with what it was given, such as ``tests/test_a.py::test_b[c]``, and ``said``, which is
    ``passed``, ``skipped`` or the message of its failure.
    """

    test: str
    said: str

    @property
    def bad(self) -> bool:
        return self.said not in (PASSED, SKIPPED)

    def of(self, named: str) -> bool:
        """Whether it is a run of the named test, or of any in the named file."""
        return self.test == named or self.test.startswith((f"{named}[", f"{named}::"))


class Tree:
    """A copy of all that Git knows or would take up."""

    def __init__(self, root: Path) -> None:
        self._made = tempfile.TemporaryDirectory(prefix="protections-", ignore_cleanup_errors=True)
        self.folder = Path(self._made.name) / "tree"
        for name in _files(root):
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target)

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.cleanup()

    @contextmanager
    def without(self, changes: Sequence[Change]) -> Iterator[None]:
        """The copy with the changes made, which are taken back.

        Raises:
            ValueError: when an old text stands there never or more than once.
        """
        before = {change.file: (self.folder / change.file).read_text(encoding="utf-8") for change in changes}
        try:
            for change in changes:
                path = self.folder / change.file
                self._write(path, changed(path.read_text(encoding="utf-8"), change))
            yield
        finally:
            for file, text in before.items():
                self._write(self.folder / file, text)

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        # Python takes compiled code for current by size and second: a removal of as many letters would not be seen
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def test(self, tests: Sequence[str], *, seconds: float) -> list[Ran]:
        """Run them in a process of its own; ``hung`` where that does not come to an end."""
        report = self.folder.parent / "report.xml"
        report.unlink(missing_ok=True)
        env = {**os.environ, "PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": ""}
        command = [sys.executable, "-m", "pytest", "-q", "-m", "exhaustive or not exhaustive", f"--junitxml={report}"]
        with (self.folder.parent / "log").open("w+", encoding="utf-8") as log:
            ran = subprocess.Popen(
                [*command, *tests], cwd=self.folder, env=env, stdout=log, stderr=log, start_new_session=True
            )
            try:
                ran.wait(timeout=seconds)
            except subprocess.TimeoutExpired:
                os.killpg(ran.pid, signal.SIGKILL)
                ran.wait()
                return [Ran(test, HUNG) for test in tests]
            log.seek(0)
            return _read(report) if report.is_file() else [Ran(test, log.read()[-400:]) for test in tests]


def changed(text: str, change: Change) -> str:
    """The text after a change.

    Raises:
        ValueError: as ``Tree.without``.
    """
    if (count := text.count(change.old)) != 1:
        raise ValueError(f"{change.file}: stands there {count} times: {change.old!r}")
    return text.replace(change.old, change.new)


def _files(root: Path) -> list[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    named = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode().split("\0")
    return [name for name in named if name and (root / name).is_file()]


def _read(report: Path) -> list[Ran]:
    """What pytest wrote down of every test."""
    return [
        Ran(f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}", _said(case))
        for case in ET.parse(report).getroot().iter("testcase")
    ]


def _said(case: ET.Element) -> str:
    for kind, before in (("error", "error: "), ("failure", "")):
        if (wrong := case.find(kind)) is not None:
            return f"{before}{wrong.get('message', '')}"
    return SKIPPED if case.find("skipped") is not None else PASSED
