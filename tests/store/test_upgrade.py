"""A store of an older version: upgraded when it is written to, kept as it was, whole at every moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from harness.errors import BadInput
from harness.store import CellRow, Store, open_store
from harness.store.again import Round
from harness.store.schema import VERSION
from harness.trial import Generation, Score

# What version 2 created, to the letter.
SECOND = """
CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
CREATE TABLE cells (
    experiment VARCHAR NOT NULL, cell VARCHAR NOT NULL, suite VARCHAR NOT NULL, contender VARCHAR NOT NULL,
    technique VARCHAR NOT NULL, model VARCHAR NOT NULL, training_seed BIGINT, adapter VARCHAR,
    data_fraction DOUBLE NOT NULL);
CREATE TABLE asked (
    cell VARCHAR NOT NULL, case_id VARCHAR NOT NULL, split VARCHAR NOT NULL, cluster VARCHAR NOT NULL,
    repeat INTEGER NOT NULL, documents VARCHAR[] NOT NULL, trial_id VARCHAR NOT NULL);
CREATE TABLE prompts (
    trial_id VARCHAR NOT NULL, messages VARCHAR NOT NULL, max_new_tokens INTEGER NOT NULL,
    choices VARCHAR[] NOT NULL);
CREATE TABLE generations (
    trial_id VARCHAR NOT NULL, text VARCHAR, prompt_tokens BIGINT, output_tokens BIGINT, seconds DOUBLE,
    finish VARCHAR, error VARCHAR, cost DOUBLE);
CREATE TABLE scores (
    trial_id VARCHAR NOT NULL, metric VARCHAR NOT NULL, metric_hash VARCHAR NOT NULL, value DOUBLE, error VARCHAR,
    scored TIMESTAMP NOT NULL);
CREATE TABLE trainings (
    adapter VARCHAR PRIMARY KEY, recipe VARCHAR NOT NULL, suite VARCHAR NOT NULL, model VARCHAR NOT NULL,
    seed BIGINT NOT NULL, path VARCHAR NOT NULL, seconds DOUBLE NOT NULL, steps BIGINT NOT NULL,
    rows_in BIGINT NOT NULL, rows_kept BIGINT NOT NULL, tokens BIGINT NOT NULL, losses VARCHAR NOT NULL,
    versions VARCHAR NOT NULL);
CREATE TABLE runs (
    id VARCHAR PRIMARY KEY, experiment VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, config VARCHAR NOT NULL,
    versions VARCHAR NOT NULL, hardware VARCHAR NOT NULL, started TIMESTAMP NOT NULL, finished TIMESTAMP);
CREATE TABLE ledger (
    kind VARCHAR NOT NULL, question VARCHAR NOT NULL, model VARCHAR NOT NULL, suite VARCHAR NOT NULL,
    cases VARCHAR[] NOT NULL, content VARCHAR NOT NULL, entered TIMESTAMP NOT NULL);
CREATE VIEW trials AS SELECT * FROM cells JOIN asked USING (cell);
INSERT INTO meta VALUES ('schema_version', '2');
INSERT INTO cells VALUES ('demo', 'cell', 'triage', 'sft', 'tune', 'tiny', 7, 'a1', 1.0);
INSERT INTO asked SELECT 'cell', 'c' || i, 'test', 'k' || i, 0, ['d1'], 't' || i FROM range(500) s(i);
INSERT INTO prompts SELECT 't' || i, '[]', 8, [] FROM range(500) s(i);
INSERT INTO generations SELECT 't' || i, 'answer ' || i, 5, 2, 0.5, 'stop', NULL, 0.01 FROM range(500) s(i);
INSERT INTO scores SELECT 't' || i, 'exact', 'e1', 1.0, NULL, now()::TIMESTAMP FROM range(500) s(i);
INSERT INTO trainings VALUES ('a1', 'sft', 'triage', 'tiny', 7, 'adapters/a1', 12.5, 100, 60, 60, 900, '[]', '{}');
INSERT INTO runs VALUES ('r1', 'demo', 'f', '{}', '{}', '{}', now()::TIMESTAMP, NULL);
INSERT INTO ledger VALUES ('look', 'q', 'tiny', 'triage', ['c1'], '{"alpha": 0.05}', now()::TIMESTAMP);
"""
HOLD = """
import sys
from pathlib import Path
from unittest import mock
from harness.store import open_store
import {module}
def stop(*arguments, **named):
    print("here", flush=True)
    sys.stdin.readline()
