"""Logs that the tools really wrote (tests/data/imports), and what an import made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from harness.importers import Destination, Summary, import_logs
from harness.importers.plan import load_plan

LOGS = Path(__file__).parent.parent / "data" / "imports"

Imported = list[dict[str, Any]]


@pytest.fixture
def imported(tmp_path: Path) -> Callable[..., Imported]:
    """``imported("inspect", path, metric="match")``: the rows of one run, a prompt's on test unless said otherwise."""

    def run(tool: str, *paths: Path, map: str | None = None, **options: Any) -> Imported:
        if map is None:
            options = {"contender": "zero_shot", "technique": "prompt", "split": "test"} | options
        else:
            (tmp_path / "runs.toml").write_text(map, encoding="utf-8")
        plan, where = load_plan(tmp_path / "runs.toml" if map else None, **options)
        out = tmp_path / "rows.parquet"
        done = import_logs(tool, paths, plan, Destination(out, replace=True), where=where)
        assert isinstance(done, Summary)
        table = parquet.read_table(out)
        assert done.rows == table.num_rows
        return table.to_pylist()

    return run


def only(rows: Imported, **wanted: Any) -> dict[str, Any]:
    """The one row with these values."""
    (found,) = (row for row in rows if all(row.get(name) == value for name, value in wanted.items()))
    return found
