"""What a run does in rounds: searches for recipes first, rung by rung, then the candidates, and probes last.

    matrix = grown(declared, store, hashes)     # what can be done now
    ...                                         # trained, answered, scored
    settle(declared, store, hashes)             # True where a search has found its recipe: expand again

A rung is trainings and answers to dev cases like any other, so a killed search goes on where it was. Which tries go on is
worked out of their stored scores anew each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import inf
from statistics import fmean

from harness.contender import SEARCH, Contender
from harness.errors import BadInput, HarnessError
from harness.matrix import Cell, Matrix
from harness.plural import plural
from harness.probe import Hashes, probed
from harness.prompt import Prompter
from harness.search import Course, Try, course
from harness.sought import Sought
from harness.store import Store
from harness.todo import steps_of
from harness.training.job import Job


def grown(matrix: Matrix, store: Store, hashes: Hashes) -> Matrix:
    """The matrix of the next round: without what waits for a search, with the tries that are due or were made; with the probes
    when nothing waits.

    Raises:
        BadInput: for a search on a suite that people alone score.
    """
    if not matrix.sought:
        return probed(matrix, store, hashes)
    trained = _without(matrix, {job.adapter for job in _waiting(matrix)})
    found = [_Search(matrix, one, store, hashes) for one in matrix.sought if not one.waits]
    whole = _joined(trained, [(search, search.course()) for search in found])
    return whole if unsettled(matrix) else probed(whole, store, hashes)


def foreseen(matrix: Matrix, store: Store | None, hashes: Hashes) -> Matrix:
    """All rounds that are to come, as far as they can be told: of a rung that is not known the longest trainings go on, and the
    candidate is trained as it is declared.
    """
    searches = [_Search(matrix, one, store, hashes) for one in matrix.sought]
    whole = _joined(matrix, [(search, search.course(otherwise=search.steps)) for search in searches])
    return whole if store is None or unsettled(matrix) else probed(whole, store, hashes)


def settle(matrix: Matrix, store: Store, hashes: Hashes) -> bool:
    """Keep what searches have found by now; whether any of them has found its recipe, or another one.

    Raises:
        HarnessError: when all that a search tried has diverged.
    """
    changed = False
    for one in matrix.sought:
        if not one.waits:
            found = _Search(matrix, one, store, hashes).course()
            if found.over and found.winner is None:
                raise HarnessError(
                    f"the search for {one.said}: all of its {plural(len(found.tries), 'recipe')} diverged: lower learning_rate"
                )
            changed |= one.keep(found)
    return changed


def unsettled(matrix: Matrix) -> list[Sought]:
    """Searches that have not found their recipe."""
    return [one for one in matrix.sought if one.winner is None]


def overtried(matrix: Matrix) -> Iterator[str]:
    """Suites on which searches try more than prompts are: the gate ``prompt_variants`` will fail there, whatever the scores."""
    for suite in dict.fromkeys(one.suite for one in matrix.sought):
        model = next(one.model for one in matrix.sought if one.suite == suite)
        cells = [c for c in matrix.cells if (c.suite.name, c.model) == (suite, model)]
        prompts = len({cell.contender.name for cell in cells if cell.contender.technique == "prompt"})
        searched = [one for one in matrix.sought if (one.suite, one.model) == (suite, model)]
        tuned = {cell.contender.name for cell in cells if cell.contender.technique == "tune"}
        tries = sum(one.search.count for one in searched) + len(tuned - {one.name for one in searched})
        if prompts < tries:
            yield (
                f"{suite}: {plural(tries, 'recipe')} would be tried on dev, and {plural(prompts, 'prompt variant')}: the gate "
                "prompt_variants fails when tuning is given more tries than prompting: lower trials, or add prompts"
            )


@dataclass
class _Search:
    """One search, and what the store knows of its tries."""

    matrix: Matrix
    sought: Sought
    store: Store | None
    hashes: Hashes
    _made: dict[tuple[int, float], list[tuple[Job, Cell]]] = field(default_factory=dict)

    def course(self, *, otherwise: Callable[[Try, float], float] | None = None) -> Course:
        """How far it is; ``otherwise`` says what is taken for a score that is not known."""

        def score(one: Try, share: float) -> float | None:
            known = self.score(one, share)
            return otherwise(one, share) if known is None and otherwise else known

        return course(self.sought.search, self.sought.propose, score, self.loss)

    def score(self, one: Try, share: float) -> float | None:
        """The mean on dev over the search's seeds, by the suite's own metric."""
        if self.store is None:
            return None
        task = self.matrix.task(self.sought.suite)
        metric = self.matrix.policy.suites[self.sought.suite].metric or task.suite.metric
        digest = self.hashes[self.sought.suite].get(metric)
        if digest is None:
            raise BadInput(
                f"candidates.{self.sought.name}.search: suite {self.sought.suite!r} is scored by {metric!r}, which gives no score "
                "while a run goes on: leave the search out, or name the suites of the candidate"
            )
        made = self.made(one, share)
        if any(self._diverged(job) for job, _ in made):
            return -inf
        means = self.store.means({cell.id: cell.size for _, cell in made}, metric, digest)
        return fmean(means.values()) if len(means) == len({cell.id for _, cell in made}) else None

    def loss(self, one: Try, share: float) -> float:
        """What its trainings came to at the end: the mean of the last tenth of the steps; infinite where nothing was noted."""
        found = [self.store.training(job.adapter) if self.store else None for job, _ in self.made(one, share)]
        ends = [training.losses[-max(1, len(training.losses) // 10) :] if training else [] for training in found]
        return fmean(fmean(loss for _, loss, *_ in end) if end else inf for end in ends)

    def steps(self, one: Try, share: float) -> float:
        """How long its trainings are."""
        return float(sum(steps_of(job) for job, _ in self.made(one, share)))

    def made(self, one: Try, share: float) -> list[tuple[Job, Cell]]:
        """A try's trainings on a share of the data, each with what it is asked."""
        if (one.number, share) not in self._made:
            self._made[one.number, share] = [(job, self._cell(job, one, share)) for job in self.sought.jobs(one, share)]
        return self._made[one.number, share]

    def parts(self, found: Course) -> Iterator[tuple[Job, Cell | None]]:
        """All trainings of its course, and what they are asked: those that diverged are asked nothing."""
        for one, share in found.asked:
            for job, cell in self.made(one, share):
                yield job, None if self._diverged(job) else cell

    def _diverged(self, job: Job) -> bool:
        training = self.store.training(job.adapter) if self.store else None
        return training is not None and training.diverged

    def _cell(self, job: Job, one: Try, share: float) -> Cell:
        sought, task = self.sought, self.matrix.task(self.sought.suite)
        contender = Contender(
            name=f"{sought.name}/{one.number}",
            technique=SEARCH,
            prompt=sought.candidate.prompt,
            recipe=sought.name,
            share=share,
        )
        prompter = Prompter(task, contender, seed=self.matrix.experiment.seed)
        return Cell(sought.model, sought.identity, task, contender, prompter, job.seed, job.adapter)


def _waiting(matrix: Matrix) -> list[Job]:
    """Trainings whose recipe is still searched for, and those that start from such a one."""
    open_ = {(one.suite, one.name, one.model) for one in unsettled(matrix)}
    found: list[Job] = []
    for job in matrix.jobs:
        behind = {other.out for other in found}
        if (job.suite, job.recipe_name, job.model) in open_ or behind.intersection(job.behind):
            found.append(job)
    return found


def _without(matrix: Matrix, waiting: set[str]) -> Matrix:
    cells = tuple(cell for cell in matrix.cells if cell.adapter not in waiting)
    return replace(matrix, cells=cells, jobs=tuple(job for job in matrix.jobs if job.adapter not in waiting))


def _joined(matrix: Matrix, found: list[tuple[_Search, Course]]) -> Matrix:
    """The matrix with what searches try, first."""
    parts = [part for search, known in found for part in search.parts(known)]
    before = [job for search, _ in found for job in search.sought.before]
    jobs = {job.adapter: job for job in (*before, *(job for job, _ in parts))}
    cells = [cell for _, cell in parts if cell is not None]
    return replace(matrix, cells=(*matrix.cells, *cells), jobs=(*jobs.values(), *matrix.jobs))
