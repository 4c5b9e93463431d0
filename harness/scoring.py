"""Scoring: answers become scores, by the metrics of their suite; where a judge grades, by what it replies.

    scoring = Scoring(matrix, store, metrics_of(matrix), sink)
    scoring.at_once(cell, [("5f0c…", case, Output("billing"))])    # as an answer comes
    scoring.rest()                                                 # answers of workers and of earlier runs, and a judge's gradings

A new or changed metric scores what is stored: nothing is generated for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from harness.errors import BadInput, suggest
from harness.experiment import Experiment, Model
from harness.fingerprint import fingerprint
from harness.grade import Deferred, Replies, grade
from harness.matrix import Cell, Matrix
from harness.metrics import Metric, load_metrics
from harness.metrics.estimate import load_estimates
from harness.metrics.juror import Grader, Juror, Subject
from harness.models import identity
from harness.models.account import Price
from harness.prompt import final_answer
from harness.scorers import Scorers, Work, scored
from harness.store import Store, batches
from harness.suite import Case
from harness.trial import Output, Score, Trial

Metrics = dict[str, dict[str, Metric]]
"""Suite → metric name → metric."""
Answers = list[tuple[str, Case, Output]]
"""(id of the trial, case, what came back)."""


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
    _looked_at: set[str] = field(default_factory=set)

    def checked(self, cell: Cell) -> Iterator[Trial]:
        """The trials of a cell; the cases of a suite are looked at when its first cell is gone through, before anything is paid
        for.

        Raises:
            BadInput: naming the first case that can never be scored.
        """
        task, metrics = cell.task, self.metrics[cell.suite.name].values()
        fresh = task.suite.name not in self._looked_at
        self._looked_at.add(task.suite.name)
        if fresh:
            for metric in metrics:
                metric.refuse_uncovered(task.cases)
            for estimate in load_estimates(task.suite).values():
                estimate.refuse(task.split("test"))
        for cases, trials in cell.chunks():
            for metric in metrics if fresh else ():
                metric.refuse(cases)
            yield from trials

    def at_once(self, cell: Cell, answers: Answers) -> None:
        """Answers that have just come, by every metric that needs nobody else."""
        metrics = self.metrics[cell.suite.name]
        names = [name for name, metric in metrics.items() if metric.judge is None and metric.concerns(cell.contender)]
        works = [(trial_id, case, said(cell, output), names) for trial_id, case, output in answers]
        self._keep(scored(metrics, self._covered(cell, works)))

    def rest(self) -> None:
        """Answers of workers and of earlier runs, by metrics that are new or were changed."""
        lacking = self.unscored()
        suites = {task.suite.name: task.suite for task in self.matrix.tasks}
        count = sum(self._cells[cell_id].size for cell_id, _ in lacking)
        with Scorers(self.metrics, suites, count=count) as scorers:
            for cell_id, pairs in groupby(lacking, key=itemgetter(0)):
                cell, names = self._cells[cell_id], [name for _, name in pairs]
                for cases in batches(cell.cases):
                    for scores in self._scores(cell, self._open(cell, names, cases), scorers):
                        self._keep(scores)
            for scores in scorers.rest():
                self._keep(scores)

    def ungraded(self) -> Iterator[tuple[Cell, Metric, Sequence[Work]]]:
        """Answers that a judge has not graded."""
        for cell_id, name in self.unscored():
            cell = self._cells[cell_id]
            metric = self.metrics[cell.suite.name][name]
            for cases in batches(cell.cases) if metric.judge else ():
                yield cell, metric, self._open(cell, [name], cases)

    def _scores(self, cell: Cell, works: Sequence[Work], scorers: Scorers) -> Iterator[list[Score]]:
        judged = {name: metric for name, metric in self.metrics[cell.suite.name].items() if metric.judge is not None}
        for name, metric in judged.items():
            texts = [(trial_id, case, output.text) for trial_id, case, output, names in works if name in names]
            try:
                scores = grade(metric, subjects(self.matrix, self.store, cell, metric, texts), self.replies)
            except Deferred:
                continue
            yield scores
        if judged:
            works = [
                (trial_id, case, output, [name for name in names if name not in judged])
                for trial_id, case, output, names in works
            ]
        yield from scorers.score(cell.suite.name, works)

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
        return not metric.gold or any(self._open(cell, [name], cases) for cases in batches(cell.cases))

    def _open(self, cell: Cell, names: Sequence[str], cases: Sequence[Case]) -> Sequence[Work]:
        """Answers to ``cases`` with those of the named metrics that have not scored them."""
        named, metrics = {case.id: case for case in cases}, self.metrics[cell.suite.name]
        found = self.store.unscored(cell.id, {name: metrics[name].hash for name in names}, cases=list(named))
        works = [
            (trial_id, named[case_id], said(cell, output), lacking) for trial_id, case_id, lacking, output in found
        ]
        return self._covered(cell, works)

    def _covered(self, cell: Cell, works: Sequence[Work]) -> Sequence[Work]:
        """Without metrics that mean nothing for the case."""
        metrics = self.metrics[cell.suite.name]
        if not any(metric.gold for metric in metrics.values()):
            return works
        some = [
            (trial, case, output, [n for n in names if metrics[n].covers(case)]) for trial, case, output, names in works
        ]
        return [work for work in some if work[-1]]

    def replies(self, juror: Juror, trials: list[Trial]) -> Replies:
        """What a juror says; what is not in the store yet is asked first."""
        self.sink.ask(juror, trials)
        return self.store.replies([trial.id for trial in trials])

    def _keep(self, scores: list[Score]) -> None:
        if scores:
            self.store.add_scores(scores)
            self.sink.scored(len(scores))


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
    return None if read is None or written is None else Price(read, written).of(output)


def metrics_of(matrix: Matrix) -> Metrics:
    """Every suite's metrics, the deciding one first.

    Raises:
        BadInput: for a metric that is wrong, or compares with a contender that is not there.
    """
    graders = _graders(matrix.experiment)
    for task in matrix.tasks:
        load_estimates(task.suite)  # wrong names are said now
    return {
        task.suite.name: {
            name: _opposed(metric, matrix, task.suite.name)
            for name, metric in load_metrics(task.suite, graders=graders).items()
        }
        for task in matrix.tasks
    }


def hashes_of(metrics: Mapping[str, Mapping[str, Metric]], *, amounts: bool | None = None) -> dict[str, dict[str, str]]:
    """Suite → metric name → the metric's hash, which is how the store knows its scores, those that it is to have: of shares
    (``amounts`` False), of amounts (True) or of both.
    """
    return {
        suite: {
            name: metric.hash
            for name, metric in named.items()
            if amounts in (None, metric.amount) and not metric.people
        }
        for suite, named in metrics.items()
    }


def meant(rows: pa.Table, matrix: Matrix, metrics: Metrics) -> pa.Table:
    """Rows without those of a metric that means nothing for their contender or case: these have no score, and lack none."""
    for task in matrix.tasks:
        suite = task.suite.name
        partial = [metric for metric in metrics[suite].values() if metric.retrieval]
        if not partial:
            continue
        retrieving = [c.contender.name for c in matrix.cells if c.suite.name == suite and c.contender.retrieves]
        covered = [case.id for case in task.cases if case.documents]
        for metric in partial:
            of = pc.and_(pc.equal(rows["suite"], suite), pc.equal(rows["metric"], metric.name))
            keep = pc.is_in(rows["contender"], pa.array(retrieving, pa.string()))
            if metric.gold:
                keep = pc.and_(keep, pc.is_in(rows["case_id"], pa.array(covered, pa.string())))
            rows = rows.filter(pc.or_(pc.invert(of), keep))
    return rows


def subjects(
    matrix: Matrix, store: Store, cell: Cell, metric: Metric, answers: Sequence[tuple[str, Case, str]]
) -> list[Subject]:
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
