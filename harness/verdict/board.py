"""All contenders' scores on one suite and metric, and the paired comparison of any two of them.

    >>> board = load_board(rows, "triage", "exact_match", estimand="recipe")      # doctest: +SKIP
    >>> compare(board, board.test["sft"], board.test["bm25"]).interval(0.05)      # doctest: +SKIP
    Interval(estimate=0.04, lower=0.01, upper=0.07, alpha=0.05, df=399, n=400, seeds=5, clusters=400)

For the estimand ``artefact`` every training seed is a contender of its own, named ``sft#2``: a fixed thing, whose
claims die at the next training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.stats import DIFFERENCE, Moments, crossed, ppi, seed_variance, share_seen
from harness.verdict.check import SEARCH, TUNED
from harness.verdict.column import Codes
from harness.verdict.rows import Rows
from harness.verdict.run import Floats, Run


@dataclass(frozen=True, slots=True)
class Scores:
    """One contender's scores on one split: ``values`` (seeds or 1, n), NaN where not measured.

    ``seeds`` is empty for an untrained contender; ``fixed`` marks one artefact instead of a recipe; ``even`` says that
    every seed answered the same cases (otherwise only the common ones are here).
    """

    contender: str
    recipe: str
    technique: str
    seeds: tuple[int, ...]
    cases: Codes
    values: Floats
    flagged: NDArray[np.bool_]
    usage: Mapping[str, float]
    even: bool = True
    fixed: bool = False

    @property
    def missing(self) -> int:
        """Number of answers that were not measured."""
        return int(np.isnan(self.values).sum())

    @property
    def mean(self) -> float:
        """Mean over seeds and the clean, measured cases; NaN when there is none."""
        clean = self.values[:, ~self.flagged]
        return float(np.nanmean(clean)) if np.isfinite(clean).any() else float("nan")

    def matrix(self) -> Floats:
        """Values as `harness.stats.crossed` takes them: (seeds, n) for a recipe, (n,) for what has no seed to vary."""
        return self.values if self.seeds and not self.fixed else self.values[0]


@dataclass(frozen=True, slots=True)
class Board:
    """Scores by contender; ``source`` is who graded, and ``people`` has human labels beside a judge's scores. ``taught`` has, by
    contender, the cases that ask for a fact which its training stated, as far as anybody told; ``amounts`` are no shares.
    ``tried`` names what searches for recipes tried on dev: ``sft/3``, of the search for ``sft``.
    """

    suite: str
    metric: str
    source: str
    clusters: Codes
    test: Mapping[str, Scores] = field(default_factory=dict)
    dev: Mapping[str, Scores] = field(default_factory=dict)
    people: Mapping[str, Scores] = field(default_factory=dict)
    fractions: Mapping[tuple[str, float], Scores] = field(default_factory=dict)
    taught: Mapping[str, Codes] = field(default_factory=dict)
    amounts: bool = False
    tried: frozenset[str] = frozenset()

    def techniques(self, *wanted: str) -> list[str]:
        """Names of contenders of those techniques with rows on any split, sorted."""
        both = {**self.dev, **self.test}
        return sorted(name for name, scores in both.items() if scores.technique in wanted)

    def count(self, cases: Codes) -> int:
        """Number of different clusters among the cases."""
        return int(np.count_nonzero(self.among(cases)))

    def among(self, cases: Codes) -> NDArray[np.bool_]:
        """Mask over all cluster codes: which of them the cases belong to."""
        mask = np.zeros(int(self.clusters.max(initial=-1)) + 1, dtype=np.bool_)
        mask[self.clusters[cases]] = True
        return mask


def load_board(rows: Rows, suite: str, metric: str, *, estimand: str = "recipe") -> Board:
    """Everything measured on that suite and metric.

    A metric that a judge graded is the judge's; people's rows then correct it. Learning-curve runs (``data_fraction``
    under 1) are kept apart, from the test split where there are any, else from dev; of searches only the names are.
    """
    every = rows.of(suite, metric)
    runs = [run for run in every if rows.techniques[run.contender] != SEARCH]
    sources = {run.source for run in runs}
    source = next((kind for kind in ("judge", "program", "human") if kind in sources), "program")
    parts: dict[tuple[str, str, float], dict[str, list[Run]]] = {}
    for run in runs:
        parts.setdefault((run.split, run.source, run.data_fraction), {}).setdefault(run.contender, []).append(run)

    def gather(split: str, kind: str) -> dict[str, Scores]:
        full = parts.get((split, kind, 1.0), {})
        made = [_scores(rows, name, some) for name, some in full.items()]
        return {scores.contender: scores for one in made for scores in _artefacts(one, estimand)}

    fractions = {
        (name, fraction): _scores(rows, name, some)
        for split in ("dev", "test")
        for (where, kind, fraction), full in parts.items()
        if (where, kind) == (split, source) and fraction < 1
        for name, some in full.items()
    }
    people = gather("test", "human") if source == "judge" else {}
    test, dev = gather("test", source), gather("dev", source)
    tried = frozenset(run.contender for run in every) - {run.contender for run in runs}
    return Board(
        suite, metric, source, rows.clusters[suite], test, dev, people, fractions, amounts=rows.amounts, tried=tried
    )


def joined(board: Board, scores: Scores, *, estimand: str) -> Board:
    """The board with one more side, which was measured on some of the same test cases."""
    test = {one.contender: one for one in _artefacts(scores, estimand)}
    return replace(board, test={**board.test, **test})


def compare(
    board: Board, ours: Scores, theirs: Scores, *, flagged: bool | None = False, among: Codes | None = None
) -> Moments | None:
    """Moments of ours minus theirs on the clean cases both were measured on; None when there is no such case.

    Args:
        board: gives the clusters and, for a judge's scores, people's labels.
        ours: one side.
        theirs: the other; two trained sides are paired by seed, or in order when they share no seeds.
        flagged: compare on the flagged cases instead; None: on all of them.
        among: compare on these cases alone.
    """
    cases, matrix = difference(ours, theirs, flagged=flagged)
    if among is not None:
        keep = np.isin(cases, among)
        cases, matrix = cases[keep], matrix[..., keep]
    if cases.size == 0:
        return None
    fixed = ours.fixed or theirs.fixed
    moments = _corrected(board, ours, theirs, cases, matrix) if board.people else None
    pseudo = () if board.amounts else DIFFERENCE
    moments = moments or crossed(matrix, clusters_of(board, cases), pseudo=pseudo)
    return replace(moments, seeds=1) if fixed else moments


def difference(ours: Scores, theirs: Scores, *, flagged: bool | None = False) -> tuple[Codes, Floats]:
    """The common cases (n,) and the differences (seeds, n) or (n,), without cases that either side lacks."""
    mine, other = _by_seed(ours, theirs)
    cases, dirty = ours.cases, ours.flagged
    if np.array_equal(ours.cases, theirs.cases):  # the usual case, and no sort
        matrix, dirty = mine - other, dirty | theirs.flagged
    else:
        cases, left, right = np.intersect1d(ours.cases, theirs.cases, assume_unique=True, return_indices=True)
        matrix, dirty = mine[..., left] - other[..., right], dirty[left] | theirs.flagged[right]
    wanted = np.ones_like(dirty) if flagged is None else dirty if flagged else ~dirty
    keep = wanted & np.isfinite(np.atleast_2d(matrix)).all(axis=0)
    return (cases, matrix) if keep.all() else (cases[keep], matrix[..., keep])


def graded(board: Board) -> dict[str, tuple[Codes, Floats, Floats]]:
    """By contender, every answer that the judge and people graded: its case, the judge's score and people's, (n,) each. Of a
    comparison those of the contender that is compared with are left out: it ties with itself, whoever judges.
    """
    both = sorted(set(board.people) & set(board.test))
    names = [name for name in both if board.metric != f"pairwise:{name}"]
    return {name: _graded(board.test[name], board.people[name]) for name in names}


def _graded(ours: Scores, theirs: Scores) -> tuple[Codes, Floats, Floats]:
    common, left, right = np.intersect1d(ours.cases, theirs.cases, assume_unique=True, return_indices=True)
    cases, judged, people = [np.empty(0, dtype=common.dtype)], [np.empty(0)], [np.empty(0)]
    for row, seed in enumerate(theirs.seeds or (None,)):
        if seed is None or seed in ours.seeds:
            cases.append(common)
            judged.append(ours.values[0 if seed is None else ours.seeds.index(seed), left])
            people.append(theirs.values[row, right])
    found = np.concatenate(cases), np.concatenate(judged), np.concatenate(people)
    measured = np.isfinite(found[1]) & np.isfinite(found[2])
    return found[0][measured], found[1][measured], found[2][measured]


def _by_seed(ours: Scores, theirs: Scores) -> tuple[Floats, Floats]:
    """Both matrices with the same seeds where both vary; seeds that are not shared are paired in order."""
    mine, other = ours.matrix(), theirs.matrix()
    if mine.ndim == 1 or other.ndim == 1 or ours.seeds == theirs.seeds:
        return mine, other
    shared = sorted(set(ours.seeds) & set(theirs.seeds))
    if len(shared) >= 2:
        return mine[[ours.seeds.index(s) for s in shared]], other[[theirs.seeds.index(s) for s in shared]]
    k = min(len(mine), len(other))
    return mine[:k], other[:k]


def clusters_of(board: Board, cases: Codes) -> Codes | None:
    """None when every case is a cluster of its own, which is the same number and faster."""
    return None if board.count(cases) == cases.size else board.clusters[cases]


def _corrected(board: Board, ours: Scores, theirs: Scores, cases: Codes, matrix: Floats) -> Moments | None:
    """PPI++ where people graded both sides of some cases; the judge's part uses the answers that people saw."""
    mine, other = board.people.get(ours.contender), board.people.get(theirs.contender)
    if mine is None or other is None:
        return None
    seen, labels = difference(mine, other)
    seen, at, among = np.intersect1d(cases, seen, assume_unique=True, return_indices=True)
    if seen.size == 0:
        return None
    judged = np.atleast_2d(matrix)
    rows = [ours.seeds.index(s) for s in mine.seeds if s in ours.seeds] or [0]
    rest = np.setdiff1d(np.arange(cases.size), at)
    varies = matrix.ndim == 2
    return ppi(
        judged[rows][:, at].mean(axis=0) if varies else judged[0, at],
        np.atleast_2d(labels)[:, among].mean(axis=0),
        judged[:, rest].mean(axis=0),
        clusters=clusters_of(board, seen),
        rest_clusters=clusters_of(board, cases[rest]),
        v_seed=seed_variance(matrix) if varies else 0.0,
        seeds=matrix.shape[0] if varies else 0,
        graded_seeds=len(rows) if varies else None,
        seen=_seen(ours, mine) if varies else 1.0,
    )


