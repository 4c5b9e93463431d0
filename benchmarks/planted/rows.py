"""One draw from a world: every answer, and the rows that a run would have left.

    draw = drawn(world, np.random.default_rng(1))
    harness.decide(draw.table(), world.declared)

Text columns are the same in every draw, so they are made once a world (`_Sheet`); scores, flags and errors are drawn.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import ndtri

from benchmarks.planted.texts import disguised, edited, prose, ticket
from benchmarks.planted.world import GUARD, TASK, TUNED, Contender, World
from harness.data import Row, overlaps
from harness.suite import Case

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Key = tuple[str, str, float]
"""Suite, contender, share of the training data."""

METRIC = "right"
COLLAPSES = 0.1
ROWS = 400
"""Training rows that no case is among, where leaks are planted in texts."""
FARTHEST = 5.0
"""Of heavy-tailed trainings, in standard deviations: no level leaves [0, 1], and the mean stays what it was."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that differ in their case alone: ``start`` to ``stop`` of the suite's cases, dev first."""

    key: Key
    technique: str
    split: str
    seed: int | None
    row: int
    source: str
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Draw:
    """Answers by (suite, contender, share of data), each (trainings or 1, dev and test cases); ``graded`` is what the
    judge made of them, ``levels`` what each training's level turned out to be."""

    world: World
    answers: Mapping[Key, Floats]
    graded: Mapping[Key, Floats]
    levels: Mapping[Key, Floats]
    flagged: Mask
    missing: Mapping[Key, Mask] = field(default_factory=dict)

    def table(self, cases: int | None = None) -> pa.Table:
        """The rows, with the first ``cases`` test cases or all."""
        sheet = _sheet(self.world, self.world.cases if cases is None else cases)
        scores = np.concatenate([self._scores(b)[b.row, b.start : b.stop] for b in sheet.blocks])
        columns = {**sheet.columns, "score": pa.array(scores)}
        if self.missing:
            lost = np.concatenate([self.missing[b.key][b.row, b.start : b.stop] for b in sheet.blocks])
            columns["score"] = pa.array(scores, mask=lost)
            columns["error"] = pa.array(["time-out" if gone else None for gone in lost], pa.string())
        if self.world.leak:
            marks = [self._marks(block) for block in sheet.blocks]
            columns["flagged"] = pa.array(np.concatenate(marks))
        return pa.table(columns)

    def _marks(self, block: Block) -> Mask:
        if block.key[0] == TASK and block.technique in TUNED:
            return self.flagged[block.start : block.stop]
        return np.zeros(block.stop - block.start, dtype=np.bool_)

    def test(self, name: str) -> Floats:
        """That contender's scores on the test cases of the task, (trainings or 1, cases), as they were measured."""
        return self._measured((TASK, name, 1.0))[:, self.world.dev :]

    def dev(self, name: str) -> Floats:
        """The same on its dev cases."""
        return self._measured((TASK, name, 1.0))[:, : self.world.dev]

    def _measured(self, key: Key) -> Floats:
        return self.graded.get(key, self.answers[key])

    def _scores(self, block: Block) -> Floats:
        return self.answers[block.key] if block.source == "human" else self._measured(block.key)


def drawn(world: World, rng: np.random.Generator) -> Draw:
    """Everybody's answers to every case of the world's suites."""
    task = _Answers(world, rng, world.dev + world.cases, TASK)
    leaked, flagged = _leak(world, rng)
    for contender in world.contenders:
        task.add(contender, contender.level, leaked=leaked)
        if contender.slope is not None:
            task.add(contender, contender.level - contender.slope, fraction=0.5)
    made = [task]
    if world.guard is not None:
        guard = _Answers(world, rng, world.guard_cases, GUARD)
        guard.add(Contender("zero_shot", "prompt", world.guard), world.guard)
        for contender in world.tuned:
            guard.add(contender, world.guard if contender.guard is None else contender.guard)
        made.append(guard)
    answers = {key: value for part in made for key, value in part.answers.items()}
    levels = {key: value for part in made for key, value in part.levels.items()}
    missing = {k: rng.random(v.shape) < world.missing for k, v in answers.items()} if world.missing else {}
    return Draw(world, answers, _graded(world, answers, rng), levels, flagged, missing)


