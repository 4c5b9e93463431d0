"""What is asked, what came back and what it scored, kept in ``results.duckdb``: the one place where stages meet.

    with open_store(home, write=True) as store:
        store.declare("default", cells)
        store.add_trials(cell.id, trials)
        missing = store.missing([trial.id for trial in trials])
        store.add_generations(generations)              # committed when it returns
        rows = store.rows("default", metrics={"triage": {"exact_match": "3f9a…"}})

One process writes; it holds ``results.lock`` for as long as the store is open. Rows go in as one statement a batch,
from Arrow: 5,000 rows took 17 to 39 s with ``executemany`` and 0.06 s so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from harness.errors import BadInput, Incomplete, suggest
from harness.store import cells, check, ledger, merge, origin, parcel, reviews, runs, submission, trainings
from harness.store.again import Again
from harness.store.check import Finding
from harness.store.database import Database
from harness.store.ledger import Entry
from harness.store.lock import Lock
from harness.store.merge import Merged
from harness.store.origin import Origin
from harness.store.parcel import Parcel
from harness.store.records import Answer, CellRow, Count, Rates, Run, answer_of
from harness.store.reviews import Review
from harness.store.rows import ANSWERS_OF, OUTPUTS, PICKED, UNSCORED, wanted
from harness.store.submission import Batch
from harness.store.table import lacking, scored_rows
from harness.trial import Generation, Output, Score, Training, Trial


class Store:
    """The results of a home folder. Made by ``open_store``; a context manager."""

    def __init__(self, database: Database, lock: Lock) -> None:
        self.path = database.path
        self.again = Again(database)
        self._database = database
        self._lock = lock

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write everything to the one file and let others in."""
        try:
            self._database.close()
        finally:
            self._lock.release()

    # --- the matrix

    def declare(self, experiment: str, rows: Sequence[CellRow]) -> None:
        """Make ``rows`` the whole matrix of an experiment. Answers to what is no longer asked stay in the store.

        Raises:
            BadInput: when two cells would stand in one place.
        """
        cells.declare(self._database, experiment, rows)

    def cells(self, experiment: str) -> list[CellRow]:
        """The matrix of an experiment as it was declared last, in that order."""
        return cells.read(self._database, experiment)

    def add_trials(self, cell: str, trials: Iterable[Trial]) -> None:
        """Keep what a cell asks, a batch at a time. Of a killed run a part may stay, which ``asked`` does not take for the
        whole; asking again begins anew.
        """
        cells.add_trials(self._database, cell, trials)

    def asked(self, sizes: Mapping[str, int]) -> set[str]:
        """Those cells whose trials are all here; ``sizes`` says how many each has."""
        return cells.asked(self._database, sizes)

    def complete(self, sizes: Mapping[str, int]) -> set[str]:
        """Those cells that have an answer to each of their trials; ``sizes`` says how many they are."""
        return cells.complete(self._database, sizes)

    def asks(self, cell: str) -> set[tuple[str, int, str]]:
        """(case, repeat, trial id) of everything that a cell asks."""
        return cells.asks(self._database, cell)

    def adapters(self) -> set[str]:
        """The adapters that any experiment's matrix names."""
        return cells.adapters(self._database)

    def means(self, sizes: Mapping[str, int], metric: str, digest: str) -> dict[str, float]:
        """Cell -> the mean of its scores by a metric (its hash is ``digest``); without those that lack a score. ``sizes`` says
        how many trials each has.
        """
        sql = """
            SELECT cell, count(s.value), avg(s.value) FROM asked
            LEFT JOIN (SELECT trial_id, value FROM scores WHERE metric = ? AND metric_hash = ? AND error IS NULL) s USING (trial_id)
            WHERE cell IN (SELECT unnest(?::VARCHAR[])) GROUP BY cell"""
        found = self._database.run(sql, [metric, digest, list(sizes)])
        return {cell: mean for cell, count, mean in found if count == sizes[cell]}

    def rates(self) -> Rates:
        """What answers and training steps took so far on this store, in seconds; None where there were none."""
        sql = """
            SELECT (SELECT avg(seconds) FROM generations), (SELECT sum(seconds) / nullif(sum(steps), 0) FROM trainings)"""
        return Rates(*self._database.run(sql)[0])

    def experiments(self) -> list[str]:
        """The names of all experiments that were declared."""
        return cells.experiments(self._database)

    def models(self, experiment: str) -> list[str]:
        """The base models in an experiment's matrix."""
        return cells.models(self._database, experiment)

    def counts(self, experiment: str) -> list[Count]:
        """How far each contender of an experiment is, by suite."""
        return cells.counts(self._database, experiment)

    # --- generations

    def missing(self, trial_ids: Sequence[str]) -> set[str]:
        """Those that have no answer yet, or only an error."""
        sql = """
            SELECT trial_id FROM (SELECT unnest(?::VARCHAR[]) AS trial_id)
            ANTI JOIN (SELECT trial_id FROM generations WHERE error IS NULL) USING (trial_id)"""
        return {name for (name,) in self._database.run(sql, [trial_ids])}

    def generations(self, trial_ids: Sequence[str]) -> dict[str, tuple[Generation, datetime | None]]:
        """Trial id -> what came back for it, and when (UTC); None where an older store did not keep that."""
        names = ", ".join(field.name for field in fields(Generation))
        sql = f"SELECT {names}, stored FROM generations WHERE trial_id IN (SELECT unnest(?::VARCHAR[]))"
        return {row[0]: (Generation(*row[:-1]), row[-1]) for row in self._database.run(sql, [trial_ids])}

    def replies(self, trial_ids: Sequence[str]) -> dict[str, tuple[str | None, str | None, str | None]]:
        """Trial id -> (text, error, name of the served model) of what came back."""
        sql = "SELECT trial_id, text, error, served FROM generations WHERE trial_id IN (SELECT unnest(?::VARCHAR[]))"
        return {name: (text, error, served) for name, text, error, served in self._database.run(sql, [trial_ids])}

    def answered(self, cell: str, cases: Sequence[str]) -> list[tuple[str, str, str | None, str | None]]:
        """(trial id, case id, text, error) of a cell's first answer to each of ``cases``; both are None where there is none."""
        sql = """
            SELECT trial_id, case_id, text, error FROM asked LEFT JOIN generations USING (trial_id)
            WHERE cell = ? AND repeat = 0 AND case_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY case_id"""
        return self._database.run(sql, [cell, cases])

    def places(self, experiment: str, model: str, trial_ids: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
        """Trial id -> where an experiment asks it: suite, contender, technique, case_id, data_fraction, training_seed, split
        and cluster.
        """
        sql = """
            SELECT trial_id, suite, contender, technique, case_id, data_fraction, training_seed, split, cluster FROM trials
            WHERE experiment = ? AND model = ? AND trial_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY ALL"""
        found: dict[str, list[tuple[Any, ...]]] = {}
        for trial_id, *place in self._database.run(sql, [experiment, model, trial_ids]):
            found.setdefault(trial_id, []).append(tuple(place))
        return found

    def add_generations(self, rows: Sequence[Generation]) -> None:
        """Keep what came back. The first answer to a trial stays, since scores hang on it; an error is replaced by
        what a later try brings. Committed when this returns.

        Raises:
            ValueError: for a row that has neither text nor error.
        """
        best: dict[str, Generation] = {}
        for row in rows:
            if row.text is None and row.error is None:
                raise ValueError(f"generation of trial {row.trial_id!r}: neither text nor error: give one of them")
            held = best.get(row.trial_id)
            if held is None or held.error is not None:
                best[row.trial_id] = row
        with self._database.transaction():
            now = submission.now()
            special: dict[str, Callable[[Generation], Any]] = {"stored": lambda row: now}
            self._database.insert("generations", best.values(), special, key=("trial_id",), retry=True)

    # --- scores

    def unscored_cells(self, experiment: str, metrics: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str]]:
        """(cell, metric) wherever an answer of the experiment lacks a score; ``metrics`` is suite -> {metric: hash}."""
        return lacking(self._database, experiment, metrics)

    def unscored(
        self, cell: str, metrics: Mapping[str, str], *, cases: Sequence[str]
    ) -> list[tuple[str, str, list[str], Output]]:
        """(trial id, case id, names of metrics, output) of each distinct answer of a cell to ``cases`` that some of ``metrics``
        (name -> hash) have not scored yet, or where they failed.
        """
        given = {"cell": cell, "metrics": list(metrics), "hashes": list(metrics.values()), "cases": cases}
        found = self._database.run(UNSCORED, given)
        return [(trial, case, names, Output(*values)) for trial, case, names, *values in found]

    def outputs(self, cell: str, *, cases: Sequence[str]) -> list[tuple[str, Output]]:
        """(case id, output) of each of ``cases`` that a cell answered; of several answers to one, the first."""
        given = {"cell": cell, "cases": cases}
        return [(case, Output(*values)) for case, *values in self._database.run(OUTPUTS, given)]

    def add_scores(self, rows: Iterable[Score]) -> None:
        """Keep scores. The first value of an answer and version of a metric stays; an error is replaced by what a later
        try brings. A value that is not finite is kept as an error. Committed when this returns.
        """
        best: dict[tuple[str, str, str], Score] = {}
        for row in map(_finite, rows):
            name = (row.trial_id, row.metric, row.metric_hash)
            if name not in best or best[name].error is not None:
                best[name] = row
        now = submission.now()
        key = ("trial_id", "metric", "metric_hash")
        with self._database.transaction():
            self._database.insert("scores", best.values(), {"scored": lambda score: now}, key=key, retry=True)

    # --- trainings

    def add_training(self, row: Training) -> None:
        """Keep a finished training; a later one of the same adapter replaces it."""
        trainings.add(self._database, row)

    def training(self, adapter: str) -> Training | None:
        """How an adapter was made, if it was."""
        return trainings.of(self._database, adapter)

    def trainings(self, experiment: str | None = None) -> list[Training]:
        """All finished trainings, or those whose adapters an experiment's matrix uses."""
        return trainings.read(self._database, experiment)

    # --- runs

    def start_run(
        self, experiment: str, config: dict[str, Any], versions: dict[str, str], hardware: dict[str, Any]
    ) -> str:
        """Note that a run begins, and with what. Returns its id."""
        return runs.start(self._database, experiment, config, versions, hardware)

    def finish_run(self, run_id: str) -> None:
        """Note that a run came to its end."""
        runs.finish(self._database, run_id)

    def last_run(self, experiment: str) -> Run | None:
        """The run of an experiment that was started last, finished or not."""
        return runs.last(self._database, experiment)

    # --- vendors

    def add_batch(self, submitted: Batch) -> None:
        """Note what was submitted. Committed when this returns."""
        submission.add(self._database, submitted)

    def batches(self, model: str) -> list[Batch]:
        """Those of a model (its fingerprint) that have not ended."""
        return submission.under_way(self._database, model)

    def end_batch(self, name: str) -> bool:
        """Note that all that came of a batch is here; False when no such batch is under way."""
        return submission.end(self._database, name)

    def origins(self, experiment: str, model: str, metrics: Mapping[str, Mapping[str, str]]) -> list[Origin]:
        """Which served models are behind a base model's answers and scores; ``metrics`` is suite -> {metric: hash}."""
        return origin.origins(self._database, experiment, model, metrics)

    def served(self) -> list[str]:
        """The names of all served models."""
        return origin.names(self._database)

    def forget(self, served: str) -> tuple[int, int]:
        """Take a served model's answers and the scores that hang on them out; how many of each."""
        return origin.forget(self._database, served)

    # --- the ledger

    def ledger(self) -> list[Entry]:
        """What was locked and looked at, first to last."""
        return ledger.read(self._database)

    def enter(self, entries: Sequence[Entry]) -> None:
        """Add lines to the ledger. Committed when this returns."""
        ledger.enter(self._database, entries)

    def tested(self, suite: str, model: str) -> set[str]:
        """Ids of a suite's test cases on which any contender of a base model has a score, or was reviewed."""
        sql = """
            SELECT DISTINCT case_id FROM trials LEFT JOIN scores USING (trial_id)
            WHERE suite = ? AND model = ? AND split = 'test'
                AND (scores.value IS NOT NULL OR trial_id IN (SELECT unnest(?::VARCHAR[])))"""
        reviewed = [one.trial for one in self.reviews() if one.score is not None]
        return {case for (case,) in self._database.run(sql, [suite, model, reviewed])}

    # --- people

    def reviews(self) -> list[Review]:
        """What people said of answers, first to last."""
        return reviews.read(self._database)

    def add_reviews(self, rows: Sequence[Review]) -> None:
        """Keep reviews; one of the same answers by the same reviewer is replaced. Committed when this returns."""
        reviews.add(self._database, rows)

    def withdraw(self, rows: Sequence[Review]) -> None:
        """Take reviews back. Committed when this returns."""
        reviews.withdraw(self._database, rows)

    # --- upkeep

    def findings(self) -> list[Finding]:
        """What is wrong within the store; all of it is read for that."""
        return check.findings(self._database)

    def export(self, folder: Path, *, experiment: str | None = None, run: str | None = None) -> Parcel:
        """Write everything, or an experiment's part, into a new folder of Parquet files."""
        return parcel.write(self._database, folder, experiment=experiment, run=run)

    def merge(self, source: Path, *, say: Callable[[str], None], dry_run: bool = False) -> list[Merged]:
        """Take in an export or another store, nothing twice. Committed when this returns."""
        return merge.merge(self._database, source, say=say, dry_run=dry_run)

    # --- what a verdict and a reader ask for

    def rows(
        self,
        experiment: str,
        *,
        metrics: Mapping[str, Mapping[str, str]],
        model: str | None = None,
        sources: Mapping[str, str] | None = None,
        flagged: Mapping[tuple[str, str], Collection[str]] | None = None,
    ) -> pa.Table:
        """The rows that a verdict is decided on (columns ``ROWS``), one for each trial and metric of its suite.

        What was not measured is there too, without a score: ``not generated``, ``not scored`` or the error itself.

        Args:
            metrics: suite -> {metric: its hash}; suites that are not named are left out.
            model: the base model; may be omitted when the experiment has one.
            sources: metric -> ``judge`` or ``human``; ``program`` otherwise.
            flagged: (suite, contender) -> ids of cases that overlap the contender's training data.

        Raises:
            Incomplete: when the experiment was never run.
            BadInput: when it has no such model, or several and none is named.
        """
        model = self._one_model(experiment, model)
        return scored_rows(self._database, experiment, model, metrics, sources=sources or {}, flagged=flagged or {})

    def answers(
        self,
        experiment: str,
        suite: str,
        contender: str | None = None,
        *,
        model: str | None = None,
        metrics: Mapping[str, str] | None = None,
        places: Sequence[tuple[str, str]] | None = None,
    ) -> list[Answer]:
        """What one suite's contenders, or one of them, answered, in the order of cases; trained on all of the data alone.

        ``metrics`` (metric -> its hash) chooses the versions of the metrics; otherwise the newest score of each counts.
        ``places`` are (contender, case) where not all are asked for.
        """
        picked = {
            "experiment": experiment,
            "suite": suite,
            "contender": contender,
            "model": model,
            "whole": places is None,
            "contenders": [contender for contender, _ in places or ()],
            "cases": [case for _, case in places or ()],
        }
        self._database.run(PICKED, picked)
        found = self._database.run(ANSWERS_OF, {**wanted({suite: metrics or {}}), "any": metrics is None})
        return [answer_of(values) for values in found]

    def _one_model(self, experiment: str, model: str | None) -> str:
        models = self.models(experiment)
        if not models:
            raise Incomplete(f"{self.path}: no results of experiment {experiment!r} yet: run `harness run`")
        if model is None and len(models) > 1:
            raise BadInput(f"experiment {experiment!r} has the base models {', '.join(models)}: name one of them")
        if model is not None and model not in models:
            raise BadInput(f"experiment {experiment!r} has no base model {model!r}: {suggest(model, models)}")
        return model or models[0]


def _finite(score: Score) -> Score:
    if score.error is not None:
        return replace(score, value=None)
    if score.value is None or not math.isfinite(score.value):
        return replace(
            score, value=None, error=f"metric {score.metric!r} gave {score.value!r}, which is no finite number"
        )
    return score
