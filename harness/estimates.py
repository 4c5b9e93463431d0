"""The estimates that suites declare, for every contender: from stored answers to numbers with intervals.

>>> estimates(evidence, "embedded:tiny")["triage"]["macro_f1"]["sft"].estimate      # doctest: +SKIP
0.94
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from harness.evidence import Evidence
from harness.matrix import Cell
from harness.metrics.estimate import Estimate, load_estimates
from harness.scoring import said
from harness.stats import Interval
from harness.store import Store, batches
from harness.suite import Case
from harness.trial import Output

Estimated = Mapping[str, Mapping[str, Mapping[str, Interval]]]
"""Suite → estimate → contender → interval."""


def estimates(evidence: Evidence, model: str) -> Estimated:
    """Of the test cases that are clean and that each training of a contender answered; probes have none.

    Raises:
        BadInput: for an unknown estimate.
    """
    found: dict[str, dict[str, dict[str, Interval]]] = {}
    for task in evidence.matrix.tasks:
        declared = load_estimates(task.suite)
        cases = {case.id: case for case in task.split("test")} if declared else {}
        for contender, cells in _contenders(evidence, task.suite.name, model) if declared else ():
            flagged = evidence.exposure.get((task.suite.name, contender), {})
            clean = [case for name, case in cases.items() if name not in flagged]
            for name, interval in _of(declared, evidence.store, cells, clean, evidence.policy.alpha):
                found.setdefault(task.suite.name, {}).setdefault(name, {})[contender] = interval
    return found


def _contenders(evidence: Evidence, suite: str, model: str) -> Iterator[tuple[str, list[Cell]]]:
    """Each contender with its cells, one a training."""
    cells: dict[str, list[Cell]] = {}
    for cell in evidence.matrix.cells:
        if (cell.suite.name, cell.model.id) == (suite, model) and not cell.contender.probes:
            cells.setdefault(cell.contender.name, []).append(cell)
    yield from cells.items()


def _of(
    declared: Mapping[str, Estimate], store: Store, cells: list[Cell], clean: list[Case], alpha: float
) -> Iterator[tuple[str, Interval]]:
    answered = [_answers(store, cell, clean) for cell in cells]
    cases = [case for case in clean if all(case.id in outputs for outputs in answered)]
    if not cases:
        return
    trained = [[outputs[case.id] for case in cases] for outputs in answered]
    clusters = np.unique([case.cluster for case in cases], return_inverse=True)[1]
    for name, estimate in declared.items():
        interval = estimate.interval(cases, trained, clusters, alpha=alpha)
        if not np.isnan(interval.estimate):
            yield name, interval


def _answers(store: Store, cell: Cell, cases: Collection[Case]) -> dict[str, Output]:
    """Case → what is scored of the answer to it. Cases that ask the same share a trial, and its answer."""
    found: dict[str, Output] = {}
    for some in batches(cases):
        found |= {name: said(cell, output) for name, output in store.outputs(cell.id, cases=[case.id for case in some])}
    return found
