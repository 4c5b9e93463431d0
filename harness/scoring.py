"""Scoring: answers become scores, by the metrics of their suite; where a judge grades, by what it replies.

    scoring = Scoring(matrix, store, metrics_of(matrix), sink)
    scoring.at_once(cell, [("5f0c…", case, Output("billing"))])    # as an answer comes
    scoring.rest()                                                 # answers of workers and of earlier runs, and a judge's gradings

A new or changed metric scores what is stored: nothing is generated for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from harness.experiment import Experiment, Model
from harness.grade import Replies, grade
from harness.matrix import Cell, Matrix
from harness.metrics import Metric, load_metrics
from harness.metrics.estimate import load_estimates
from harness.metrics.judge import Grader, Judge
from harness.models import identity
from harness.prompt import final_answer
from harness.scorers import Answers, Scorers, scored
from harness.store import Store, batches
from harness.suite import Case
from harness.trial import Output, Score, Trial

Metrics = dict[str, dict[str, Metric]]
"""Suite → metric name → metric."""


class Sink(Protocol):
    """Who asks a judge, and is told how far the scoring is."""

    def ask(self, judge: Judge, trials: list[Trial]) -> None:
        """Every reply that is missing, stored as it comes."""
        ...

    def scored(self, count: int) -> None: ...


@dataclass
class Scoring:
    """The scores of one matrix."""

    matrix: Matrix
    store: Store
    metrics: Metrics
    sink: Sink

    def refuse(self, cells: Sequence[Cell]) -> None:
        """Refuse cases that can never be scored, before ``cells`` are paid for.

        Raises:
            BadInput: naming the first of them.
        """
        for task in {cell.suite.name: cell.task for cell in cells}.values():
            for metric in self.metrics[task.suite.name].values():
                metric.refuse(task.cases)
            for estimate in load_estimates(task.suite).values() if task.suite.estimates else ():
                estimate.refuse(task.split("test"))

    def at_once(self, cell: Cell, answers: Answers) -> None:
        """Answers that have just come, by every metric that needs nobody else."""
        for metric in self.metrics[cell.suite.name].values():
            if metric.judge is None and metric.concerns(cell.contender):
                self._keep(scored(metric, _spoken(cell, metric, answers)))

    def rest(self) -> None:
        """Answers of workers and of earlier runs, by metrics that are new or were changed."""
        lacking = self.unscored()
        suites = {task.suite.name: task.suite for task in self.matrix.tasks}
        with Scorers(suites, count=sum(self._cells[cell_id].size for cell_id, _ in lacking)) as scorers:
            for cell, metric, cases in self._batches(lacking):
                answers = _spoken(cell, metric, self._open(cell, metric, cases))
                if metric.judge is not None:
                    self._grade(metric.judge, metric, answers)
                else:
                    for scores in scorers.score(metric, cell.suite.name, answers):
                        self._keep(scores)
            for scores in scorers.rest():
                self._keep(scores)

    def _batches(self, lacking: Sequence[tuple[str, str]]) -> Iterator[tuple[Cell, Metric, list[Case]]]:
        """Cell by cell, so that its cases are read once for all metrics."""
        for cell_id, pairs in groupby(lacking, key=itemgetter(0)):
            cell = self._cells[cell_id]
            metrics = [self.metrics[cell.suite.name][name] for _, name in pairs]
            for cases in batches(cell.cases):
                for metric in metrics:
                    yield cell, metric, cases

    @cached_property
    def _cells(self) -> dict[str, Cell]:
        return {cell.id: cell for cell in self.matrix.cells}

    def unscored(self) -> list[tuple[str, str]]:
        """(cell, metric) wherever an answer lacks a score."""
        found = self.store.unscored_cells(self.matrix.experiment.name, hashes_of(self.metrics))
        return [(cell_id, name) for cell_id, name in found if self._lacks(self._cells[cell_id], name)]

    def _lacks(self, cell: Cell, name: str) -> bool:
        """Whether a metric that means nothing for some contenders or cases lacks one of those scores that it has."""
        metric = self.metrics[cell.suite.name][name]
        if not metric.concerns(cell.contender):
            return False
        return not metric.gold or any(self._open(cell, metric, some) for some in batches(cell.cases))

    def _open(self, cell: Cell, metric: Metric, cases: Sequence[Case]) -> Answers:
        """Answers without a score, to those of ``cases`` that the metric covers."""
        named = {case.id: case for case in cases if metric.covers(case)}
        found = self.store.unscored(cell.id, metric.name, metric.hash, cases=list(named))
        return [(trial_id, named[case_id], output) for trial_id, case_id, output in found]

    def _grade(self, judge: Judge, metric: Metric, answers: Answers) -> None:
        texts = [(trial_id, case, output.text) for trial_id, case, output in answers]
        self._keep(grade(judge, metric, texts, self._replies))

    def _replies(self, judge: Judge, trials: list[Trial]) -> Replies:
        self.sink.ask(judge, trials)
        return self.store.replies([trial.id for trial in trials])

    def _keep(self, scores: list[Score]) -> None:
        if scores:
            self.store.add_scores(scores)
            self.sink.scored(len(scores))


def _spoken(cell: Cell, metric: Metric, answers: Answers) -> Answers:
    """What is scored of the answers to cases that a metric covers."""
    return [(trial_id, case, said(cell, output)) for trial_id, case, output in answers if metric.covers(case)]


def said(cell: Cell, output: Output) -> Output:
    """What of an answer is scored: its final part where the contender thinks first, at the model's price where it has one."""
    text = final_answer(cell.contender, output.text)
    cost = _cost(cell.model, output) if output.cost is None else output.cost
    if text == output.text and cost is output.cost:
        return output
    return replace(output, text=text, cost=cost)


