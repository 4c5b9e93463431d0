"""Stores that are exported, taken in and written anew: nothing twice, nothing lost, and what differs is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from harness.errors import BadInput, Incomplete, StoreBusy
from harness.store import open_store
from harness.store.compact import compact
from harness.store.ledger import Entry
from harness.store.merge import Merged
from harness.store.reviews import Review
from harness.store.submission import Batch
from harness.trial import Generation, Score, Trial
from tests.store.conftest import declare
from tests.store.test_check import fill, spoil
from tests.store.test_open import held

Make = Callable[..., Trial]
Answered = Callable[..., list[Generation]]
QUIET: Any = lambda line: None  # noqa: E731


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, trial: Make, answered: Answered) -> Path:
    home = tmp_path_factory.mktemp("template") / "home"
    with open_store(home, write=True) as store:
        fill(store, trial, answered)
        store.add_generations([Generation("reply", text='{"score": 3}')])
        store.add_reviews([Review("r1", "x", score=1.0), Review("r1", "y", other="x", score=None)])
        store.enter([Entry("lock", "q", "tiny", "triage", ("c",), {"late": False})])
        store.add_batch(Batch("b1", "m", ("t",)))
    return home


@pytest.fixture
def filled(template: Path, home: Path) -> Path:
    return Path(shutil.copytree(template, home))


def content(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows, but for where adapters lie."""
    with duckdb.connect(str(home / "results.duckdb"), read_only=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        left_out = {"trainings": "* EXCLUDE (path)"}
        return {
            t: connection.execute(f"SELECT {left_out.get(t, '*')} FROM {t} ORDER BY ALL").fetchall() for t in tables
        }


def take(home: Path, source: Path, **options: Any) -> dict[str, Merged]:
    with open_store(home, write=True) as store:
        return {one.table: one for one in store.merge(source, say=QUIET, **options)}


def export(home: Path, out: Path, **options: Any) -> Path:
    with open_store(home, write=False) as store:
        store.export(out, **options)
    return out


# --- export and import


@pytest.mark.parametrize("by", ["parquet", "store", "folder"])
def test_there_and_back_is_the_same_and_a_second_time_changes_nothing(filled: Path, tmp_path: Path, by: str) -> None:
    sources = {"store": filled / "results.duckdb", "folder": filled}
    source = export(filled, tmp_path / "out") if by == "parquet" else sources[by]
    other = tmp_path / "other"
    taken = take(other, source)
    assert content(other) == content(filled)
    assert taken["generations"] == Merged("generations", new=9, known=0)
    again = take(other, source)
    assert all(one.new == one.replaced == one.contested == 0 for one in again.values())
    assert content(other) == content(filled)


def test_an_adapter_lies_where_the_store_is(filled: Path, tmp_path: Path) -> None:
    take(tmp_path / "other", filled)
    with open_store(tmp_path / "other", write=False) as store:
        assert [t.path for t in store.trainings()] == [str(tmp_path / "other/adapters/a1")]


def test_an_experiments_part_alone(filled: Path, tmp_path: Path, trial: Make, answered: Answered) -> None:
    with open_store(filled, write=True) as store:
        others = [trial(i, suite="reply", id=f"other{i}") for i in range(3)]
        declare(store, "other", others)
        store.add_generations(answered(*others))
        store.add_scores([Score(one.id, "exact", "e1", 1.0) for one in others])
        run = store.start_run("demo", {"name": "demo", "seed": 2}, {}, {})
    part = export(filled, tmp_path / "part", experiment="demo")
    told = json.loads((part / "manifest.json").read_text())
    assert told["experiment"] == "demo"
    assert {t: told["rows"][t] for t in ("asked", "generations", "scores", "trainings", "runs")} == {
        "asked": 8, "generations": 8, "scores": 8, "trainings": 1, "runs": 2,
    }  # fmt: skip
    assert "batches" not in told["rows"]
    of_run = json.loads((export(filled, tmp_path / "run", run=run) / "manifest.json").read_text())
    assert (of_run["experiment"], of_run["rows"]["runs"], of_run["rows"]["asked"]) == ("demo", 1, 8)
    assert pq.read_table(part / "generations.parquet").column_names[0] == "trial_id"


def test_two_peoples_stores_become_one(filled: Path, tmp_path: Path, trial: Make, answered: Answered) -> None:
    """Rows of both, each once; an error gives way to an answer; what differs stays as it was here, and is named."""
    theirs = tmp_path / "theirs"
    with open_store(theirs, write=True) as store:
        fill(store, trial, answered)
        more = [trial(i) for i in range(4, 7)]
        declare(store, "hers", more)
        store.add_generations(answered(*more))
        store.add_scores([Score(t.id, "exact", "e1", 0.0) for t in more])
    first, second = trial(0).id, trial(1).id
    spoil(theirs, f"UPDATE generations SET text = 'otherwise' WHERE trial_id = $${first}$$")
    spoil(theirs, "UPDATE scores SET metric_hash = 'e2', value = 0.5")
    spoil(filled, f"UPDATE generations SET text = NULL, error = 'time-out' WHERE trial_id = $${second}$$")
    spoil(filled, f"DELETE FROM scores WHERE trial_id = $${second}$$")
    taken = take(filled, theirs)
    assert (taken["generations"].new, taken["generations"].replaced) == (3, 1)
    assert (taken["generations"].contested, taken["generations"].examples) == (1, (first,))
    with open_store(filled, write=False) as store:
        assert store.replies([first, second]) == {first: ("billing", None, None), second: ("billing", None, None)}
        assert store.experiments() == ["demo", "hers"]
        assert store.missing([t.id for t in more]) == set()
        assert not [f for f in store.findings() if f.broken]
    found = content(filled)["scores"]
    assert (first, "e2") not in {(row[0], row[2]) for row in found}, "their score is of an answer that is not here"
    assert (second, "e2") in {(row[0], row[2]) for row in found}


def test_a_matrix_that_both_have_otherwise_stays_and_is_named(filled: Path, tmp_path: Path, trial: Make) -> None:
    theirs = tmp_path / "theirs"
    with open_store(theirs, write=True) as store:
        declare(store, "demo", [trial(9, contender="golden")])
    before = content(filled)["cells"]
    taken = take(filled, theirs)
    assert (taken["cells"].contested, taken["cells"].examples) == (1, ("demo",))
    assert content(filled)["cells"] == before
    assert taken["asked"].new == 1, "what was asked comes along: the next run finds it"


def test_a_look_before_taking(filled: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    open_store(other, write=True).close()
    before = content(other)
    assert take(other, filled, dry_run=True)["scores"].new == 8
    assert content(other) == before


def test_ledgers_are_put_together_without_turning_either(home: Path, tmp_path: Path) -> None:
    """A clock that was set back between two lines does not change which came first."""

    def line(what: str, year: int) -> Entry:
        return Entry("look", what, "tiny", "triage", ("c",), {}, datetime(year, 1, 1))

    theirs = tmp_path / "theirs"
    with open_store(home, write=True) as store:
        store.enter([line("ours-1", 2024), line("ours-2", 2020), line("both", 2026)])
    with open_store(theirs, write=True) as store:
        store.enter([line("theirs-1", 2023), line("theirs-2", 2025), line("both", 2026)])
    assert take(home, theirs)["ledger"] == Merged("ledger", new=2, known=1)
    with open_store(home, write=False) as store:
        assert [entry.question for entry in store.ledger()] == ["theirs-1", "ours-1", "ours-2", "theirs-2", "both"]


def test_files_that_other_programs_wrote(tmp_path: Path) -> None:
    """Several files a table, a few of the tables, and columns that may be empty left out."""
    folder = tmp_path / "spool"
    (folder / "generations").mkdir(parents=True)
    (folder / "manifest.json").write_text('{"kind": "tuneworthy store", "schema": 3}')
    with duckdb.connect() as connection:
        for i in range(2):
            out = folder / f"generations/worker-{i}.parquet"
            connection.execute(
                f"COPY (SELECT 'w{i}' || n AS trial_id, 'x' AS text FROM range(5) s(n)) TO '{out}'"
            ).fetchall()
    assert take(tmp_path / "home", folder)["generations"].new == 10


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (lambda out: (out / "manifest.json").unlink(), "neither an export of a store nor a store"),
        (lambda out: (out / "manifest.json").write_text("{"), "manifest.json cannot be read"),
        (lambda out: (out / "manifest.json").write_text('{"kind": "other", "schema": 3}'), "given 'other'"),
        (
            lambda out: (out / "manifest.json").write_text('{"kind": "tuneworthy store", "schema": 99}'),
            r"written by a newer harness \(schema 99, this one reads 5\): pip install -U tuneworthy",
        ),
        (lambda out: os.truncate(out / "scores.parquet", 600), "cannot be read or written as a store|scores.parquet"),
        (
            lambda out: (out / "scores.parquet").write_bytes((out / "asked.parquet").read_bytes()),
            "'scores' lacks metric",
        ),
        (
            lambda out: (out / "manifest.json").write_text(
                '{"kind": "tuneworthy store", "schema": 3, "rows": {"scores": 9}}'
            ),
            "'scores' has 8 rows, and its manifest says 9",
        ),
    ],
)
def test_what_is_no_export_is_refused_and_nothing_is_taken(
    filled: Path, tmp_path: Path, spoilt: Callable[[Path], Any], said: str
) -> None:
    out, other = export(filled, tmp_path / "out"), tmp_path / "other"
    spoilt(out)
    with pytest.raises((BadInput, Incomplete), match=said):
        take(other, out)
    assert not any(rows for table, rows in content(other).items() if table != "meta")


