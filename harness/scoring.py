"""Scoring: answers become scores, by the metrics of their suite; where a judge grades, by what it replies.

    scoring = Scoring(matrix, store, metrics_of(matrix), sink)
    scoring.at_once(cell, [("5f0c…", case, "billing")])    # as an answer comes
    scoring.rest()                                         # answers of workers and of earlier runs, and a judge's gradings

A new or changed metric scores what is stored: nothing is generated for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from harness.errors import HarnessError
from harness.experiment import Experiment
from harness.grade import Replies, grade
from harness.matrix import Cell, Matrix
from harness.metrics import Metric, load_metric
from harness.metrics.judge import Grader, Judge
from harness.models import identity
from harness.prompt import final_answer
from harness.store import Store, batches
from harness.suite import Case
from harness.trial import Score, Trial

Metrics = dict[str, dict[str, Metric]]
"""Suite → metric name → metric."""
Answers = list[tuple[str, Case, str]]
"""(id of the trial, case, text)."""


class Deferred(Exception):
    """The replies come later: these answers are scored by the next ``Scoring.rest``."""


class Sink(Protocol):
    """Who asks a judge, and is told how far the scoring is."""

    def ask(self, judge: Judge, trials: list[Trial]) -> None:
        """Every reply that is missing, stored as it comes.

        Raises:
            Deferred: when they come later.
        """
        ...

    def scored(self, count: int) -> None: ...


@dataclass
class Scoring:
    """The scores of one matrix."""

    matrix: Matrix
    store: Store
    metrics: Metrics
    sink: Sink

    def at_once(self, cell: Cell, answers: Answers) -> None:
        """Answers that have just come, by every metric that needs nobody else."""
        for metric in self.metrics[cell.suite.name].values():
            if metric.judge is None:
                self._score(cell, metric, answers)

    def rest(self) -> None:
        """Answers of workers and of earlier runs, by metrics that are new or were changed."""
        for cell, metric, answers in self._left():
            with suppress(Deferred):
                self._score(cell, metric, answers)

    def ungraded(self) -> Iterator[tuple[Cell, Metric, Answers]]:
        """Answers that a judge has not graded."""
        return (left for left in self._left() if left[1].judge)

    def _left(self) -> Iterator[tuple[Cell, Metric, Answers]]:
        """Answers that lack a score, a metric and some cases of a cell at a time."""
        cells = {cell.id: cell for cell in self.matrix.cells}
        for cell_id, name in self.unscored():
            cell = cells[cell_id]
            metric = self.metrics[cell.suite.name][name]
            for cases in batches(cell.cases):
                named = {case.id: case for case in cases}
                found = self.store.unscored(cell_id, name, metric.hash, cases=list(named))
                yield cell, metric, [(trial_id, named[case_id], text) for trial_id, case_id, text in found]

    def unscored(self) -> list[tuple[str, str]]:
        """(cell, metric) wherever an answer lacks a score."""
        return self.store.unscored_cells(self.matrix.experiment.name, hashes_of(self.metrics))

    def _score(self, cell: Cell, metric: Metric, answers: Answers) -> None:
        spoken = [(trial_id, case, final_answer(cell.contender, text)) for trial_id, case, text in answers]
        if metric.judge is not None:
            self._keep(grade(metric.judge, metric, spoken, self._replies))
        else:
            self._keep([_scored(metric, case, trial_id, text) for trial_id, case, text in spoken])

    def _replies(self, judge: Judge, trials: list[Trial]) -> Replies:
        self.sink.ask(judge, trials)
        return self.store.replies([trial.id for trial in trials])

    def _keep(self, scores: list[Score]) -> None:
        if scores:
            self.store.add_scores(scores)
            self.sink.scored(len(scores))


def metrics_of(matrix: Matrix) -> Metrics:
    """Every suite's metrics, the deciding one first."""
    grader = _grader(matrix.experiment)
    return {
        task.suite.name: {name: load_metric(name, task.suite, grader=grader) for name in task.suite.all_metrics}
        for task in matrix.tasks
    }


def hashes_of(metrics: Mapping[str, Mapping[str, Metric]]) -> dict[str, dict[str, str]]:
    """Suite → metric name → the metric's hash, which is how the store knows its scores."""
    return {suite: {name: metric.hash for name, metric in named.items()} for suite, named in metrics.items()}


def _grader(experiment: Experiment) -> Grader | None:
    if experiment.judge is None:
        return None
    judging = experiment.judge
    return Grader(judging.base, identity(judging.base), judging.repeats, judging.tries)


def _scored(metric: Metric, case: Case, trial_id: str, text: str) -> Score:
    try:
        value = metric(case, text)
    except HarnessError as error:
        return Score(trial_id, metric.name, metric.hash, None, str(error))
    return Score(trial_id, metric.name, metric.hash, value)
