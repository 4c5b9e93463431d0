"""What a run would do and take: the expanded matrix with what is missing, its time and its money.

harness run --dry-run
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from harness.experiment import Experiment
from harness.matrix import expand
from harness.plural import plural
from harness.probe import unprobed
from harness.progress.console import expected
from harness.progress.expense import Bill, expenses, total
from harness.progress.gradings import Gradings, gradings
from harness.rounds import foreseen, overtried, unsettled
from harness.scoring import hashes_of, metrics_of
from harness.search import said as settings_said
from harness.sought import Sought
from harness.store import open_store
from harness.todo import Todo, missing, steps_of


@dataclass(frozen=True, slots=True)
class Planned:
    """The expanded matrix with what is missing: what ``--dry-run`` prints. ``gradings`` is what a judge will be asked, at most."""

    todo: Todo
    bills: tuple[Bill, ...] = field(default=())
    gradings: int = 0

    def as_dict(self) -> dict[str, Any]:
        todo = self.todo
        missing_cells = {cell.id for cell in todo.cells}
        return {
            "cells": [
                {
                    "model": cell.model.id,
                    "suite": cell.suite.name,
                    "contender": cell.contender.name,
                    "technique": cell.contender.technique,
                    "seed": cell.seed,
                    "data_fraction": cell.contender.share,
                    "cases": cell.size,
                    "missing": cell.id in missing_cells,
                }
                for cell in todo.matrix.cells
            ],
            "trainings": [
                {"suite": j.suite, "recipe": j.recipe_name, "seed": j.seed, "steps": steps_of(j)} for j in todo.jobs
            ],
            "answers": todo.trials,
            "gradings": self.gradings,
            "seconds": todo.seconds,
            "usd": total(self.bills),
            "bills": [asdict(bill) for bill in self.bills],
            "searches": [
                {
                    "model": one.model.id,
                    "suite": one.suite,
                    "candidate": one.name,
                    "tries": one.search.count,
                    "rungs": list(one.search.rungs),
                    "winner": one.winner,
                }
                for one in todo.matrix.sought
            ],
            "warnings": list(overtried(todo.matrix)),
        }


def plan_of(experiment: Experiment, *, batch: bool = False) -> Planned:
    """What a run would do; reads the store where there is one, writes nothing. With ``batch``, at the price of batches."""
    matrix = expand(experiment)
    metrics = metrics_of(matrix)
    shares = hashes_of(metrics, amounts=False)
    if not (experiment.home / "results.duckdb").exists():
        matrix = foreseen(matrix, None, shares)
        todo = Todo(matrix, _distinct(matrix.cells), matrix.jobs)
        return _planned(todo, tuple(gradings(todo, metrics, None)), batch)
    with open_store(experiment.home, write=False) as store:
        todo = missing(foreseen(matrix, store, shares), store)
        return _planned(todo, tuple(gradings(todo, metrics, store)), batch)


def _planned(todo: Todo, graded: tuple[Gradings, ...], batch: bool) -> Planned:
    return Planned(todo, expenses(todo, graded, batch=batch), sum(some.count for some in graded))


def searched(one: Sought) -> str:
    """``search for sft on triage: 9 recipes, 9 on 25 %, 3 on 100 % of the data``, or what it has found."""
    if one.winner is not None:
        return f"search for {one.said}: of {plural(one.search.count, 'recipe')} dev chose {settings_said(one.winner)}"
    sizes = [f"{count} on {100 * share:.3g} %" for share, count in one.search.stages]
    return f"search for {one.said}: {plural(one.search.count, 'recipe')}, {', '.join(sizes)} of the data"


def _distinct(cells: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple({cell.id: cell for cell in cells}.values())


def plan_lines(planned: Planned) -> list[str]:
    """The matrix as a table: one line for each contender on each suite."""
    rows: dict[tuple[str, str, str, str], list[int]] = {}
    missing_cells = {cell.id for cell in planned.todo.cells}
    for cell in planned.todo.matrix.cells:
        key = (cell.model.id, cell.suite.name, cell.contender.label, cell.contender.technique)
        row = rows.setdefault(key, [0, 0, cell.size])
        row[0] += 1
        row[1] += cell.id in missing_cells
    lines = [f"{'model':<16} {'suite':<12} {'contender':<24} {'technique':<18} {'seeds':>5} {'cases':>6}  missing"]
    for (model, suite, contender, technique), (seeds, absent, cases) in rows.items():
        what = plural(absent * cases, "answer") if absent else "-"
        lines.append(f"{model:<16} {suite:<12} {contender:<24} {technique:<18} {seeds:>5} {cases:>6}  {what}")
    todo = planned.todo
    lines.append("")
    lines.append(
        f"{plural(len(todo.matrix.cells), 'cell')}, {len(todo.cells)} to answer: up to {plural(todo.trials, 'answer')}"
    )
    lines.append(f"{plural(len(todo.matrix.jobs), 'training')}, {len(todo.jobs)} to do: {plural(todo.steps, 'step')}")
    lines.append(expected(todo) if todo.cells or todo.jobs else "nothing is missing")
    lines += [searched(one) for one in todo.matrix.sought]
    if unsettled(todo.matrix):
        lines.append("searches are counted at most; the candidates that they are for, with the settings as declared")
    lines += [f"as it is, this decides nothing: {warning}" for warning in overtried(todo.matrix)]
    if waiting := unprobed(todo.matrix):
        lines.append(f"not counted: the probes of {', '.join(waiting)}, whom dev chooses once it is measured")
    judge = todo.matrix.experiment.judge
    if judge is not None and planned.gradings:
        jurors = ", ".join(model.id for model in judge.bases)
        lines.append(f"{plural(planned.gradings, 'grading')} by {jurors}, more where a reply cannot be read")
    return [*lines, *(bill.said for bill in planned.bills)]
