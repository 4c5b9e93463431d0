"""Probes: what is asked beside the matrix to say why a verdict came out so. One word in the experiment adds them:

    probes = true

    gold_passage    the prompt of the best retrieval, with the documents in it that each case says hold its answer
    pass@1, pass@8  eight samples of the best prompt: how often one is right, and how often any
    sft on 1/2      the tuned finalists, trained on half and on a quarter of the data: the learning curve

Whom they probe is chosen on dev, as the verdict chooses its finalists, so they come in a second round, once dev was
measured. They are asked the test cases alone, and are never chosen and never a baseline. The lenient reading of answers
that are there (``Suite.lenient``) needs none of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from harness.contender import Contender
from harness.experiment import Probes
from harness.matrix import Cell, Matrix
from harness.prompt import Prompter
from harness.recipe import UNTRAINED
from harness.store import Store
from harness.training.job import Job, adapter_fingerprint
from harness.training.rows import Row, read_rows
from harness.verdict import load_rows
from harness.verdict.board import load_board
from harness.verdict.choose import choose

Hashes = Mapping[str, Mapping[str, str]]
"""Suite → metric → the metric's hash."""


def probed(matrix: Matrix, store: Store, hashes: Hashes) -> Matrix:
    """The matrix with its probes, as far as dev has shown whom to probe; itself where the experiment asks for none."""
    declared = matrix.experiment.probes
    if declared is None:
        return matrix
    found = [_Probing(declared, cells).found() for cells in _finalists(matrix, store, hashes)]
    cells = [cell for some, _ in found for cell in some]
    jobs = {job.adapter: job for _, some in found for job in some}
    return replace(matrix, cells=(*matrix.cells, *cells), jobs=(*matrix.jobs, *jobs.values()))


def unprobed(matrix: Matrix) -> list[str]:
    """Deciding suites that wait for their probes."""
    if matrix.experiment.probes is None:
        return []
    found = {cell.suite.name for cell in matrix.cells if cell.contender.probes}
    deciding = (task.suite.name for task in matrix.tasks if matrix.policy.suites[task.suite.name].role == "decide")
    return [name for name in deciding if name not in found]


@dataclass(frozen=True)
class _Finalists:
    """Those of one suite and base model whom dev chose; ``jobs`` are by adapter."""

    untrained: Mapping[str, Cell]
    tuned: Sequence[Cell]
    jobs: Mapping[str, Job]


def _finalists(matrix: Matrix, store: Store, hashes: Hashes) -> Iterator[_Finalists]:
    """Of every deciding suite that stands in the store as it does here, answered and scored on dev as a whole."""
    jobs = {job.adapter: job for job in matrix.jobs}
    for model, cells in _measured(matrix, store):
        if not cells:
            continue
        wanted = {suite: hashes[suite] for suite in cells}
        scored = store.rows(matrix.experiment.name, model=model, metrics=wanted)
        rows = load_rows(scored) if scored.num_rows else None
        for suite, some in cells.items():
            if rows is None or suite not in rows.suites:  # people alone score it, and none on dev
                continue
            board = load_board(rows, suite, matrix.policy.suites[suite].metric or some[0].suite.metric)
            chosen = choose(board)
            if chosen.chosen and board.dev and not any(scores.missing for scores in board.dev.values()):
                untrained = [cell for cell in some if cell.contender.name in chosen.untrained]
                tuned = [cell for cell in some if cell.contender.name in chosen.tuned]
                yield _Finalists({cell.contender.technique: cell for cell in untrained}, tuned, jobs)


def _measured(matrix: Matrix, store: Store) -> Iterator[tuple[str, dict[str, list[Cell]]]]:
    """Base model, and its deciding suites' cells by suite: those of which the store holds just what is asked here."""
    complete = store.complete(matrix.sizes)
    stored: dict[tuple[str, str], dict[Any, str]] = {}
    for row in store.cells(matrix.experiment.name):
        if row.data_fraction == 1 and not row.technique.startswith("probe:"):
            stored.setdefault((row.model, row.suite), {})[row.place] = row.cell
    for model in matrix.experiment.bases:
        cells: dict[str, list[Cell]] = {}
        for cell in matrix.cells:
            if cell.model == model and matrix.policy.suites[cell.suite.name].role == "decide":
                cells.setdefault(cell.suite.name, []).append(cell)
        yield (
            model.id,
            {
                suite: some
                for suite, some in cells.items()
                if all(cell.id in complete for cell in some)
                and {cell.row.place: cell.id for cell in some} == stored.get((model.id, suite))
            },
        )