def _cost(model: Model, output: Output) -> float | None:
    """USD of an answer at the model's declared price; None where price or tokens are not known."""
    read, written = model.input_cost_per_token, model.output_cost_per_token
    if read is None or written is None or output.prompt_tokens is None or output.output_tokens is None:
        return None
    return read * output.prompt_tokens + written * output.output_tokens


def metrics_of(matrix: Matrix) -> Metrics:
    """Every suite's metrics, the deciding one first."""
    grader = _grader(matrix.experiment)
    for task in matrix.tasks:
        load_estimates(task.suite)  # wrong names are said now
    return {task.suite.name: load_metrics(task.suite, grader=grader) for task in matrix.tasks}


def hashes_of(metrics: Mapping[str, Mapping[str, Metric]], *, amounts: bool | None = None) -> dict[str, dict[str, str]]:
    """Suite → metric name → the metric's hash, which is how the store knows its scores: of shares (``amounts`` False), of
    amounts (True) or of both.
    """
    return {
        suite: {name: metric.hash for name, metric in named.items() if amounts in (None, metric.amount)}
        for suite, named in metrics.items()
    }


def meant(rows: pa.Table, matrix: Matrix, metrics: Metrics) -> pa.Table:
    """Rows without those of a metric that means nothing for their contender or case: these have no score, and lack none."""
    for task in matrix.tasks:
        suite = task.suite.name
        partial = [metric for metric in metrics[suite].values() if metric.retrieval]
        retrieving = [c.contender.name for c in matrix.cells if c.suite.name == suite and c.contender.retrieves]
        covered = [case.id for case in task.cases if case.documents] if partial else []
        for metric in partial:
            of = pc.and_(pc.equal(rows["suite"], suite), pc.equal(rows["metric"], metric.name))
            keep = pc.is_in(rows["contender"], pa.array(retrieving, pa.string()))
            if metric.gold:
                keep = pc.and_(keep, pc.is_in(rows["case_id"], pa.array(covered, pa.string())))
            rows = rows.filter(pc.or_(pc.invert(of), keep))
    return rows


def _grader(experiment: Experiment) -> Grader | None:
    if experiment.judge is None:
        return None
    judging = experiment.judge
    return Grader(judging.base, identity(judging.base), judging.repeats, judging.tries)