def _seen(judged: Scores, people: Scores) -> float:
    """The share of a difference between answers that the judge sees, where both graded."""
    _, left, right = np.intersect1d(judged.cases, people.cases, assume_unique=True, return_indices=True)
    pairs = [
        (judged.values[judged.seeds.index(seed), left], people.values[row, right])
        for row, seed in enumerate(people.seeds)
        if seed in judged.seeds
    ]
    if not pairs:
        return 1.0
    both = np.concatenate(pairs, axis=1)
    return share_seen(*both[:, np.isfinite(both).all(axis=0)])


def _scores(rows: Rows, name: str, runs: list[Run]) -> Scores:
    """Runs of one contender stacked by seed, on the cases that all of them share."""
    runs = sorted(runs, key=lambda run: -1 if run.training_seed is None else run.training_seed)
    seeds = tuple(run.training_seed for run in runs if run.training_seed is not None)
    cases, even = runs[0].cases, True
    for run in runs[1:]:
        if not np.array_equal(run.cases, cases):
            cases, even = np.intersect1d(run.cases, cases, assume_unique=True), False
    picks = [slice(None) if even else np.searchsorted(run.cases, cases) for run in runs]
    values = np.stack([run.scores[pick] for run, pick in zip(runs, picks, strict=True)])
    flagged = np.any([run.flagged[pick] for run, pick in zip(runs, picks, strict=True)], axis=0)
    return Scores(name, name, rows.techniques[name], seeds, cases, values, flagged, _usage(runs), even)


def _usage(runs: list[Run]) -> dict[str, float]:
    names = {name for run in runs for name in run.usage}
    return {name: float(np.mean([run.usage[name] for run in runs if name in run.usage])) for name in sorted(names)}


def _artefacts(scores: Scores, estimand: str) -> list[Scores]:
    if estimand != "artefact" or scores.technique not in TUNED:
        return [scores]
    return [_artefact(scores, i, seed) for i, seed in enumerate(scores.seeds)]


def _artefact(scores: Scores, row: int, seed: int) -> Scores:
    changed: dict[str, Any] = {"contender": f"{scores.recipe}#{seed}", "seeds": (seed,), "fixed": True}
    return replace(scores, values=scores.values[row : row + 1], **changed)