class _Answers:
    """Answers to one suite: what belongs to a case, to a case with a contender, and to one answer."""

    def __init__(self, world: World, rng: np.random.Generator, count: int, suite: str) -> None:
        self.world, self.rng, self.count, self.suite = world, rng, count, suite
        self.clusters = _clusters(world, suite)
        self.shared = np.sqrt(world.shared) * self._component()
        self.answers: dict[Key, Floats] = {}
        self.levels: dict[Key, Floats] = {}

    def add(self, contender: Contender, level: float, *, fraction: float = 1.0, leaked: Mask | None = None) -> None:
        """One contender's answers, a row for each training."""
        world = self.world
        levels = _levels(world, level, self.rng) if contender.tuned else np.array([level])
        common = self.shared + np.sqrt(world.own) * self._component()
        rest = np.sqrt(1 - world.shared - world.own)
        bar = np.broadcast_to(ndtri(levels)[:, None], (levels.size, self.count))
        if world.leak is not None and leaked is not None and contender.tuned:
            bar = np.where(leaked, ndtri(world.leak.remembered), bar)
        parts = [common + rest * self.rng.standard_normal(bar.shape) < bar for _ in range(world.graded)]
        key = (self.suite, contender.name, fraction)
        self.answers[key] = np.mean(parts, axis=0) if world.graded > 1 else parts[0].astype(np.float64)
        self.levels[key] = levels

    def _component(self) -> Floats:
        """A standard normal for every case, correlated within its cluster."""
        alone = self.rng.standard_normal(self.count)
        if int(self.clusters[-1]) + 1 == self.count:
            return alone
        common = self.rng.standard_normal(int(self.clusters[-1]) + 1)[self.clusters]
        correlated: Floats = np.sqrt(self.world.icc) * common + np.sqrt(1 - self.world.icc) * alone
        return correlated


def _levels(world: World, level: float, rng: np.random.Generator) -> Floats:
    """Each training's level; their mean over all trainings there could be is ``level`` whatever the tail."""
    if world.tail == "collapse":
        unit = np.where(rng.random(world.seeds) < COLLAPSES, -(1 - COLLAPSES), COLLAPSES)
        moves = unit / np.sqrt(COLLAPSES * (1 - COLLAPSES))
    else:
        drawn_ = rng.standard_t(3, world.seeds) / np.sqrt(3) if world.tail == "t3" else rng.standard_normal(world.seeds)
        moves = np.clip(drawn_, -FARTHEST, FARTHEST)
    room = min(level, 1 - level) - 1e-6
    reached: Floats = level + np.clip(world.seed_sd * moves, -room, room)
    return reached


def _leak(world: World, rng: np.random.Generator) -> tuple[Mask | None, Mask]:
    """Which cases were trained on, and which a detector marks; no dev case is either."""
    none = np.zeros(world.dev + world.cases, dtype=np.bool_)
    if world.leak is None:
        return None, none
    test = np.arange(none.size) >= world.dev
    leaked = test & (rng.random(none.size) < world.leak.share)
    if world.leak.found is not None:
        return leaked, test & _detected(leaked, world.leak.found, rng)
    rate = np.where(leaked, world.leak.recall, world.leak.false_positives)
    return leaked, test & (rng.random(none.size) < rate)


def _detected(leaked: Mask, edits: float, rng: np.random.Generator) -> Mask:
    """What the product's own detector marks: tickets, and training rows that hold the leaked ones, half of them inside more."""
    words = random.Random(int(rng.integers(2**63)))
    said = [ticket(words) for _ in leaked]
    rows = [ticket(words) for _ in range(ROWS)]
    for place in np.flatnonzero(leaked):
        copy = disguised(edited(said[place], edits, words) if edits else said[place], words)
        rows.append(f"{prose(words, 20)} {copy} {prose(words, 20)}" if words.random() < 0.5 else copy)
    words.shuffle(rows)
    found = overlaps([Case(str(n), text, "") for n, text in enumerate(said)], [Row("", (text,)) for text in rows])
    marks = np.zeros(leaked.size, dtype=np.bool_)
    marks[[int(name) for name in found]] = True
    return marks


def _graded(world: World, answers: Mapping[Key, Floats], rng: np.random.Generator) -> dict[Key, Floats]:
    """The judge's scores: some wrong, and wrong answers of the tuned side liked on some cases, in every training."""
    judge = world.judge
    if judge is None:
        return {}
    graded = {}
    for key, truth in answers.items():
        if key[0] == GUARD:
            continue
        said = np.where(rng.random(truth.shape) < judge.error, 1 - truth, truth)
        contender = next((c for c in world.contenders if c.name == key[1]), None)
        if contender is not None and contender.tuned and judge.bias:
            seen = contender.level * (1 - 2 * judge.error) + judge.error
            said = np.where(rng.random(truth.shape[1]) < judge.bias / (1 - seen), 1.0, said)
        graded[key] = said
    return graded