@dataclass(frozen=True)
class _Probing:
    """The probes of one suite and base model."""

    declared: Probes
    finalists: _Finalists

    def found(self) -> tuple[list[Cell], list[Job]]:
        """Their cells, and the trainings that these need."""
        return [*self._gold(), *self._samples(), *self._parts()], list(self._jobs.values())

    def _gold(self) -> Iterator[Cell]:
        cell = self.finalists.untrained.get("rag")
        if cell is not None and self.declared.gold and any(case.documents for case in cell.task.split("test")):
            yield _as(cell, name="gold_passage", technique="probe:gold-passage", gold=True, retrieve=None)

    def _samples(self) -> Iterator[Cell]:
        cell, count = self.finalists.untrained.get("prompt"), self.declared.samples
        if cell is None or not count:
            return
        for k in (1, count):  # the same answers: their mean, and whether any is right
            asked = {"samples": count, "temperature": self.declared.temperature}
            yield _as(cell, name=f"pass@{k}", technique=f"probe:pass@{k}", **asked)

    @property
    def _trained_here(self) -> list[Cell]:
        """The tuned finalists but for those that cannot be had of less data."""
        return [
            cell
            for cell in self.finalists.tuned
            if self.finalists.jobs[cell.adapter or ""].recipe.method not in UNTRAINED
        ]

    def _parts(self) -> Iterator[Cell]:
        for cell in self._trained_here:
            for share in self.declared.fractions:
                yield replace(_as(cell, share=share), adapter=self._jobs[cell.adapter or "", share].adapter)

    @cached_property
    def _jobs(self) -> dict[tuple[str, float], Job]:
        """(adapter of the whole, share of the data) → the training on that share, after those that it starts from."""
        made: dict[tuple[str, float], Job] = {}
        for cell in self._trained_here:
            for share in self.declared.fractions:
                self._make(cell.adapter or "", share, cell.identity, made)
        return made

    def _make(self, adapter: str, share: float, identity: str, made: dict[tuple[str, float], Job]) -> Job:
        if (adapter, share) not in made:
            whole = self.finalists.jobs[adapter]
            start = self._make(whole.start_from.name, share, identity, made) if whole.start_from else None
            made[adapter, share] = part(whole, share, identity=identity, start=start)
        return made[adapter, share]


def _as(cell: Cell, **changed: object) -> Cell:
    """The cell with another contender in it."""
    contender = Contender.model_validate({**cell.contender.model_dump(), **changed})
    return Cell(
        cell.model,
        cell.identity,
        cell.task,
        contender,
        Prompter(cell.task, contender, seed=cell.prompter.seed),
        cell.seed,
        cell.adapter,
    )


def part(job: Job, share: float, *, identity: str, start: Job | None) -> Job:
    """The same training on a share of its rows, drawn by its seed; a smaller share lies in a larger one.

    Args:
        job: The training on all rows.
        share: In (0, 1).
        identity: The base model's hash.
        start: The training on the same share that it starts from, where it starts from one.
    """
    rows = _sample([row for _, row in read_rows(job.rows)], share, job.seed)
    replay = read_rows(job.replay) if job.replay is not None and job.recipe.replay else None
    adapter = adapter_fingerprint(
        model=identity,
        recipe=job.recipe,
        rows=rows,
        seed=job.seed,
        system=job.system,
        replay=[row for _, row in replay] if replay is not None else None,
        start_from=start.adapter if start else None,
        reward=job.reward,
        source=job.source.read_text(encoding="utf-8") if job.source is not None else None,
        exam=job.exam,
    )
    name = f"{job.recipe_name} on {share:g}"
    return replace(
        job,
        adapter=adapter,
        recipe_name=name,
        rows=rows,
        out=job.out.with_name(adapter),
        start_from=start.out if start else None,
    )


def _sample(rows: Sequence[Row], share: float, seed: int) -> tuple[Row, ...]:
    order = random.Random(seed).sample(range(len(rows)), len(rows))
    return tuple(rows[place] for place in sorted(order[: max(1, round(share * len(rows)))]))
