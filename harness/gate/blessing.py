"""Recording a champion: a contender whose rows are whole and whose gates hold becomes what others must beat.

>>> bench = Bench(Path("experiment.toml"), replay=True)
>>> blessing = bless(bench, "triage", "sft")
>>> blessing.lost                                    # gates that it does not hold
()
>>> blessing.write()                                 # suites/triage/blessed.jsonl; False where it held the same already
True
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import BadInput, HarnessError, suggest
from harness.gate.bench import Bench
from harness.gate.blessed import FORMAT, Head, Line, content, write_champion
from harness.plural import plural
from harness.suite import BLESSED, BLESSED_FILE, Case, Suite, Task
from harness.verdict.board import Scores, load_board


@dataclass(frozen=True)
class Blessing:
    """What would be recorded; ``lost`` are gates that are not held, ``skipped`` what was not compared, a sentence each."""

    suite: str
    path: Path
    head: Head
    lines: tuple[Line, ...]
    lost: tuple[str, ...]
    skipped: tuple[str, ...]

    def write(self, *, dry: bool = False) -> bool:
        """Record it; whether the file changes."""
        return write_champion(self.path, self.head, self.lines, dry=dry)


def bless(bench: Bench, suite: str, contender: str, *, model: str | None = None) -> Blessing:
    """What is to be recorded of a contender, from the rows that the bench has read.

    Raises:
        BadInput: for a suite, a contender or a model that the experiment does not field.
        Incomplete: when a test answer has no score, by any of the suite's metrics.
    """
    task = _task(bench, suite)
    model = _model(bench, task.suite, contender, model)
    metrics = [metric for metric in bench.metrics(suite).values() if not metric.people]
    cells = [c for c in bench.matrix.cells if (c.suite.name, c.contender.name, c.model.id) == (suite, contender, model)]
    metrics = [metric for metric in metrics if metric.concerns(cells[0].contender)]
    for metric in metrics:
        bench.check(model, task.suite, contender, metric.name)
    said = list(_gates(bench, task.suite, contender, model, {metric.name for metric in metrics}))
    found = {metric.name: _recorded(bench, model, task.suite, contender, metric.name) for metric in metrics}
    first = found[metrics[0].name].scores
    head = Head(
        format=FORMAT,
        contender=contender,
        technique=cells[0].contender.technique,
        model=model,
        experiment=bench.experiment.name,
        seeds=first.seeds,
        metrics={metric.name: metric.hash for metric in metrics},
        at=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
    )
    lines = tuple(_line(case, found) for case in task.split("test"))
    lost = tuple(sentence for judged, sentence in said if judged)
    skipped = tuple(sentence for judged, sentence in said if not judged)
    return Blessing(suite, task.suite.path(BLESSED_FILE), head, lines, lost, skipped)


def _task(bench: Bench, suite: str) -> Task:
    tasks = {task.suite.name: task for task in bench.matrix.tasks}
    if suite not in tasks:
        raise BadInput(f"{bench.path}: no suite {suite!r}: {suggest(suite, tasks)}")
    return tasks[suite]


def _model(bench: Bench, suite: Suite, contender: str, model: str | None) -> str:
    fielded = bench.fielded(suite.name)
    if contender not in fielded:
        raise BadInput(
            f"{bench.path}: no contender {contender!r} on suite {suite.name!r}: {suggest(contender, fielded)}"
        )
    models = fielded[contender]
    if model is None and len(models) > 1:
        raise BadInput(
            f"{contender!r} is fielded on {plural(len(models), 'model')}, a champion stands on one: say which with --model: "
            f"{', '.join(models)}"
        )
    if model is not None and model not in models:
        raise BadInput(f"--model {model!r}: {contender!r} is not fielded on it: {suggest(model, models)}")
    return model or models[0]


def _gates(
    bench: Bench, suite: Suite, contender: str, model: str, metrics: Collection[str]
) -> Iterator[tuple[bool, str]]:
    """Of the gates that are the contender's: whether it was judged and lost, and what is said of it."""
    for gate in suite.gates:
        if (
            gate.contender not in ("*", contender)
            or gate.over == contender
            or (gate.metric or suite.metric) not in metrics
        ):
            continue
        try:
            if gate.over is not None:
                bench.check(model, suite, gate.over, gate.metric or suite.metric)
        except HarnessError as error:
            if gate.over != BLESSED:
                raise
            yield False, f"{gate.name}: not compared with the champion before it: {error}"
            continue
        outcome = bench.outcome(gate, model, suite, contender)
        if not outcome.passed:
            yield True, f"{gate.name}: {outcome.sentence}"


@dataclass(frozen=True, slots=True)
class _Recorded:
    """One metric's scores, and in which column a case is."""

    scores: Scores
    columns: Mapping[str, int]

    def of(self, case: Case) -> tuple[float, ...]:
        return tuple(float(value) for value in self.scores.values[:, self.columns[case.id]])


def _recorded(bench: Bench, model: str, suite: Suite, contender: str, metric: str) -> _Recorded:
    rows = bench.rows(model, suite.name, metric)
    scores = load_board(rows, suite.name, metric).test[contender]
    return _Recorded(scores, {rows.cases[code]: column for column, code in enumerate(scores.cases)})


def _line(case: Case, found: Mapping[str, _Recorded]) -> Line:
    of = {metric: one for metric, one in found.items() if case.id in one.columns}
    flagged = any(bool(one.scores.flagged[one.columns[case.id]]) for one in of.values())
    return Line(
        case=case.id, content=content(case), scores={name: one.of(case) for name, one in of.items()}, flagged=flagged
    )
