"""What people are given to grade: stored answers to the same test cases, blind and in random order.

    {"trial": "5f0c…", "asked": "My oven hums.", "reference": "…", "answer": "We will send …", "reviewer": "",
     "scores": {"action": null, "calm": null}}

``harness judge sample reply labels.jsonl`` writes one line an answer; filled in, it is a file of labels (``harness.people``).
``harness review`` shows the same answers on a page (``harness.review``).

Cases are drawn by the experiment's seed, one after the other: a larger sample begins with the smaller one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.errors import BadInput, suggest
from harness.evidence import Evidence
from harness.matrix import Cell
from harness.metrics.rubric import load_rubric
from harness.people import PAIRWISE
from harness.prompt import final_answer
from harness.store.reviews import Drawn
from harness.suite import Case, Task
from harness.verdict import Rows, load_rows
from harness.verdict.board import Board, load_board
from harness.verdict.choose import choose
from harness.verdict.decide import reverted_in


class Said(NamedTuple):
    """An answer as it is scored: of a contender that thinks first, the part after ``Answer:``."""

    trial: str
    text: str


Pair = tuple[Cell, Cell]
"""Whose answers are compared, the one that is scored first."""


@dataclass(frozen=True)
class Sample:
    """Test cases in the order in which they were drawn, and what was answered: cell → case → answer, by their ids."""

    task: Task
    cases: tuple[Case, ...]
    said: Mapping[str, Mapping[str, Said]]

    @property
    def answers(self) -> Iterator[tuple[Case, Said]]:
        """Every answer once, by case."""
        for case in self.cases:
            yield from ((case, said) for said in dict.fromkeys(s[case.id] for s in self.said.values() if case.id in s))


@dataclass(frozen=True)
class Contest:
    """Who answers a suite with a base model, and what the metrics say of them.

    Raises:
        BadInput: when the experiment has no such suite or model, or several models and none is named.
    """

    found: Evidence
    task: Task
    model: str
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, found: Evidence, suite: str, model: str | None) -> Contest:
        task, model = _task(found, suite), _model(found, model)
        here = (
            c for c in found.matrix.cells if (c.suite.name, c.model.id) == (suite, model) and not c.contender.probes
        )
        return cls(found, task, model, tuple(here))

    @property
    def names(self) -> list[str]:
        """The contenders in the matrix's order."""
        return list(dict.fromkeys(cell.contender.name for cell in self.cells))

    @property
    def references(self) -> list[str]:
        """Contenders that a metric of the suite compares with, the deciding metric's first."""
        metrics = [name for name in self._metrics if name.startswith(PAIRWISE)]
        return [name for name in (metric.removeprefix(PAIRWISE) for metric in metrics) if name in self.names]

    def known(self, contender: str) -> str:
        """That contender's name.

        Raises:
            BadInput: when there is none of that name.
        """
        if contender not in self.names:
            raise BadInput(
                f"no contender {contender!r} on suite {self.task.suite.name!r}: {suggest(contender, self.names)}"
            )
        return contender

    def of_name(self, contender: str, trainings: int = 1) -> list[Cell]:
        """A contender's cells: of a tuned one its first trainings."""
        seeds = (None, *self.found.experiment.seeds[:trainings])
        return [cell for cell in self.cells if cell.contender.name == contender and cell.seed in seeds]

    def finalists(self) -> list[str]:
        """Whom the verdict compares, in the matrix's order: by the deciding metric, else by the first that was measured;
        all where none was.
        """
        for rows, board in self._boards():
            chosen = choose(board, reverted_in(rows, self.found.policy))
            if chosen.untrained or chosen.tuned:
                return [name for name in self.names if name in (*chosen.untrained, *chosen.tuned)]
        return self.names

    def draw(self, cells: Iterable[Cell], count: int, *, drawn: Drawn = "even") -> Sample:
        """So many test cases with the cells' answers.

        Raises:
            BadInput: when there is no answer yet.
        """
        cells = list(cells)
        tested = {case.id: case for case in self.task.split("test")}
        order = sorted(tested)
        random.Random(self.found.experiment.seed).shuffle(order)
        if drawn == "disagree":
            apart = self._apart({cell.contender.name for cell in cells})
            order = sorted((case for case in order if apart.get(case, 0) > 0), key=lambda case: -apart[case])
        chosen = order[:count]
        said = {cell.id: self._said(cell, set(chosen)) for cell in cells}
        if not any(said.values()):
            raise BadInput(self._nothing(bool(chosen)))
        return Sample(self.task, tuple(tested[name] for name in chosen), said)

    @property
    def _metrics(self) -> list[str]:
        deciding = self.found.policy.suites[self.task.suite.name].metric or self.task.suite.metric
        return list(dict.fromkeys((deciding, *self.task.suite.all_metrics)))

    @cached_property
    def _rows(self) -> Rows | None:
        """None where nothing was scored, by a program, a judge or people."""
        rows = self.found.rows(self.model)
        return load_rows(rows) if rows.num_rows else None

    def _boards(self) -> Iterator[tuple[Rows, Board]]:
        """What a program or a judge measured, the deciding metric first: people have not seen everybody yet."""
        rows, suite = self._rows, self.task.suite.name
        if rows is not None and suite in rows.suites:
            boards = (load_board(rows, suite, metric) for metric in self._metrics if metric in rows.metrics(suite))
            yield from ((rows, board) for board in boards if board.source != "human")

    def _said(self, cell: Cell, cases: set[str]) -> dict[str, Said]:
        """By case; of several samples the first."""
        asked = {trial.case_id: trial.id for trial in cell.trials() if trial.case_id in cases and trial.repeat == 0}
        texts = self.found.store.replies(list(asked.values()))
        return {
            case: Said(trial, final_answer(cell.contender, text))
            for case, trial in asked.items()
            if (text := texts.get(trial, (None, None, None))[0]) is not None
        }

    def _apart(self, contenders: set[str]) -> dict[str, float]:
        """How far the contenders' scores of a case lie apart, by the first metric that a program or a judge gave them all."""
        for rows, board in self._boards():
            if contenders <= board.test.keys():
                scores = {name: board.test[name] for name in contenders}
                means = [
                    dict(zip(s.cases.tolist(), s.values.mean(axis=0).tolist(), strict=True)) for s in scores.values()
                ]
                shared = set.intersection(*(set(mean) for mean in means))
                spread = {code: np.ptp([mean[code] for mean in means]) for code in shared}
                return {rows.cases[code]: float(apart) for code, apart in spread.items() if np.isfinite(apart)}
        raise BadInput(
            f"suite {self.task.suite.name!r}: no metric that a program or a judge gives scores {', '.join(sorted(contenders))} "
            "on test: leave --disagree out"
        )

    def _nothing(self, asked: bool) -> str:
        said = "there are no answers to grade yet: run `harness run`"
        return f"suite {self.task.suite.name!r}: {said if asked else 'the contenders differ on no test case'}"


