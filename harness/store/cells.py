"""The matrix of each experiment, and what its cells ask.

experiment  cell   suite   contender  model          training_seed  adapter      cells: what stands where
default     3f9a…  triage  sft        embedded:tiny  1000           5f0c…

cell   case_id  split  repeat  trial_id                                          asked: one trial a case, for all experiments
3f9a…  t17      test   0       a81c…
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from harness.errors import BadInput
from harness.store.database import batches
from harness.store.records import CellRow, Count, to_json
from harness.trial import Trial

if TYPE_CHECKING:
    from harness.store.database import Database


def declare(database: Database, experiment: str, cells: Sequence[CellRow]) -> None:
    """Make ``cells`` the whole matrix of an experiment.

    Raises:
        BadInput: when two cells would stand in one place.
    """
    special: dict[str, Callable[[CellRow], Any]] = {"experiment": lambda cell: experiment}
    placed = _placed(cells)
    if read(database, experiment) == placed:
        return
    with database.transaction():
        database.run("DELETE FROM cells WHERE experiment = ?", [experiment])
        database.insert("cells", placed, special)


def read(database: Database, experiment: str) -> list[CellRow]:
    """The matrix of an experiment as it was declared last, in that order."""
    names = ", ".join(field.name for field in fields(CellRow))
    found = database.run(f"SELECT {names} FROM cells WHERE experiment = ? ORDER BY rowid", [experiment])
    return [CellRow(*values) for values in found]


def add_trials(database: Database, cell: str, trials: Iterable[Trial]) -> None:
    """Keep what a cell asks, a batch at a time; what a killed run left of it is taken out first."""
    messages: dict[str, Callable[[Trial], Any]] = {
        "cell": lambda trial: cell,
        "trial_id": lambda trial: trial.id,
        "messages": lambda trial: to_json(trial.messages),
    }
    database.run("DELETE FROM asked WHERE cell = ?", [cell])
    for batch in batches(trials):
        with database.transaction():
            database.insert("asked", batch, messages)
            distinct = {trial.id: trial for trial in batch}.values()
            database.insert("prompts", distinct, messages, key=("trial_id",))


def asked(database: Database, sizes: Mapping[str, int]) -> set[str]:
    """Those cells whose trials are all here; ``sizes`` says how many each has."""
    sql = "SELECT cell, count(*) FROM asked WHERE cell IN (SELECT unnest(?::VARCHAR[])) GROUP BY cell"
    return _of_size(database.run(sql, [list(sizes)]), sizes)


def complete(database: Database, sizes: Mapping[str, int]) -> set[str]:
    """Those cells that have an answer to each of their trials; ``sizes`` says how many they are."""
    sql = """
        SELECT cell, count(answered) FROM asked
        LEFT JOIN (SELECT trial_id, true AS answered FROM generations WHERE error IS NULL) USING (trial_id)
        WHERE cell IN (SELECT unnest(?::VARCHAR[])) GROUP BY cell"""
    return _of_size(database.run(sql, [list(sizes)]), sizes)


def adapters(database: Database) -> set[str]:
    """The adapters that any experiment's matrix names."""
    return {name for (name,) in database.run("SELECT DISTINCT adapter FROM cells WHERE adapter IS NOT NULL")}


def asks(database: Database, cell: str) -> set[tuple[str, int, str]]:
    """(case, repeat, trial id) of everything that a cell asks."""
    return set(database.run("SELECT case_id, repeat, trial_id FROM asked WHERE cell = ?", [cell]))


def experiments(database: Database) -> list[str]:
    """The names of all experiments that were declared."""
    return [name for (name,) in database.run("SELECT DISTINCT experiment FROM cells ORDER BY 1")]


def models(database: Database, experiment: str) -> list[str]:
    """The base models in an experiment's matrix."""
    sql = "SELECT DISTINCT model FROM cells WHERE experiment = ? ORDER BY 1"
    return [name for (name,) in database.run(sql, [experiment])]


def counts(database: Database, experiment: str) -> list[Count]:
    """How far each contender of an experiment is, by suite."""
    sql = """
        SELECT suite, contender, model, count(*), count(g.trial_id) FILTER (g.error IS NULL), count(g.error)
        FROM trials LEFT JOIN generations g USING (trial_id) WHERE experiment = ?
        GROUP BY ALL ORDER BY suite, model, contender"""
    return [Count(*values) for values in database.run(sql, [experiment])]


def _of_size(found: Sequence[tuple[str, int]], sizes: Mapping[str, int]) -> set[str]:
    return {cell for cell, count in found if count == sizes[cell]}


def _placed(cells: Sequence[CellRow]) -> list[CellRow]:
    """Each place of the matrix once."""
    places: dict[tuple[Any, ...], CellRow] = {}
    for row in cells:
        if places.setdefault(row.place, row).cell != row.cell:
            raise BadInput(
                f"suite {row.suite!r}: contender {row.contender!r} asks two different things in one place: "
                "give one of the two contenders another name"
            )
    return list(places.values())
