"""What was asked again later, round by round, apart from what verdicts are made of: ``store.again``.

    id     series  number  experiment  suite   contender  model          started           finished           rounds
    c01d…  77ab…   1       default     triage  zero_shot  openai:gpt-…   2026-12-01 06:00  2026-12-01 06:04

    round  first  trial_id  text      served              rescores: trial_id  metric  metric_hash  value      reanswers
    c01d…  5f0c…  e41a…     billing   gpt-…-2026-11-20              e41a…     exact…  3f9a…        1.0

A series is one contender's question, cases and round 0 included; ``first`` is the trial of round 0 that is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from harness.fingerprint import fingerprint
from harness.store import submission
from harness.store.records import from_json, to_json
from harness.trial import Generation, Score

if TYPE_CHECKING:
    from harness.store.database import Database

NAMES = "id, series, number, experiment, suite, contender, model, versions, started, finished"
FIELDS = ", ".join(one.name for one in fields(Generation))


@dataclass(frozen=True, slots=True)
class Round:
    """One time that a series was asked again: ``number`` counts from 1, ``finished`` is None while answers are missing."""

    series: str
    number: int
    experiment: str
    suite: str
    contender: str
    model: str
    versions: Mapping[str, str]
    started: datetime
    finished: datetime | None = None

    @property
    def id(self) -> str:
        return fingerprint("round", self.series, self.number)

    def again(self, first: str) -> str:
        """The id under which the trial ``first`` of round 0 is asked in this round."""
        return fingerprint("again", self.id, first)


@dataclass(frozen=True)
class Again:
    """The rounds of a store."""

    database: Database

    def rounds(self, series: str) -> list[Round]:
        """Of one series, first to last."""
        sql = f"SELECT {NAMES} FROM rounds WHERE series = ? ORDER BY number"
        return [_round(row) for row in self.database.run(sql, [series])]

    def others(self, series: str, *, experiment: str, suite: str, contender: str, model: str) -> int:
        """How many rounds of the same place belong to another series: its question or its round 0 was another."""
        sql = """
            SELECT count(*) FROM rounds
            WHERE series <> ? AND experiment = ? AND suite = ? AND contender = ? AND model = ?"""
        return int(self.database.run(sql, [series, experiment, suite, contender, model])[0][0])

    def begin(self, one: Round) -> None:
        """Note a round before anything is asked. Committed when this returns."""
        with self.database.transaction():
            self.database.insert("rounds", [one], {"versions": lambda one: to_json(one.versions)})

    def finish(self, one: Round) -> None:
        """Note that all of a round is here. Committed when this returns."""
        with self.database.transaction():
            self.database.run("UPDATE rounds SET finished = ? WHERE id = ?", [submission.now(), one.id])

    def answers(self, one: Round) -> dict[str, Generation]:
        """What came back in a round, errors too, by the trial of round 0."""
        sql = f"SELECT first, {FIELDS} FROM reanswers WHERE round = ?"
        return {first: Generation(*values) for first, *values in self.database.run(sql, [one.id])}

    def add(self, one: Round, rows: Sequence[Generation], firsts: Mapping[str, str]) -> None:
        """Keep answers; ``firsts`` is the trial's id in this round → its id in round 0. The first answer stays, an error is
        replaced. Committed when this returns.
        """
        now = submission.now()
        special: dict[str, Callable[[Generation], Any]] = {
            "stored": lambda row: now,
            "round": lambda row: one.id,
            "first": lambda row: firsts[row.trial_id],
        }
        with self.database.transaction():
            self.database.insert("reanswers", rows, special, key=("trial_id",), retry=True)

    def scores(self, one: Round, metric: str, digest: str) -> dict[str, float]:
        """Scores of a round by one version of a metric, by the trial of round 0."""
        sql = """
            SELECT first, value FROM reanswers JOIN rescores s USING (trial_id)
            WHERE round = ? AND metric = ? AND metric_hash = ? AND s.error IS NULL AND reanswers.error IS NULL"""
        return dict(self.database.run(sql, [one.id, metric, digest]))

    def first_scores(self, trial_ids: Sequence[str], metric: str, digest: str) -> dict[str, float]:
        """Scores of round 0, which is what a run stored, by trial."""
        sql = """
            SELECT trial_id, value FROM scores
            WHERE metric = ? AND metric_hash = ? AND error IS NULL AND trial_id IN (SELECT unnest(?::VARCHAR[]))"""
        return dict(self.database.run(sql, [metric, digest, list(trial_ids)]))

    def add_scores(self, rows: Sequence[Score]) -> None:
        """Keep scores of a round's answers; an error is replaced. Committed when this returns."""
        now = submission.now()
        key = ("trial_id", "metric", "metric_hash")
        with self.database.transaction():
            self.database.insert("rescores", rows, {"scored": lambda score: now}, key=key, retry=True)


def _round(row: tuple[Any, ...]) -> Round:
    _, series, number, experiment, suite, contender, model, versions, started, finished = row
    return Round(series, number, experiment, suite, contender, model, from_json(versions), started, finished)