def sample(
    found: Evidence, suite: str, *, model: str | None = None, contenders: Sequence[str] = (), cases: int = 60
) -> Iterator[dict[str, Any]]:
    """Lines to be filled in, of the same test cases for every contender; of a tuned one its first training.

    Args:
        found: An experiment with its store.
        suite: Which suite; it needs a rubric.
        model: The base model; may be left out when there is one.
        contenders: Whose answers; those that the verdict compares otherwise.
        cases: How many test cases, drawn by the experiment's seed.

    Raises:
        BadInput: for a name that is not there, a suite without a rubric, and when there is nothing to grade.
    """
    contest = Contest.of(found, suite, model)
    criteria = load_rubric(rubric_of(contest.task))
    names = [contest.known(name) for name in contenders] or contest.finalists()
    drawn = contest.draw([cell for name in names for cell in contest.of_name(name)], cases)
    lines = [
        {"trial": said.trial, "asked": case.input, "reference": case.reference, "answer": said.text, "reviewer": ""}
        for case, said in drawn.answers
    ]
    random.Random(found.experiment.seed).shuffle(lines)
    return ({**line, "scores": {criterion.id: None for criterion in criteria}} for line in lines)


def rubric_of(task: Task) -> Path:
    """Where a suite's rubric lies.

    Raises:
        BadInput: when it has none.
    """
    if task.suite.rubric is None:
        raise BadInput(
            f'suite {task.suite.name!r} has no rubric to grade by: add rubric = "rubric.md" to its suite.toml'
        )
    return task.suite.path(task.suite.rubric)


def write(path: Path, lines: Iterator[dict[str, Any]]) -> int:
    """The lines to a new file; returns how many.

    Raises:
        BadInput: when the file is there already, or cannot be written.
    """
    made = [json.dumps(line, ensure_ascii=True) for line in lines]
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("\n".join(made) + "\n")
    except FileExistsError as error:
        raise BadInput(f"{path}: is there already, perhaps with grades in it: name another file") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror}") from error
    return len(made)


def _task(found: Evidence, suite: str) -> Task:
    tasks = {task.suite.name: task for task in found.matrix.tasks}
    if suite not in tasks:
        raise BadInput(f"no suite {suite!r} in the experiment: {suggest(suite, tasks)}")
    return tasks[suite]


def _model(found: Evidence, model: str | None) -> str:
    if model is None and len(found.models) > 1:
        raise BadInput(f"the experiment has the base models {', '.join(found.models)}: name one with --model")
    if model is not None and model not in found.models:
        raise BadInput(f"no base model {model!r}: {suggest(model, found.models)}")
    return model or found.models[0]
