"""The ledger: lines that are added, never changed; and which test cases were scored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from harness.store import Store, open_store
from harness.store.ledger import Entry
from harness.trial import Generation, Score, Trial
from tests.store.conftest import declare


def entry(kind: Any, number: int, **content: Any) -> Entry:
    return Entry(kind, "q", "m", "triage", ("c1", "c2"), content, datetime(2026, 11, 20, 9, number))


def test_lines_come_back_as_they_were_entered(store: Store) -> None:
    assert store.ledger() == []
    lock, first, second = (
        entry("lock", 1, terms={"margin": 0.03, "n_max": None}, late=False),
        entry("look", 2, rows="a", alpha=0.05),
        entry("look", 3, rows="b", alpha=0.05 * 6 / 3.141592653589793**2 / 4),
    )
    store.enter([lock])
    store.enter([first, second])
    assert store.ledger() == [lock, first, second]


def test_a_clock_that_is_set_back_turns_nothing_round(home: Path) -> None:
    """The lock that holds is the last one: were lines ordered by their times, an earlier one would take its place."""
    lines = [entry("lock", minute, terms={"margin": minute}, late=False) for minute in (50, 10, 30)]
    for line in lines:
        with open_store(home, write=True) as store:
            store.enter([line])
    with open_store(home, write=True) as store:
        assert store.ledger() == lines
        first, second = (store.start_run("demo", {"seed": seed}, {}, {}) for seed in (1, 2))
        store._database.run("UPDATE runs SET started = started - INTERVAL 3 YEAR WHERE id = ?", [second])
        last = store.last_run("demo")
    assert first != second
    assert last is not None
    assert last.id == second


def test_a_line_is_stamped_when_it_is_made(store: Store) -> None:
    store.enter([Entry("look", "q", "m", "triage", (), {})])
    (found,) = store.ledger()
    assert found.cases == ()
    assert abs((found.entered - datetime.now()).total_seconds()) < 24 * 3600


def test_lines_stay_when_the_store_is_closed(home: Path) -> None:
    with open_store(home, write=True) as store:
        store.enter([entry("look", 1, rows="a")])
    with open_store(home, write=False) as store:
        assert [line.content["rows"] for line in store.ledger()] == ["a"]


def test_a_store_from_before_the_ledger(home: Path) -> None:
    open_store(home, write=True).close()
    with duckdb.connect(str(home / "results.duckdb")) as connection:
        connection.execute("DROP TABLE ledger").fetchall()
    with open_store(home, write=False) as store:
        assert store.ledger() == []
    with open_store(home, write=True) as store:
        store.enter([entry("look", 1, rows="a")])
        assert len(store.ledger()) == 1


def test_tested_are_the_scored_test_cases(store: Store, trial: Callable[..., Trial]) -> None:
    trials = [trial(1), trial(2), trial(3, split="dev"), trial(4), trial(5, suite="other")]
    declare(store, "demo", trials)
    store.add_generations([Generation(t.id, "x") for t in trials])
    assert store.tested("triage", trials[0].model) == set()
    store.add_scores([Score(t.id, "exact_match", "h", 1.0) for t in (trials[0], trials[2], trials[4])])
    store.add_scores([Score(trials[1].id, "exact_match", "h", None, "broken")])
    assert store.tested("triage", trials[0].model) == {trials[0].case_id}
    assert store.tested("triage", "another") == set()
