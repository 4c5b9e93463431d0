"""What each candidate takes, and how surely its gain would be shown.

    sft: 3 trainings of 68 steps, 2 to do (about 1 min 20 s, $0.04)
    sft: a gain of 8.0 points would be shown 51 times in 100 (per-case SD 0.41, seed SD 0.012, from 80 dev cases)

Candidates differ in the work (rows, epochs, batches) and, once dev was answered, in how much their trainings differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from harness.matrix import Matrix
from harness.outlook.spread import Spread
from harness.outlook.suite import Outlook, tuned
from harness.progress import hour_usd, hours
from harness.todo import Todo, steps_of
from harness.training.job import Job


@dataclass(frozen=True, slots=True)
class Effort:
    """A candidate on a suite, over all base models.

    ``trainings`` have ``steps`` each; of these ``todo`` are missing and take ``seconds`` of the machine and ``usd``, None where
    no pace or no price is known (or, of ``todo``, while a run is going on). ``spreads`` are those of the contenders that it
    fields, and ``chances`` how surely the planned gain of each is shown.
    """

    suite: str
    recipe: str
    start_from: str | None
    trainings: int
    steps: int
    todo: int | None
    seconds: float | None
    usd: float | None
    spreads: dict[str, Spread]
    chances: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def efforts(matrix: Matrix, todo: Todo | None, outlook: Outlook, each: Mapping[str, Spread]) -> list[Effort]:
    """Of every candidate on the outlook's suite, in the order of the experiment. A contender without a spread of its own has
    the suite's; ``todo`` is None while a run is going on.
    """
    fielded = tuned(matrix, outlook.suite)
    return [
        _effort(
            matrix, todo, outlook, recipe, {n: each.get(n, outlook.spread) for n, of in fielded.items() if of == recipe}
        )
        for recipe in dict.fromkeys(fielded.values())
    ]


def _effort(matrix: Matrix, todo: Todo | None, outlook: Outlook, recipe: str, spreads: dict[str, Spread]) -> Effort:
    def own(jobs: Iterable[Job]) -> list[Job]:
        return [job for job in jobs if (job.suite, job.recipe_name) == (outlook.suite, recipe)]

    jobs = own(matrix.jobs)
    left = own(todo.jobs) if todo else None
    seconds, usd = _taken(todo, left) if todo and left is not None else (None, None)
    return Effort(
        suite=outlook.suite,
        recipe=recipe,
        start_from=matrix.experiment.candidates[recipe].start_from,
        trainings=len(jobs),
        steps=steps_of(jobs[0]),
        todo=None if left is None else len(left),
        seconds=seconds,
        usd=usd,
        spreads=spreads,
        chances={name: outlook.chance(outlook.planned, spread=spread) for name, spread in spreads.items()},
    )


def _taken(todo: Todo, jobs: list[Job]) -> tuple[float | None, float | None]:
    """Seconds of the machine and USD, as far as pace and price are known."""
    if not jobs:
        return 0.0, 0.0
    if todo.seconds_per_step is None:
        return None, None
    work, price = sum(map(steps_of, jobs)) * todo.seconds_per_step, hour_usd(todo)
    return work / todo.workers, None if price is None else hours(todo, work) * price
