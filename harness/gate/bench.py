"""An experiment under test: what it fields, and what its store holds, read once a session and measured first if need be.

>>> bench = Bench(Path("experiment.toml"))
>>> bench.ensure(lambda: {("triage", "sft")}, Console)        # does what is missing, once
>>> bench.board("embedded:tiny", "triage", "json_exact").test["sft"].mean
0.912
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harness.arrow import Mask, to_numpy, valid
from harness.errors import BadInput, Incomplete, suggest
from harness.evidence import evidence
from harness.experiment import Experiment, load_experiment
from harness.gate.blessed import Champion, load_champion
from harness.gate.judge import Outcome, judge
from harness.matrix import SPLITS, Cell, Matrix, expand
from harness.metrics import Metric
from harness.prompt import final_answer
from harness.run import Progress, run
from harness.scoring import Metrics, hashes_of
from harness.store import Answer
from harness.suite import BLESSED, Gate, Split, Suite, Task
from harness.verdict import Policy, Rows, load_rows
from harness.verdict.board import Board, Scores, joined, load_board
from harness.verdict.column import Codes, aligned, each, encode, kept
from harness.verdict.source import shared

TALLIED = ("suite", "contender", "training_seed", "metric", "split")

Wanted = Collection[tuple[str, str | None]]
"""(suite, contender) that items need; None for all contenders of a suite."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer to a test case: what was asked, expected and said, and its score (the deciding metric's by default).

    ``actual`` is what was scored: for a contender that thinks first, the part after ``Answer:``.
    """

    case_id: str
    input: str
    expected: str
    actual: str
    score: float
    seed: int | None = None


@dataclass
class Bench:
    """One ``experiment.toml`` in one pytest session; ``limit`` keeps the first cases of each split."""

    path: Path
    limit: int | None = None
    replay: bool = False
    said: set[str] = field(default_factory=set)
    _rows: dict[tuple[str, bool], Rows] = field(default_factory=dict)
    _tables: dict[tuple[str, bool], pa.Table] = field(default_factory=dict)
    _asked: frozenset[str] = frozenset()
    _metrics: Metrics = field(default_factory=dict)
    _scored: Counter[tuple[str, str, str, int | None]] = field(default_factory=Counter)
    _tested: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    _failed: Exception | None = None
    _ready: bool = False
    _boards: dict[tuple[str, str, str], Board] = field(default_factory=dict)
    _answers: dict[tuple[str, str, str], list[Answer]] = field(default_factory=dict)
    _champions: dict[str, Champion] = field(default_factory=dict)
    _blessed: dict[tuple[str, str, str], Scores] = field(default_factory=dict)

    # --- what is declared

    @cached_property
    def experiment(self) -> Experiment:
        return load_experiment(self.path)

    @cached_property
    def matrix(self) -> Matrix:
        return expand(self.experiment)

    @property
    def policy(self) -> Policy:
        return self.matrix.policy

    @property
    def models(self) -> list[str]:
        return [model.id for model in self.experiment.bases]

    def task(self, folder: Path) -> Task | None:
        """The task whose suite lies in ``folder``, if the experiment has it."""
        here = folder.resolve()
        return next((task for task in self.matrix.tasks if task.suite.folder.resolve() == here), None)

    def fielded(self, suite: str, metric: Metric | None = None) -> dict[str, list[str]]:
        """Contender → base models that field it on a suite, in the matrix's order; with a metric, of those that it concerns."""
        found: dict[str, list[str]] = {}
        for cell in self.matrix.cells:
            if metric is not None and not metric.concerns(cell.contender):
                continue
            if cell.suite.name == suite and cell.model.id not in found.setdefault(cell.contender.name, []):
                found[cell.contender.name].append(cell.model.id)
        return found

    def metrics(self, suite: str) -> Mapping[str, Metric]:
        """A suite's metrics, the deciding one first; known once the store was read."""
        return self._metrics[suite]

    # --- what is measured

    def ensure(self, wanted: Callable[[], Wanted], console: Callable[[], Progress]) -> None:
        """Read the store, once; where something wanted is missing from it, run the experiment first (unless replaying).

        Raises:
            Exception: when nothing can be read or measured; the same one for every item of the session.
        """
        if not self._ready:
            self._ready = True
            try:
                self._prepare(wanted, console)
            except Exception as error:
                self._failed = error
        if self._failed is not None:
            raise self._failed

    def _prepare(self, wanted: Callable[[], Wanted], console: Callable[[], Progress]) -> None:
        try:
            self._read()
        except Incomplete:
            if self.replay:
                raise
        if not self.replay and any(self._lacks(cell) for cell in self._cells(wanted())):
            run(self.experiment, progress=console(), limit=self.limit)
            if self.limit is not None:  # what was measured stands under a name of its own
                self.__dict__["matrix"] = expand(self.experiment, limit=self.limit)
            self._read()

    def _read(self) -> None:
        with evidence(self.matrix) as found:
            found.refuse_mixed()
            self._asked = found.current
            self._metrics = found.metrics
            self._tables = {(model, False): self._cut(found.rows(model)) for model in found.models}
            if any(metric.amount for named in found.metrics.values() for metric in named.values()):
                self._tables |= {(model, True): self._cut(found.amounts(model)) for model in found.models}
        self._scored.clear()
        self._tested.clear()
        for (model, _), table in self._tables.items():
            for (suite, contender, seed, metric, split), count in _tally(table):
                self._scored[model, suite, contender, seed] += count
                self._tested[model, suite, contender, metric] += count if split == "test" else 0

    def _cells(self, wanted: Wanted) -> list[Cell]:
        return [
            cell
            for cell in self.matrix.cells
            if (cell.suite.name, cell.contender.name) in wanted or (cell.suite.name, None) in wanted
        ]

    def _lacks(self, cell: Cell) -> bool:
        """Whether a cell is unknown to the store, or some of its answers have no score."""
        if cell.id not in self._asked:
            return True
        metrics = [metric for metric in self._metrics[cell.suite.name].values() if metric.concerns(cell.contender)]
        count = sum(self._count(cell.task, split, metric) for split in SPLITS for metric in metrics)
        return self._scored[_place(cell)] < count

    def _count(self, task: Task, split: Split, metric: Metric) -> int:
        """How many of a task's cases a metric covers: of all, or of the first of each split in a limited run."""
        if metric.gold:
            return sum(map(metric.covers, task.split(split)[: self.limit]))
        count = task.counts[split]
        return count if self.limit is None else min(count, self.limit)

    def _cut(self, table: pa.Table) -> pa.Table:
        """What gates judge: whole trainings, and in a limited run the first cases."""
        table = aligned(table)
        whole = shared(table["data_fraction"], lambda fractions: to_numpy(fractions) == 1)
        if self.limit is None or not table.num_rows:
            return kept(table, whole)
        suite, case = encode(table, "suite"), encode(table, "case_id")
        asked = np.zeros((len(suite.values), len(case.values)), dtype=np.bool_)
        for task in self.matrix.tasks:
            cases = {case.id for split in SPLITS for case in task.split(split)[: self.limit]}
            if task.suite.name in suite.values:
                asked[suite.values.index(task.suite.name)] = [name in cases for name in case.values]
        return kept(
            table, each(lambda whole, suite, case: whole & asked[suite, case], whole, suite.chunks, case.chunks)
        )

    def check(self, model: str, suite: Suite, contender: str, metric: str) -> None:
        """That every test answer of a contender has a score; of the blessed one, that what was recorded can be compared with.

        Raises:
            BadInput: for a contender or metric that the suite does not have.
            Incomplete: saying how many have none, and why the first has none.
        """
        if metric not in suite.all_metrics:
            raise BadInput(f"suite {suite.name!r} does not score {metric!r}: {suggest(metric, suite.all_metrics)}")
        if contender == BLESSED:
            self._bless(model, suite, metric)
            return
        task = self.matrix.task(suite.name)
        cells = [c for c in self._cells({(suite.name, contender)}) if c.model.id == model]
        if not cells:
            raise BadInput(
                f"{self.path}: no contender {contender!r} on suite {suite.name!r} with {model!r}: "
                f"{suggest(contender, self.fielded(suite.name))}"
            )
        measure = self._metrics[suite.name][metric]
        if not measure.concerns(cells[0].contender):
            raise BadInput(
                f"suite {suite.name!r}: contender {contender!r} retrieves nothing, so it has no {metric!r}: name one that does, "
                "or another metric"
            )
        wanted = self._count(task, "test", measure) * len(cells)
        lacking = wanted - self._tested[model, suite.name, contender, metric]
        if lacking or any(cell.id not in self._asked for cell in cells):
            errors = self._errors(model, suite.name, contender, metric)
            raise Incomplete(
                f"{lacking or wanted} of {wanted} test answers of {contender!r} on suite {suite.name!r} have no "
                f"{metric!r}: {errors[0] if errors else 'never asked as they stand now'}; {self._remedy(errors)}"
            )

    def _bless(self, model: str, suite: Suite, metric: str) -> None:
        """Have the champion's scores beside those of a model's contenders."""
        key = (model, suite.name, metric)
        if key in self._blessed:
            return
        named = self._metrics[suite.name]
        if suite.name not in self._champions:
            self._champions[suite.name] = load_champion(suite, named)
        champion = self._champions[suite.name]
        cases = self.matrix.task(suite.name).split("test")[: self.limit]
        champion.refuse_other(named[metric], cases)
        scores = champion.scores(named[metric], cases, self.rows(*key), suite.name)
        self._blessed[key] = scores

    def _remedy(self, errors: list[str]) -> str:
        if self.replay:
            return "leave --replay out, or run `harness run`"
        return "run again to retry them" if errors else "run `harness run`"

    def _errors(self, model: str, suite: str, contender: str, metric: str) -> list[str]:
        """Why test answers have no score, one reason for each of them."""
        table = self._tables[model, self._metrics[suite][metric].amount]
        mask = pc.and_(pc.equal(table["split"], "test"), pc.is_null(table["score"]))
        for name, value in (("suite", suite), ("contender", contender), ("metric", metric)):
            mask = pc.and_(mask, pc.equal(table[name], value))
        return [str(error) for error in table.filter(mask)["error"].to_pylist()]

    # --- what is judged

    def rows(self, model: str, suite: str, metric: str) -> Rows:
        """The rows of a base model among which those of a metric are, validated once."""
        key = (model, self._metrics[suite][metric].amount)
        if key not in self._rows:
            self._rows[key] = load_rows(self._tables[key], amounts=key[1])
        return self._rows[key]

    def board(self, model: str, suite: str, metric: str) -> Board:
        """All contenders' scores on one suite and metric, and the champion's where it was checked."""
        key = (model, suite, metric)
        if key not in self._boards:
            self._boards[key] = load_board(self.rows(*key), suite, metric, estimand=self.policy.estimand)
        board, blessed = self._boards[key], self._blessed.get(key)
        return board if blessed is None else joined(board, blessed, estimand=self.policy.estimand)

    def outcome(self, gate: Gate, model: str, suite: Suite, contender: str) -> Outcome:
        """What becomes of a gate for one contender whose scores were checked."""
        board = self.board(model, suite.name, gate.metric or suite.metric)
        return judge(gate, board, contender, alpha=self.policy.alpha)

    def answers(self, model: str, suite: Suite, contender: str, metric: str) -> list[Answered]:
        """Every answer to a test case, in the order of cases, one a training seed.

        Raises:
            BadInput: for the blessed one.
        """
        if contender == BLESSED:
            raise BadInput(f"of {BLESSED!r} the scores were recorded, not the answers: ask for a contender's")
        task = self.matrix.task(suite.name)
        cases = {case.id: case for case in task.split("test")[: self.limit]}
        fielded = next(c.contender for c in self._cells({(suite.name, contender)}))
        return [
            Answered(
                case_id=answer["case_id"],
                input=cases[answer["case_id"]].input,
                expected=cases[answer["case_id"]].reference,
                actual=final_answer(fielded, answer["text"] or ""),
                score=answer["scores"][metric] or 0.0,
                seed=answer["training_seed"],
            )
            for answer in self._stored(model, suite.name, contender)
            if answer["case_id"] in cases and answer["scores"].get(metric) is not None
        ]

    def _stored(self, model: str, suite: str, contender: str) -> list[Answer]:
        key = (model, suite, contender)
        if key not in self._answers:
            with evidence(self.matrix) as found:
                of = (self.experiment.name, suite, contender)
                self._answers[key] = found.store.answers(*of, model=model, metrics=hashes_of(self._metrics)[suite])
        return self._answers[key]


def _place(cell: Cell) -> tuple[str, str, str, int | None]:
    return cell.model.id, cell.suite.name, cell.contender.name, cell.seed


def _tally(table: pa.Table) -> Iterator[tuple[list[Any], int]]:
    """How many scores stand at each combination of ``TALLIED``. ``Table.group_by`` would load a query engine: 0.2 s."""
    if not table.num_rows:
        return
    columns = [encode(table, name) for name in TALLIED]
    sizes = [len(column.values) for column in columns]
    scored = [valid(chunk) if chunk.null_count else None for chunk in table["score"].chunks]

    def count(scored: Mask | None, *codes: Codes) -> tuple[Codes, Codes]:
        places = np.ravel_multi_index(codes, sizes)
        counts = np.bincount(places if scored is None else places[scored])
        found = np.flatnonzero(counts)
        return found, counts[found]

    for found, counts in each(count, scored, *(column.chunks for column in columns)):
        for place, number in zip(zip(*np.unravel_index(found, sizes), strict=True), counts.tolist(), strict=True):
            yield [column.values[code] for column, code in zip(columns, place, strict=True)], number