def test_stores_that_cannot_be_taken_in(filled: Path, tmp_path: Path) -> None:
    with open_store(filled, write=True) as store, pytest.raises(BadInput, match="this is the store that it would be"):
        store.merge(filled, say=QUIET)
    other = tmp_path / "bytes.jsonl"
    other.write_bytes(bytes(range(256)))
    with pytest.raises(
        BadInput, match=r"bytes\.jsonl: cannot be read or written as a store: .* not a valid DuckDB database file"
    ):
        take(tmp_path / "other", other)
    spoil(filled, "UPDATE meta SET value = '99'")
    with pytest.raises(BadInput, match="written by a newer harness"):
        take(tmp_path / "other", filled)
    spoil(filled, "UPDATE meta SET value = '3'")
    spoil(filled, "INSERT INTO scores SELECT * FROM scores LIMIT 2")
    with pytest.raises(BadInput, match="table 'scores' has 2 rows twice"):
        take(tmp_path / "other", filled)
    with held(filled, "write"), pytest.raises(StoreBusy):
        take(tmp_path / "other", filled)


def test_an_export_goes_into_a_new_folder(filled: Path, tmp_path: Path) -> None:
    export(filled, tmp_path / "out")
    with pytest.raises(BadInput, match="is there already"):
        export(filled, tmp_path / "out")
    with pytest.raises(BadInput, match="cannot be written: No such file"):
        export(filled, tmp_path / "no" / "out")
    with pytest.raises(Incomplete, match="no experiment 'dem' in this store: did you mean 'demo'"):
        export(filled, tmp_path / "new", experiment="dem")
    assert not (tmp_path / "new").exists()


