"""How much paired differences vary, from case to case and from training to training.

    >>> spreads(matrix)["triage"].widest                                  # doctest: +SKIP
    Spread(case_sd=0.41, seed_sd=0.018, source='from 80 dev cases')

Taken from what the store holds of dev (a guard without dev rows: of test, since a variance gives no answer away), else assumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import Incomplete, StoreBusy
from harness.evidence import Evidence, evidence
from harness.matrix import Matrix
from harness.plural import plural
from harness.verdict.board import Board, Scores, compare, load_board
from harness.verdict.check import TUNED
from harness.verdict.policy import SuitePolicy


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations of one case's difference and of one training's mean, in score units, and where they are from."""

    case_sd: float
    seed_sd: float
    source: str


ASSUMED = Spread(0.5, 0.02, "assumed: one answer in four changes")
ASSUMED_GUARD = Spread(0.2, 0.01, "assumed: one answer in twenty-five changes")


@dataclass(frozen=True, slots=True)
class Spreads:
    """Of one suite: ``each`` tuned contender's, where it was measured, and the ``widest``, by which the suite is planned."""

    widest: Spread
    each: Mapping[str, Spread] = field(default_factory=dict)


def assumed(role: str) -> Spreads:
    """Of a suite of that role on which nothing was measured yet."""
    return Spreads(ASSUMED_GUARD if role == "guard" else ASSUMED)


def spreads(matrix: Matrix) -> dict[str, Spreads]:
    """What the store holds about differences, by suite; of the first base model."""
    try:
        with evidence(matrix) as found:
            known = found.models[0] in found.store.models(matrix.experiment.name)
            return dict(_measured(found)) if known else {}
    except (Incomplete, StoreBusy):
        return {}


def _measured(found: Evidence) -> Iterator[tuple[str, Spreads]]:
    rows = found.loaded(found.models[0])
    for task in found.matrix.tasks:
        own = found.policy.suites[task.suite.name]
        metric = own.metric or task.suite.metric
        if metric in rows.metrics(task.suite.name) and own.role in ("decide", "guard"):
            made = _of_board(load_board(rows, task.suite.name, metric), own)
            if made is not None:
                yield task.suite.name, made


def _of_board(board: Board, own: SuitePolicy) -> Spreads | None:
    """Differences to the best untrained contender: of the tuned ones; of two untrained ones where nothing was trained yet,
    and then the seeds' part is assumed.
    """
    split = "dev" if board.dev or own.role == "decide" else "test"
    scores = list((board.dev if split == "dev" else board.test).values())
    whole = [one for one in scores if not one.missing and one.cases.size > 1]
    untrained = sorted((s for s in whole if s.technique not in TUNED), key=lambda s: (-round(s.mean, 12), s.contender))
    tuned = [one for one in whole if one.technique in TUNED and len(one.seeds) > 1]
    if not untrained:
        return None
    each = _each(board, tuned or untrained[1:2], untrained[0], split)
    if not each:
        return None
    widest = _widest(list(each.values()))
    if tuned:
        return Spreads(widest, each)
    seed_sd = assumed(own.role).widest.seed_sd
    return Spreads(replace(widest, seed_sd=seed_sd, source=f"{widest.source}, the seeds' part assumed"))


def _each(board: Board, ours: Sequence[Scores], theirs: Scores, split: str) -> dict[str, Spread]:
    found = {}
    for one in ours:
        made = compare(board, one, theirs)
        if made is not None:
            said = f"from {plural(made.n, f'{split} case')}"
            found[one.contender] = Spread((made.v_case * made.n) ** 0.5, (made.v_seed * made.seeds) ** 0.5, said)
    return found


def _widest(some: Sequence[Spread]) -> Spread:
    """The largest of each part: whoever is chosen, it is planned for."""
    widest = max(some, key=lambda spread: spread.case_sd)
    return replace(widest, seed_sd=max(spread.seed_sd for spread in some))
