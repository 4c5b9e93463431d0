"""Scoring: answers become scores, by the metrics of their suite; where a judge grades, by what it replies.

    scoring = Scoring(matrix, store, metrics_of(matrix), sink)
    scoring.at_once(cell, [("5f0c…", case, "billing")])    # as an answer comes
    scoring.rest()                                         # answers of workers and of earlier runs, and a judge's gradings

A new or changed metric scores what is stored: nothing is generated for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from harness.errors import BadInput, HarnessError, suggest
from harness.experiment import Experiment
from harness.fingerprint import fingerprint
from harness.grade import Deferred, Replies, grade
from harness.matrix import Cell, Matrix
from harness.metrics import Metric, load_metric
from harness.metrics.juror import Grader, Juror, Subject
from harness.models import identity
from harness.prompt import final_answer
from harness.store import Store, batches
from harness.suite import Case
from harness.trial import Score, Trial

Metrics = dict[str, dict[str, Metric]]
"""Suite → metric name → metric."""
Answers = list[tuple[str, Case, str]]
"""(id of the trial, case, text)."""


class Sink(Protocol):
    """Who asks a judge, and is told how far the scoring is."""

    def ask(self, juror: Juror, trials: list[Trial]) -> None:
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
        if metric.judge is not None:
            self._keep(grade(metric, subjects(self.matrix, self.store, cell, metric, answers), self.replies))
            return
        spoken = [(trial_id, case, final_answer(cell.contender, text)) for trial_id, case, text in answers]
        self._keep([_scored(metric, case, trial_id, text) for trial_id, case, text in spoken])

    def replies(self, juror: Juror, trials: list[Trial]) -> Replies:
        """What a juror says; what is not in the store yet is asked first."""
        self.sink.ask(juror, trials)
        return self.store.replies([trial.id for trial in trials])

    def _keep(self, scores: list[Score]) -> None:
        if scores:
            self.store.add_scores(scores)
            self.sink.scored(len(scores))


def metrics_of(matrix: Matrix) -> Metrics:
    """Every suite's metrics, the deciding one first.

    Raises:
        BadInput: for a metric that is wrong, or compares with a contender that is not there.
    """
    graders = _graders(matrix.experiment)
    return {
        task.suite.name: {
            name: _opposed(load_metric(name, task.suite, graders=graders), matrix, task.suite.name)
            for name in task.suite.all_metrics
        }
        for task in matrix.tasks
    }


def hashes_of(metrics: Mapping[str, Mapping[str, Metric]]) -> dict[str, dict[str, str]]:
    """Suite → metric name → the metric's hash, which is how the store knows its scores; those that it is to have."""
    return {
        suite: {name: metric.hash for name, metric in named.items() if not metric.people}
        for suite, named in metrics.items()
    }


def subjects(matrix: Matrix, store: Store, cell: Cell, metric: Metric, answers: Answers) -> list[Subject]:
    """A cell's answers as a judge is given them, each with its rival where the metric compares."""
    spoken = [Subject(trial_id, case, final_answer(cell.contender, text)) for trial_id, case, text in answers]
    if metric.opponent is None:
        return spoken
    rival = _rival(_opponents(matrix, cell.suite.name, metric.opponent), cell)
    if rival is None:
        return [replace(one, fault=f"{metric.opponent} does not answer with {cell.model.id}") for one in spoken]
    found = store.answered(rival.id, [subject.case.id for subject in spoken])
    texts = {case: final_answer(rival.contender, text) for _, case, text, error in found if text is not None}
    return [
        replace(one, rival=texts[one.case.id])
        if one.case.id in texts
        else replace(one, fault=f"{metric.opponent} has no answer to this case")
        for one in spoken
    ]


def _opponents(matrix: Matrix, suite: str, name: str) -> list[Cell]:
    """The cells of the contender that others are compared with on a suite."""
    cells = (cell for cell in matrix.cells if cell.suite.name == suite and not cell.contender.probes)
    return [cell for cell in cells if cell.contender.name == name]


def _rival(opponents: list[Cell], cell: Cell) -> Cell | None:
    """Whose answers a cell's are compared with: of the same base model and training seed, else the first of that model."""
    same = [one for one in opponents if one.model == cell.model]
    return next((one for one in same if one.seed == cell.seed), same[0] if same else None)


def _opposed(metric: Metric, matrix: Matrix, suite: str) -> Metric:
    """A metric that compares, known by all that decides the opponent's answers too: were the opponent's prompt or training
    another, scores against its former answers would otherwise be taken for today's.
    """
    if metric.opponent is None:
        return metric
    cells = _opponents(matrix, suite, metric.opponent)
    if not cells:
        named = dict.fromkeys(
            c.contender.name for c in matrix.cells if c.suite.name == suite and not c.contender.probes
        )
        raise BadInput(
            f"{metric.where}: metric {metric.name!r}: no contender {metric.opponent!r}: {suggest(metric.opponent, named)}"
        )
    return replace(metric, hash=fingerprint(metric.hash, [(cell.model.id, cell.seed, cell.id) for cell in cells]))


def _graders(experiment: Experiment) -> list[Grader]:
    judging = experiment.judge
    if judging is None:
        return []
    return [Grader(model, identity(model), judging.repeats, judging.tries) for model in judging.bases]


def _scored(metric: Metric, case: Case, trial_id: str, text: str) -> Score:
    try:
        value = metric(case, text)
    except HarnessError as error:
        return Score(trial_id, metric.name, metric.hash, None, str(error))
    return Score(trial_id, metric.name, metric.hash, value)