# --- compact


def test_a_file_without_the_room_of_what_was_deleted(filled: Path) -> None:
    with open_store(filled, write=True) as store:
        store.add_generations([Generation(f"t{i}", text=f"{i * 7919}" * 90, served="old") for i in range(6_000)])
    with open_store(filled, write=True) as store:
        assert store.forget("old")[0] == 6_000
    before = content(filled)
    done = compact(filled)
    assert done.after < done.before / 1.5
    assert done.after == (filled / "results.duckdb").stat().st_size
    assert content(filled) == before
    assert sorted(path.name for path in filled.iterdir()) == ["results.duckdb", "results.lock"]
    with open_store(filled, write=True) as store:
        assert store.cells("demo")
        assert [e.question for e in store.ledger()] == ["q"]


def test_a_store_in_use_is_not_compacted(filled: Path) -> None:
    with held(filled, "read"), pytest.raises(StoreBusy, match="another process is reading"):
        compact(filled)
    with pytest.raises(Incomplete, match="no results yet"):
        compact(filled / "none")


STOPPED = """
import sys
from pathlib import Path
from unittest import mock
from harness.store import compact
def stop(*arguments):
    print("here", flush=True)
    sys.stdin.readline()
with mock.patch("harness.store.compact._same", stop):
    compact.compact(Path(sys.argv[1]))
"""


