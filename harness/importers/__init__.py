"""Other tools' results as rows for the verdict.

    harness import lm-eval runs/ --map runs.toml --out rows.parquet
    harness verdict --scores rows.parquet --policy policy.toml

A new tool is one module here with a `Tool`, and one line in `TOOLS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from harness.arrow import plain
from harness.errors import BadInput
from harness.importers.answer import Logged, Tool
from harness.importers.plan import Identity, Plan, check_labels, check_used, identify, told
from harness.importers.row import Row, rows
from harness.importers.summary import Summary, summarise
from harness.importers.table import to_table, write, writer
from harness.verdict.rows import load_rows
from harness.verdict.source import read_table

TOOLS: Mapping[str, str] = {
    "lm-eval": "harness.importers.lm_eval:TOOL",
    "inspect": "harness.importers.inspect_ai:TOOL",
    "promptfoo": "harness.importers.promptfoo:TOOL",
}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where rows go: a new file, one to be added to, or one to be replaced."""

    path: Path
    append: bool = False
    replace: bool = False


def import_logs(tool: str, paths: Sequence[Path], plan: Plan, out: Destination, *, where: str = "options") -> Summary:
    """Read a tool's logs, check the rows as the verdict would, and write them; nothing is written when anything is wrong.

    Args:
        tool: a key of `TOOLS`.
        paths: logs, or folders of them.
        plan: who gave the answers (`harness.importers.plan`).
        out: the rows' file.
        where: what messages about the plan begin with, such as the map's path.

    Raises:
        BadInput: for anything wrong in logs, plan or rows.
    """
    writer(out.path)
    if out.path.exists() and not (out.append or out.replace):
        raise BadInput(f"--out {out.path}: is there already: --append adds to it, --replace writes it anew")
    reading = _Reading(load_tool(tool), plan, where)
    table = to_table(reading.rows(paths))
    if out.append and out.path.exists():
        kept = plain(read_table(out.path)[0])
        table = pa.concat_tables([kept, table], promote_options="default")
    try:
        load_rows(table, name=str(out.path))
    except BadInput as error:
        raise BadInput(f"{error}{reading.hint(error)}") from error
    write(table, out.path)
    return summarise(table)


def load_tool(name: str) -> Tool:
    """A tool by its name."""
    module, _, attribute = TOOLS[name].partition(":")
    return cast("Tool", getattr(import_module(module), attribute))


class _Reading:
    """One pass over the logs, a run at a time, and which runs it met."""

    def __init__(self, tool: Tool, plan: Plan, where: str) -> None:
        check_labels(plan, tool.labels, tool.name, where)
        self.tool, self.plan, self.where = tool, plan, where
        self.named: dict[tuple[Any, ...], list[str]] = {}

    def rows(self, paths: Sequence[Path]) -> Iterator[Row]:
        used: list[str] = []
        seen: list[str] = []
        for path in files(self.tool, paths):
            for logged in self.tool.read(path, self.plan.keys):
                table, identity = identify(logged, self.plan, self.where)
                used.append(table)
                seen.append(told(logged))
                if identity is not None:
                    self._note(logged, identity)
                    yield from rows(logged, identity)
        check_used(self.plan, used, seen, self.where)

    def _note(self, logged: Logged, who: Identity) -> None:
        key = (who.contender, who.suite, who.training_seed, who.data_fraction, who.repeat)
        self.named.setdefault(key, []).append(logged.name)

    def hint(self, error: BadInput) -> str:
        """Where duplicate rows come from: two logs that were taken for the same run, or an import done twice."""
        if "same answer" not in str(error):
            return ""
        for (contender, suite, *_), logs in self.named.items():
            if len(logs) > 1:
                return f"\n{logs[0]} and {logs[1]} were both read as {contender!r} on {suite!r}"
        return "\nthe file may hold these logs already"


def files(tool: Tool, paths: Iterable[Path]) -> Iterator[Path]:
    """The logs among files and folders, each once, those of a folder sorted.

    Raises:
        BadInput: for a path that is not there, or a folder without any.
    """
    given: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            raise BadInput(f"{path}: no such file or folder")
        found = sorted(tool.files(path)) if path.is_dir() else [path]
        if not found:
            raise BadInput(f"{path}: no {tool.name} logs in this folder: {tool.hint}")
        given |= dict.fromkeys(found)
    yield from given


__all__ = ["TOOLS", "Destination", "Plan", "Summary", "import_logs"]
