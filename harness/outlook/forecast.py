"""Of an experiment: what its suites can decide, what each candidate takes, what a run would do, and what speaks against it.

>>> forecast(Path("experiment.toml"), Options()).outlooks[0].justifiable      # doctest: +SKIP
0.116
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import StoreBusy
from harness.evidence import kinship
from harness.experiment import load_experiment
from harness.matrix import Matrix, expand
from harness.outlook.effort import Effort, efforts
from harness.outlook.options import Options
from harness.outlook.spread import spreads
from harness.outlook.suite import Outlook, bare, outlooks, tuned
from harness.progress import Planned, plan_of
from harness.rounds import overtried
from harness.scoring import metrics_of
from harness.verdict import gates


@dataclass(frozen=True, slots=True)
class Forecast:
    """What an experiment can decide, and what a run of it would do; ``run`` is None without one, or while it is written.

    ``warnings`` are gates that will fail whatever the scores are.
    """

    outlooks: tuple[Outlook, ...]
    efforts: tuple[Effort, ...] = ()
    run: Planned | None = None
    warnings: tuple[str, ...] = ()


def forecast(path: Path | None, options: Options) -> Forecast:
    """One outlook for each suite that decides or guards; of no experiment, one for what the options say.

    Raises:
        BadInput: no experiment and no number of cases, or numbers that make no sense.
    """
    if path is None:
        return Forecast((bare(options),))
    experiment = load_experiment(path)
    try:
        run = plan_of(experiment)
    except StoreBusy:
        run = None
    matrix = expand(experiment)
    known = spreads(matrix)
    found = outlooks(matrix, known, options)
    given = options.case_sd is not None or options.seed_sd is not None
    each = {} if given else {suite: some.each for suite, some in known.items()}
    todo = run.todo if run else None
    deciding = [outlook for outlook in found if outlook.role == "decide"]
    taken = [effort for one in deciding for effort in efforts(matrix, todo, one, each.get(one.suite, {}))]
    return Forecast(tuple(found), tuple(taken), run, (*_kin(matrix), *overtried(matrix)))


def as_dict(found: Forecast) -> dict[str, Any]:
    """Plain values, ready for JSON."""
    run = found.run.as_dict() if found.run else {}
    work = {key: run[key] for key in ("trainings", "answers", "seconds", "usd", "searches") if key in run}
    work |= {"trainings": len(work["trainings"])} if work else {}
    return {
        "suites": [outlook.as_dict() for outlook in found.outlooks],
        "candidates": [effort.as_dict() for effort in found.efforts],
        "run": work or None,
        "warnings": list(found.warnings),
    }


def _kin(matrix: Matrix) -> Iterator[str]:
    """Suites whose metric will decide nothing because of who judges."""
    metrics = metrics_of(matrix)
    for task in matrix.tasks:
        suite = task.suite.name
        own = matrix.policy.suites[suite]
        metric = metrics[suite].get(own.metric or task.suite.metric)
        if own.role == "watch" or metric is None or metric.judge is None:
            continue
        compared = dict.fromkeys(tuned(matrix, suite), True)
        told = [
            gates.kinship(suite, compared, matrix.policy.kinship.joined(kinship(matrix, base)))
            for base in matrix.experiment.bases
        ]
        yield from dict.fromkeys(f"{suite}: {gate.evidence}" for gate in told if gate.status == "fail")