def _clusters(world: World, suite: str) -> NDArray[np.int64]:
    """A code a case, ascending; dev and test share none."""
    if suite == GUARD:
        return _codes(world, world.guard_cases)
    dev, test = _codes(world, world.dev), _codes(world, world.cases)
    if world.largest:
        test = np.maximum(test - test[round(world.largest * world.cases)] + 1, 0)
    return np.concatenate([dev, test + (dev[-1] + 1 if dev.size else 0)])


def _codes(world: World, count: int) -> NDArray[np.int64]:
    """Clusters of one size, or of every size up to it, the same in every draw."""
    if not world.uneven:
        return np.arange(count, dtype=np.int64) // world.cluster
    sizes = np.random.default_rng(world.cluster).integers(1, world.cluster + 1, count)
    return np.repeat(np.arange(count, dtype=np.int64), sizes)[:count]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Blocks of rows, and the columns that no draw changes."""

    blocks: tuple[Block, ...]
    columns: Mapping[str, pa.Array]


def _blocks(world: World, cases: int) -> Iterator[Block]:
    source = "judge" if world.judge else "program"
    spans = {"dev": (0, world.dev), "test": (world.dev, world.dev + cases)}
    for contender in world.contenders:
        seeds: list[int | None] = list(range(world.seeds)) if contender.tuned else [None]
        splits = ["dev"] if world.dev and (world.dev_rows_of_tuned or not contender.tuned) else []
        for row, seed in enumerate(seeds):
            about = (contender.technique, seed, row)
            for split in [*splits, *(["test"] if contender.test else [])]:
                yield _block((TASK, contender.name, 1.0), about, split, source, spans[split])
            if contender.slope is not None:
                yield _block((TASK, contender.name, 0.5), about, "test", source, spans["test"])
            if world.judge and contender.test and row < (world.judge.labelled_seeds or world.seeds):
                labelled = (world.dev, world.dev + min(world.judge.labels, cases))
                yield _block((TASK, contender.name, 1.0), about, "test", "human", labelled)
            if world.guard is not None and contender.tuned:
                yield _block((GUARD, contender.name, 1.0), about, "test", "program", (0, world.guard_cases))
    if world.guard is not None:
        yield _block((GUARD, "zero_shot", 1.0), ("prompt", None, 0), "test", "program", (0, world.guard_cases))


def _block(key: Key, about: tuple[str, int | None, int], split: str, source: str, span: tuple[int, int]) -> Block:
    technique, seed, row = about
    return Block(key, technique, split, seed, row, source, *span)


@lru_cache(maxsize=8)
def _sheet(world: World, cases: int) -> _Sheet:
    blocks = tuple(_blocks(world, cases))
    sizes = [b.stop - b.start for b in blocks]
    texts = {s: [f"{s}-{i:05d}" for i in range(world.dev + world.cases + world.guard_cases)] for s in (TASK, GUARD)}
    sources = {s: [f"{s}-from-{c:05d}" for c in _clusters(world, s)] for s in (TASK, GUARD)}

    def column(values: list[Any], kind: pa.DataType) -> pa.Array:
        coded = pa.DictionaryArray.from_arrays(
            pa.array(np.repeat(np.arange(len(blocks)), sizes)), pa.array(values, kind)
        )
        return coded.cast(kind)

    columns = {
        "suite": column([b.key[0] for b in blocks], pa.string()),
        "contender": column([b.key[1] for b in blocks], pa.string()),
        "technique": column([b.technique for b in blocks], pa.string()),
        "metric": column([METRIC] * len(blocks), pa.string()),
        "split": column([b.split for b in blocks], pa.string()),
        "training_seed": column([b.seed for b in blocks], pa.int64()),
        "data_fraction": column([b.key[2] for b in blocks], pa.float64()),
        "case_id": pa.array([text for b in blocks for text in texts[b.key[0]][b.start : b.stop]]),
    }
    if world.prices:
        columns["cost"] = column([world.prices[b.technique in TUNED] for b in blocks], pa.float64())
    if world.judge:
        columns["source"] = column([b.source for b in blocks], pa.string())
    if world.cluster > 1 or world.largest:
        columns["cluster"] = pa.array([text for b in blocks for text in sources[b.key[0]][b.start : b.stop]])
    return _Sheet(blocks, columns)
