"""What people said of answers that they read blind: one row a click, taken back by undo.

    reviewer   trial_id  other_id  drawn  score  on_left  grades                      seconds
    r5f0c9a1e  5f0c…     a81c…     even   1.0    true                                 11.2      the answer of 5f0c… is better
    r5f0c9a1e  77d0…     a81c…     even          false                                3.0       skipped
    r5f0c9a1e  5f0c…               even   0.833           {"action": 1, "calm": 1}    20.5      rated by the rubric's criteria

``reviewer`` is a pseudonym (see ``harness.review.pseudonym``). A row is about trials, whose ids change with whatever can change an
answer: of an answer that was made anew nobody has said anything yet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import starmap
from typing import TYPE_CHECKING, Literal

from harness.store.schema import TABLES

if TYPE_CHECKING:
    from harness.store.database import Database

Drawn = Literal["even", "disagree"]
"""``even``: every test case had the same chance. ``disagree``: those on which the contenders differ most."""
COLUMNS = "reviewer, trial_id, other_id, drawn, score, on_left, grades, rubric, seconds, entered"


@dataclass(frozen=True, slots=True)
class Review:
    """One decision of one reviewer.

    Attributes:
        reviewer: a pseudonym.
        trial: id of the answer that ``score`` is of.
        other: id of the answer that it was compared with; None where one answer was rated.
        drawn: how its case came to be looked at.
        score: 1 better, 0.5 a tie, 0 worse; of a rated answer its weighted mean; None where it was skipped.
        on_left: whether ``trial`` stood on the left of the two.
        grades: criterion → score, where it was rated.
        rubric: fingerprint of the criteria that it was rated by.
        seconds: for how long it was looked at; None where both answers were the same and nobody was asked.
        entered: UTC.
    """

    reviewer: str
    trial: str
    other: str | None = None
    drawn: Drawn = "even"
    score: float | None = None
    on_left: bool | None = None
    grades: Mapping[str, int] | None = None
    rubric: str | None = None
    seconds: float | None = None
    entered: datetime = field(default_factory=lambda: datetime.now(UTC).replace(tzinfo=None))


def add(database: Database, reviews: Sequence[Review]) -> None:
    """Keep reviews, all or none; a reviewer's earlier one of the same answers is replaced. On disk when this returns."""
    with database.transaction():
        database.run(f"CREATE TABLE IF NOT EXISTS reviews ({TABLES['reviews']})")
        for one in reviews:
            _delete(database, one)
            grades = None if one.grades is None else json.dumps(one.grades, sort_keys=True)
            values = [one.reviewer, one.trial, one.other, one.drawn, one.score, one.on_left, grades, one.rubric]
            database.run(
                f"INSERT INTO reviews ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [*values, one.seconds, one.entered],
            )


def withdraw(database: Database, reviews: Sequence[Review]) -> None:
    """Take reviews back, all or none."""
    with database.transaction():
        for one in reviews:
            _delete(database, one)


def read(database: Database) -> list[Review]:
    """All reviews, first to last; none where nothing was ever reviewed."""
    if not database.run("SELECT 1 FROM information_schema.tables WHERE table_name = 'reviews'"):
        return []
    found = database.run(f"SELECT {COLUMNS} FROM reviews ORDER BY rowid")
    return [replace(one, grades=json.loads(str(one.grades))) if one.grades else one for one in starmap(Review, found)]


def _delete(database: Database, one: Review) -> None:
    database.run(
        "DELETE FROM reviews WHERE reviewer = ? AND trial_id = ? AND other_id IS NOT DISTINCT FROM ? AND drawn = ?",
        [one.reviewer, one.trial, one.other, one.drawn],
    )
