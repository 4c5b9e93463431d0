"""What GitHub Actions is told: annotations beside the gates that are not held, a table on the run's page, and no word from a model.

    ::stop-commands::5f0c…
    … all that pytest prints, answers of models included …
    ::5f0c…::
    ::error file=suites/triage/suite.toml,line=17,title=labels are right[sft]::lost: json_exact of sft is 0.700, at most 0.760 …

GitHub obeys lines of a log that look like its commands, so that it is told to stop reading them before anything is shown.
Registered where ``GITHUB_ACTIONS`` is ``true``; https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.gate.node import CouldNotMeasure, GateItem

SUMMARY = "GITHUB_STEP_SUMMARY"
MOST = 512 * 1024
"""Bytes of a summary; GitHub takes 1 MiB of a step, and the report wants room too."""
ORDER = {"lost": 0, "not measured": 1, "held": 2, "tried": 3}


@dataclass(frozen=True, slots=True)
class Told:
    """How a gate ended: its file and line, its name with the contender, and one sentence."""

    path: Path
    line: int
    name: str
    how: str
    said: str

    def command(self, root: Path) -> str:
        """The annotation; a path outside the checkout is given whole."""
        place = self.path.relative_to(root) if self.path.is_relative_to(root) else self.path
        about = f"file={_property(str(place))},line={self.line},title={_property(self.name)}"
        return f"::error {about}::{_data(self.said)}"


@dataclass
class Talk:
    """One session's."""

    token: str = field(default_factory=lambda: secrets.token_hex(16))
    gates: list[Told] = field(default_factory=list)


talk = pytest.StashKey[Talk]()


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[talk] = Talk()
    _print(session.config, f"::stop-commands::{session.config.stash[talk].token}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if isinstance(item, GateItem) and (report.when == "call" or (report.when == "setup" and not report.passed)):
        item.config.stash[talk].gates.append(_told(item, call, report))
    return report


def pytest_unconfigure(config: pytest.Config) -> None:
    """After the last line of pytest's own: commands are read again, and given."""
    told = config.stash.get(talk, None)
    if told is None:
        return
    _print(config, f"::{told.token}::")
    root = Path(os.environ.get("GITHUB_WORKSPACE", Path.cwd()))
    for gate in told.gates:
        if gate.how in ("lost", "not measured"):
            _print(config, gate.command(root))
    if told.gates and os.environ.get(SUMMARY):
        with Path(os.environ[SUMMARY]).open("a", encoding="utf-8") as file:
            file.write(summary(told.gates))


def summary(gates: list[Told]) -> str:
    """The gates as Markdown, what is not held first."""
    from harness.report.markdown import escaped, table

    rows = [
        (gate.how, escaped(gate.path.parent.name), escaped(gate.name), escaped(gate.said))
        for gate in sorted(gates, key=lambda gate: ORDER[gate.how])
    ]
    held = sum(gate.how == "held" for gate in gates)
    head = [f"## Gates: {held} of {len(gates)} held", ""]
    return "\n".join(_cut([*head, *table(("", "suite", "gate", "what was seen"), rows)])) + "\n\n"


def _cut(lines: list[str]) -> Iterator[str]:
    size = 0
    for number, line in enumerate(lines):
        size += len(line.encode()) + 1
        if size > MOST:
            yield f"\n… and {len(lines) - number} more gates, which are in the log."
            return
        yield line


def _told(item: GateItem, call: pytest.CallInfo[None], report: pytest.TestReport) -> Told:
    said = dict(item.user_properties).get("said", "")
    how = "held" if report.passed else "tried" if report.skipped else "lost"
    if call.excinfo is not None and not report.skipped and not said:
        how = "not measured" if call.excinfo.errisinstance(CouldNotMeasure) else "lost"
        said = (str(call.excinfo.value).splitlines() or [call.excinfo.typename])[0]
    return Told(item.path, _line(item), item.name, how, str(said))


def _line(item: GateItem) -> int:
    """Where the gate is declared: the line that says its name, or the first."""
    lines = item.path.read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if line.startswith("name") and item.gate.name in line), 1)


def _print(config: pytest.Config, line: str) -> None:
    """To the log itself: what tests print is captured, this is not."""
    writer = config.get_terminal_writer()
    writer.line(line)
    writer.flush()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