with mock.patch("{target}", stop):
    open_store(Path(sys.argv[1]), write=True)
"""


def make(home: Path, *changes: str, sql: str = SECOND) -> Path:
    home.mkdir()
    path = home / "results.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in (sql, *changes):
            connection.execute(statement).fetchall()
    return path


def version(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        return int(connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchall()[0][0])


def shape(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        columns = (
            "SELECT table_name, column_name, column_index, data_type, is_nullable FROM duckdb_columns() ORDER BY ALL"
        )
        keys = "SELECT table_name, constraint_type, constraint_column_names FROM duckdb_constraints() ORDER BY ALL"
        return connection.execute(columns).fetchall() + connection.execute(keys).fetchall()


def check_whole(store: Store) -> None:
    """Everything of version 2 is there and can be worked with."""
    assert store.missing([f"t{i}" for i in range(501)]) == {"t500"}
    assert store.cells("demo") == [CellRow("cell", "triage", "sft", "tune", "tiny", 7, "a1", 1.0)]
    assert [row.adapter for row in store.trainings("demo")] == ["a1"]
    assert store.last_run("demo") is not None
    assert [entry.content for entry in store.ledger()] == [{"alpha": 0.05}]
    rows = store.rows("demo", metrics={"triage": {"exact": "e1"}})
    assert (rows.num_rows, rows["score"].to_pylist()) == (500, [1.0] * 500)


def test_a_writer_upgrades_it_says_so_and_keeps_it(home: Path, tmp_path: Path) -> None:
    before = make(home).read_bytes()
    said: list[str] = []
    with open_store(home, write=True, say=said.append) as store:
        check_whole(store)
        store.add_generations([Generation("t500", text="new", served="m-2026", logprob=-1.5)])
        store.add_scores([Score("t500", "exact", "e1", 0.5)])
    assert said == [
        f"{home}/results.duckdb: upgraded from schema 2 to {VERSION}; as it was it is kept as results.v2.duckdb"
    ]
    assert (home / "results.v2.duckdb").read_bytes() == before
    assert sorted(path.name for path in home.iterdir()) == ["results.duckdb", "results.lock", "results.v2.duckdb"]
    open_store(tmp_path / "fresh", write=True).close()
    assert shape(home / "results.duckdb") == shape(tmp_path / "fresh/results.duckdb")


def test_a_reader_is_told_who_upgrades_it(home: Path) -> None:
    before = make(home).read_bytes()
    with pytest.raises(BadInput, match=r"schema 2, this one reads \d\): `harness run` upgrades it and keeps a copy"):
        open_store(home, write=False)
    assert (home / "results.duckdb").read_bytes() == before


def test_a_second_open_has_nothing_to_do(home: Path) -> None:
    make(home)
    said: list[str] = []
    for _ in range(2):
        with open_store(home, write=True, say=said.append) as store:
            check_whole(store)
    assert len(said) == 1


def test_what_a_killed_writer_left_in_a_log_comes_along(home: Path) -> None:
    path = make(home)
    script = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); "
        "c.execute(\"INSERT INTO generations (trial_id, text) VALUES ('t500', 'late')\").fetchall(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.with_suffix(".duckdb.wal").exists()
    with open_store(home, write=True) as store:
        assert store.missing(["t499", "t500"]) == set()
    [old] = home.glob("results.v*.duckdb")
    with duckdb.connect(str(old), read_only=True) as connection:
        assert connection.execute("SELECT text FROM generations WHERE trial_id = 't500'").fetchall() == [("late",)]


def test_the_copy_of_an_earlier_upgrade_is_never_overwritten(home: Path) -> None:
    path = make(home)
    (home / "results.v2.duckdb").write_text("mine")
    before, said = path.read_bytes(), list[str]()
    open_store(home, write=True, say=said.append).close()
    assert (home / "results.v2.duckdb").read_text() == "mine"
    assert (home / "results.v2-2.duckdb").read_bytes() == before
    assert said[0].endswith("kept as results.v2-2.duckdb")


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("harness.store.upgrade", "harness.store.upgrade._refuse"),
        ("harness.store.upgrade", "harness.store.upgrade._keep"),
        ("harness.store.upgrade", "harness.store.upgrade.os.link"),
        ("pathlib", "pathlib.Path.replace"),
    ],
    ids=["before the copy", "after the copy", "before the old one's second name", "before the move"],
)
def test_killed_in_the_middle_the_old_store_is_there_and_the_next_writer_upgrades_it(
    home: Path, module: str, target: str
) -> None:
    path = make(home)
    before = path.read_bytes()
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", HOLD.format(module=module, target=target), str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(signal.SIGKILL)
    assert (version(path), path.read_bytes()) == (2, before)
    with open_store(home, write=True) as store:
        check_whole(store)
    assert (home / "results.v2.duckdb").read_bytes() == before
    assert sorted(home.glob("results.v2*")) == [home / "results.v2.duckdb"]


def test_without_links_the_old_one_is_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = make(home).read_bytes()

    def unsupported(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", unsupported)
    with open_store(home, write=True) as store:
        check_whole(store)
    assert (home / "results.v2.duckdb").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("ALTER TABLE scores ADD COLUMN judge VARCHAR", "scores.judge has no place any more"),
        ("ALTER TABLE scores ALTER value TYPE VARCHAR", "scores.value is VARCHAR, and DOUBLE is asked"),
        ("ALTER TABLE prompts ALTER messages DROP NOT NULL", "prompts.messages may be empty, and a value is asked"),
        ("ALTER TABLE runs DROP hardware", "it lacks runs.hardware, which is never empty"),
        ("CREATE TABLE theirs (a INTEGER)", "it has a table 'theirs', which is none of ours"),
    ],
)
def test_what_nobody_could_fill_in_is_refused(home: Path, change: str, said: str) -> None:
    path = make(home, change)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="cannot be upgraded: ") as caught:
        open_store(home, write=True)
    assert said in str(caught.value)
    assert str(caught.value).endswith("use another store, or install the version that wrote it")
    assert path.read_bytes() == before
    assert not list(home.glob("results.v2*"))


def test_a_missing_table_is_added(home: Path) -> None:
    make(home, "DROP TABLE ledger")
    with open_store(home, write=True) as store:
        assert store.ledger() == []


def test_a_damaged_one_stays_as_it_is(home: Path) -> None:
    path = make(home)
    half = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(half)
    with pytest.raises(BadInput, match=r"truncated|the file is damaged"):
        open_store(home, write=True)
    assert path.read_bytes() == half


def test_an_upgraded_store_takes_rounds(home: Path) -> None:
    make(home)
    one = Round("series", 1, "demo", "triage", "sft", "tiny", {}, datetime(2026, 12, 1))
    with open_store(home, write=True) as store:
        store.again.begin(one)
        store.again.add(one, [Generation("again", text="late", served="m-2027")], {"again": "t1"})
        store.again.finish(one)
        assert [(found.number, found.finished is None) for found in store.again.rounds("series")] == [(1, False)]
        assert {first: answer.text for first, answer in store.again.answers(one).items()} == {"t1": "late"}
        check_whole(store)
