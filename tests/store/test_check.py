"""What is wrong within a store is found, each by its name; a sound one has nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from harness.errors import BadInput
from harness.store import Store, open_store
from harness.trial import Generation, Score, Training, Trial
from tests.store.conftest import declare

Make = Callable[..., Trial]
Answered = Callable[..., list[Generation]]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, trial: Make, answered: Answered) -> Path:
    """Two contenders on four cases, answered and scored; a tuned one with its training."""
    home = tmp_path_factory.mktemp("template") / "home"
    with open_store(home, write=True) as store:
        fill(store, trial, answered)
    return home


@pytest.fixture
def filled(template: Path, home: Path) -> Path:
    return Path(shutil.copytree(template, home))


def fill(store: Store, trial: Make, answered: Answered) -> None:
    trials = [trial(i) for i in range(4)] + [trial(i, contender="sft", adapter="a1", training_seed=7) for i in range(4)]
    declare(store, "demo", trials)
    store.add_generations(answered(*trials))
    store.add_scores([Score(t.id, "exact", "e1", 1.0) for t in trials])
    store.add_training(Training("a1", "sft", "triage", "tiny", 7, "a1", 2.0, 3, 4, 4, 50, [(1, 2.5, 0.1, 1.0)]))
    store.finish_run(store.start_run("demo", {"name": "demo", "seed": 1, "share": 0.5}, {}, {}))


def spoil(home: Path, sql: str) -> None:
    with duckdb.connect(str(home / "results.duckdb")) as connection:
        connection.execute(sql).fetchall()


def test_a_sound_store_has_nothing(filled: Path) -> None:
    with open_store(filled, write=False) as store:
        assert store.findings() == []


@pytest.mark.parametrize(
    ("sql", "kind", "count", "broken"),
    [
        ("INSERT INTO generations SELECT * FROM generations LIMIT 2", "twice", 2, True),
        ("INSERT INTO scores SELECT * FROM scores LIMIT 1", "twice", 1, True),
        ("INSERT INTO asked SELECT * FROM asked LIMIT 1", "twice", 1, True),
        ("INSERT INTO cells SELECT * FROM cells LIMIT 1", "twice", 1, True),
        ("DELETE FROM prompts WHERE rowid = 0", "no-prompt", 1, True),
        ("DELETE FROM generations WHERE rowid < 3", "no-answer", 3, True),
        ("UPDATE generations SET text = NULL, error = 'time-out' WHERE rowid < 2", "no-answer", 2, True),
        ("UPDATE generations SET text = NULL WHERE rowid = 0", "says-nothing", 1, True),
        ("UPDATE generations SET error = 'and this' WHERE rowid = 0", "says-nothing", 1, True),
        ("UPDATE scores SET value = 'nan' WHERE rowid = 0", "says-nothing", 1, True),
        ('UPDATE runs SET config = \'{"name": "other"}\'', "fingerprint", 1, True),
        ("DELETE FROM asked WHERE cell = (SELECT min(cell) FROM cells)", "not-asked", 1, False),
        ("UPDATE runs SET finished = NULL", "not-finished", 1, False),
    ],
)
def test_what_is_wrong_is_named(filled: Path, sql: str, kind: str, count: int, broken: bool) -> None:
    spoil(filled, sql)
    with open_store(filled, write=False) as store:
        found = {finding.kind: finding for finding in store.findings()}
    assert (found[kind].count, found[kind].broken) == (count, broken)
    assert found[kind].examples


def test_a_damaged_page_is_refused_in_one_sentence(home: Path) -> None:
    with open_store(home, write=True) as store:
        store.add_generations([Generation(f"t{i}", text=f"{i * 7919}" * 90) for i in range(3_000)])
    path = home / "results.duckdb"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = b"\x55" * 4096
    path.write_bytes(content)
    with open_store(home, write=False) as store, pytest.raises(BadInput, match="cannot be read or written as a store"):
        store.findings()