def test_killed_while_it_compacts(filled: Path) -> None:
    before = content(filled)
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", STOPPED, str(filled)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
    assert content(filled) == before
    compact(filled)
    assert content(filled) == before


def test_a_file_that_came_out_otherwise_is_thrown_away(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.errors import HarnessError
    from harness.store import compact as module

    def otherwise(draft: duckdb.DuckDBPyConnection, table: str) -> int:
        if table == "scores":
            draft.execute("DELETE FROM scores WHERE trial_id = (SELECT min(trial_id) FROM scores)").fetchall()
        return real(draft, table)

    real = module._same
    monkeypatch.setattr(module, "_same", otherwise)
    before = (filled / "results.duckdb").read_bytes()
    with pytest.raises(HarnessError, match="table 'scores' came out otherwise"):
        compact(filled)
    assert (filled / "results.duckdb").read_bytes() == before
    assert sorted(path.name for path in filled.iterdir()) == ["results.duckdb", "results.lock"]


def test_an_import_that_fails_in_the_middle_takes_nothing(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def struck(*_: object) -> None:
        raise KeyboardInterrupt

    other = tmp_path / "other"
    open_store(other, write=True).close()
    before = content(other)
    monkeypatch.setattr("harness.store.merge._matrices", struck)
    with pytest.raises(KeyboardInterrupt):
        take(other, filled)
    assert content(other) == before


def test_an_export_of_a_newer_harness_is_refused(filled: Path, tmp_path: Path) -> None:
    out = export(filled, tmp_path / "out")
    told = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps(told | {"schema": 99}))
    with pytest.raises(BadInput, match=r"written by a newer harness \(schema 99, this one reads"):
        take(tmp_path / "other", out)


def test_an_export_appears_when_it_is_whole(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, dumps, seen = tmp_path / "out", json.dumps, []

    def watched(*given: Any, **named: Any) -> str:
        seen.append(out.exists())
        return dumps(*given, **named)

    monkeypatch.setattr("harness.store.parcel.json.dumps", watched)
    export(filled, out)
    assert seen == [False]
    assert out.exists()


def test_what_a_killed_writer_left_in_a_log_is_compacted_too(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("harness.store.database.due", lambda path, *, closing: False)
        with open_store(filled, write=True) as store:
            store.add_generations([Generation("late", text="x")])
    assert (filled / "results.duckdb.wal").stat().st_size > 0
    compact(filled)
    assert not (filled / "results.duckdb.wal").exists()
    with open_store(filled, write=False) as store:
        assert store.missing(["late"]) == set()


def test_an_error_of_ours_takes_no_score_of_another_answer(
    filled: Path, tmp_path: Path, trial: Make, answered: Answered
) -> None:
    theirs, first = tmp_path / "theirs", trial(0).id
    with open_store(theirs, write=True) as store:
        fill(store, trial, answered)
    spoil(theirs, f"UPDATE generations SET text = 'otherwise' WHERE trial_id = $${first}$$")
    spoil(filled, f"UPDATE scores SET value = NULL, error = 'gave none' WHERE trial_id = $${first}$$")
    before = content(filled)["scores"]
    take(filled, theirs)
    assert content(filled)["scores"] == before
