"""What people are given to grade: stored answers in random order, blind, with a place for every criterion's number.

    {"trial": "5f0c…", "asked": "My oven hums.", "reference": "…", "answer": "We will send …", "reviewer": "",
     "scores": {"action": null, "calm": null}}

``harness judge sample reply labels.jsonl`` writes it; filled in, it is a file of labels (``harness.people``).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.errors import BadInput, suggest
from harness.evidence import Evidence
from harness.matrix import Cell
from harness.metrics.rubric import load_rubric
from harness.suite import Task
from harness.verdict import load_rows
from harness.verdict.board import load_board
from harness.verdict.choose import choose


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
    task = _task(found, suite)
    model = _model(found, model)
    placed = [c for c in found.matrix.cells if (c.suite.name, c.model.id) == (suite, model) and not c.contender.probes]
    named = list(dict.fromkeys(cell.contender.name for cell in placed))
    for name in contenders:
        if name not in named:
            raise BadInput(f"no contender {name!r} on suite {suite!r}: {suggest(name, named)}")
    wanted = set(contenders) or _finalists(found, task, model)
    first = found.experiment.seeds[0]
    cells = [cell for cell in placed if cell.contender.name in wanted and cell.seed in (None, first)]
    return _lines(found, task, cells, cases)


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
    if tasks[suite].suite.rubric is None:
        raise BadInput(f'suite {suite!r} has no rubric to grade by: add rubric = "rubric.md" to its suite.toml')
    return tasks[suite]


def _model(found: Evidence, model: str | None) -> str:
    if model is None and len(found.models) > 1:
        raise BadInput(f"the experiment has the base models {', '.join(found.models)}: name one with --model")
    if model is not None and model not in found.models:
        raise BadInput(f"no base model {model!r}: {suggest(model, found.models)}")
    return model or found.models[0]


def _finalists(found: Evidence, task: Task, model: str) -> set[str]:
    rows = load_rows(found.rows(model))
    chosen = choose(load_board(rows, task.suite.name, found.policy.suites[task.suite.name].metric or task.suite.metric))
    return {*chosen.untrained, *chosen.tuned}


def _lines(found: Evidence, task: Task, cells: Sequence[Cell], count: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(found.experiment.seed)
    criteria = load_rubric(task.suite.path(task.suite.rubric or ""))
    tested = {case.id: case for case in task.split("test")}
    chosen = set(rng.sample(sorted(tested), min(count, len(tested))))
    trials = {trial.id: trial.case_id for cell in cells for trial in cell.trials() if trial.case_id in chosen}
    texts = {name: text for name, (text, *_) in found.store.replies(list(trials)).items() if text is not None}
    if not texts:
        raise BadInput(f"suite {task.suite.name!r}: there are no answers to grade yet: run `harness run`")
    order = sorted(texts)
    rng.shuffle(order)
    for name in order:
        case = tested[trials[name]]
        said = {"trial": name, "asked": case.input, "reference": case.reference, "answer": texts[name]}
        yield {**said, "reviewer": "", "scores": {criterion.id: None for criterion in criteria}}
