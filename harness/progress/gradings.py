"""What a judge will be asked: about answers that are missing, and about those that nobody has graded yet.

Gradings(jury=…, cases=[…], longest=48)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.metrics.juror import Jury
from harness.scoring import Metrics, hashes_of
from harness.store import Store
from harness.suite import Case
from harness.todo import Todo


@dataclass(frozen=True, slots=True)
class Gradings:
    """Answers to these cases, each of at most ``longest`` tokens."""

    jury: Jury
    cases: Sequence[Case]
    longest: int

    @property
    def count(self) -> int:
        return len(self.cases) * self.jury.questions


def gradings(todo: Todo, metrics: Metrics, store: Store | None) -> Iterator[Gradings]:
    """Of all cells but those that a metric compares with; ``store`` is None where nothing was answered yet."""
    coming = {cell.id for cell in todo.cells}
    for cell in todo.cells:
        for metric in metrics[cell.suite.name].values():
            if metric.judge and cell.contender.name != metric.opponent:
                cases = [case for case in cell.cases for _ in range(cell.contender.samples)]
                yield Gradings(metric.judge, cases, cell.suite.max_new_tokens)
    cells = {cell.id: cell for cell in todo.matrix.cells if cell.id not in coming}
    judged = {suite: {name: m for name, m in named.items() if m.judge} for suite, named in metrics.items()}
    for cell_id, name in store.unscored_cells(todo.matrix.experiment.name, hashes_of(judged)) if store else ():
        if store and cell_id in cells:
            cell, named = cells[cell_id], {case.id: case for case in cells[cell_id].cases}
            metric = metrics[cell.suite.name][name]
            if metric.judge and cell.contender.name != metric.opponent:
                found = store.unscored(cell_id, {name: metric.hash}, cases=list(named))
                yield Gradings(metric.judge, [named[case_id] for _, case_id, *_ in found], cell.suite.max_new_tokens)
