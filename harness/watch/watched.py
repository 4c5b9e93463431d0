"""What is watched: a contender's answers to a suite's test cases as round 0 has them, and the name under which rounds belong to it.

    >>> one = watched(matrix, store, metrics, "triage", "zero_shot")          # doctest: +SKIP
    >>> one.series, len(one.asked), one.metric.name                           # doctest: +SKIP
    ('77ab…', 200, 'json_exact')

The series is the fingerprint of every question and of every answer of round 0. Where a case, a prompt, a model or a setting is another,
or round 0 was measured anew, rounds begin with 1 again, and nothing is compared across.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.errors import BadInput, Incomplete, suggest
from harness.experiment import Model
from harness.fingerprint import fingerprint
from harness.matrix import Cell, Matrix
from harness.metrics import Metric
from harness.plural import plural
from harness.scoring import Metrics
from harness.store import Store
from harness.suite import Case
from harness.trial import Generation, Trial

MOST = 0.05
"""Share of answers that a round may lack for good; with more, it is not finished."""
Target = tuple[str, str]
"""A suite, and a contender."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of round 0: who asks it, its case, and the trial."""

    cell: Cell
    case: Case
    trial: Trial


@dataclass(frozen=True)
class Watched:
    """One contender on one suite with one base model; ``asked`` and ``first`` are by the ids of round 0's trials."""

    suite: str
    contender: str
    model: Model
    metric: Metric
    asked: Mapping[str, Asked]
    first: Mapping[str, tuple[Generation, datetime | None]]

    @property
    def series(self) -> str:
        texts = sorted((name, generation.text) for name, (generation, _) in self.first.items())
        return fingerprint("series", self.suite, self.contender, self.model.id, texts)

    @property
    def named(self) -> str:
        return f"{self.suite}={self.contender}"

    @property
    def cases(self) -> dict[str, Case]:
        """Those that are asked, by id, in the suite's order."""
        return {one.case.id: one.case for one in self.asked.values()}


def watched(
    matrix: Matrix, store: Store, metrics: Metrics, target: Target, *, model: str | None, cases: int | None
) -> Watched:
    """What a target names.

    Raises:
        BadInput: for a suite, contender or model that is not there, or a metric that no round can be scored by.
        Incomplete: when round 0 lacks too many answers.
    """
    cells = _cells(matrix, target, model)
    suite, contender = target
    metric = next(iter(metrics[suite].values()))
    if metric.people or metric.amount:
        why = "people give" if metric.people else "is an amount, no share of 1"
        raise BadInput(
            f"suite {suite!r}: its metric {metric.name!r} {why}: what is watched is scored without them, in [0, 1]"
        )
    drawn = _drawn(matrix, suite, cases)
    asked = {
        trial.id: Asked(cell, drawn[case.id], trial)
        for cell in cells
        for some, trials in cell.chunks()
        for case, trial in zip(some, trials, strict=True)
        if case.id in drawn
    }
    first = {name: found for name, found in store.generations(list(asked)).items() if found[0].error is None}
    _refuse_thin(f"{suite}={contender}", len(first), len(asked))
    kept = {name: one for name, one in asked.items() if name in first}
    return Watched(suite, contender, cells[0].model, metric, kept, first)


def _cells(matrix: Matrix, target: Target, model: str | None) -> list[Cell]:
    """Of one base model, one for each training seed."""
    suite, contender = target
    here = [cell for cell in matrix.cells if cell.suite.name == suite and cell.contender.split != "dev"]
    names = dict.fromkeys(cell.contender.name for cell in here if not cell.contender.probes)
    if not here:
        raise BadInput(
            f"{suite}={contender}: no suite {suite!r}: {suggest(suite, [t.suite.name for t in matrix.tasks])}"
        )
    if contender not in names:
        raise BadInput(f"{suite}={contender}: no contender {contender!r}: {suggest(contender, names)}")
    found = [cell for cell in here if cell.contender.name == contender]
    models = list(dict.fromkeys(cell.model.id for cell in found))
    if model is None and len(models) > 1:
        raise BadInput(f"{suite}={contender} answers with {', '.join(models)}: name one of them with --model")
    if model is not None and model not in models:
        raise BadInput(f"{suite}={contender}: no base model {model!r}: {suggest(model, models)}")
    return [cell for cell in found if model in (None, cell.model.id)]


def _drawn(matrix: Matrix, suite: str, count: int | None) -> dict[str, Case]:
    """The test cases, or ``count`` of them: the same ones every time, by the experiment's seed."""
    tested = sorted(matrix.task(suite).split("test"), key=lambda case: case.id)
    if not tested:
        raise BadInput(f"suite {suite!r}: has no test cases to ask again")
    some: Sequence[Case] = tested
    if count is not None and count < len(tested):
        some = random.Random(matrix.experiment.seed).sample(tested, count)
    return {case.id: case for case in some}


def _refuse_thin(named: str, there: int, wanted: int) -> None:
    if wanted - there > MOST * wanted:
        raise Incomplete(
            f"{named}: round 0 is what `harness run` stores, and {plural(wanted - there, 'answer')} of {wanted:,} missing: "
            "run it first"
        )
