"""A gate judged on scores: pure, and honest about what a sample can show.

    >>> judge(Gate(name="labels are right", minimum=0.85), board, "sft", alpha=0.05).sentence     # doctest: +SKIP
    'shown: json_exact of sft is 0.912, at least 0.888 (260 cases, 3 training seeds, 95 % one-sided); needed: at least 0.85'

``minimum`` is shown when the lower end of the mean's one-sided interval reaches it, ``over`` when the lower end of the
paired difference exceeds the margin. A point estimate above the line shows nothing: half of all contenders that stand
exactly on it would pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np

from harness.errors import Incomplete, suggest
from harness.plural import plural
from harness.stats import Interval, Moments, cases_needed, mean, seeds_needed
from harness.suite import Gate
from harness.verdict.board import Board, Scores, compare, difference
from harness.verdict.column import Codes
from harness.verdict.run import Floats

WORST = 5


@dataclass(frozen=True, slots=True)
class Worst:
    """A case that speaks against a gate: code in the rows' cases, what ours scored there (mean over seeds), the training
    seed that did worst, and for a comparison what the other contender scored.
    """

    case: int
    score: float
    seed: int | None
    other: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a gate is shown, why, and the worst cases first."""

    passed: bool
    sentence: str
    interval: Interval
    worst: tuple[Worst, ...]


def judge(gate: Gate, board: Board, contender: str, *, alpha: float) -> Outcome:
    """The outcome of a gate for one contender; of several claims in it, the first that is not shown.

    Where the policy's estimand is ``artefact`` every trained adapter is judged for itself, and all must hold.

    Raises:
        Incomplete: when the rows hold no measured test case of a contender that the gate names.
    """
    outcomes = list(_outcomes(gate, board, contender, alpha))
    return next((outcome for outcome in outcomes if not outcome.passed), outcomes[-1])


def moments_of(board: Board, scores: Scores) -> Moments:
    """Moments of a contender's mean on the clean, measured test cases.

    Raises:
        Incomplete: when there is none.
    """
    keep = _clean(scores)
    if not keep.any():
        raise Incomplete(f"no clean, measured test case of {scores.contender!r} on suite {board.suite!r}")
    return mean(scores.matrix()[..., keep], board.clusters[scores.cases[keep]], bounded=not board.amounts)


def members(board: Board, contender: str) -> list[Scores]:
    """A contender's scores on test: one, or one for each trained adapter where the estimand is ``artefact``.

    Raises:
        Incomplete: when the rows hold none.
    """
    found = [scores for scores in board.test.values() if scores.recipe == contender]
    if not found:
        there = {scores.recipe for scores in board.test.values()}
        raise Incomplete(
            f"no test rows of contender {contender!r} on suite {board.suite!r}: {suggest(contender, there)}"
        )
    return found


def rival(board: Board, ours: Scores, other: str) -> Scores:
    """What ``ours`` is compared with: the adapter of the same training seed where there is one.

    Raises:
        Incomplete: when the rows hold none.
    """
    found = members(board, other)
    return next((scores for scores in found if scores.seeds == ours.seeds), found[0])


def difference_of(board: Board, ours: Scores, theirs: Scores) -> Moments:
    """Moments of ours minus theirs on the clean test cases of both.

    Raises:
        Incomplete: when there is none.
    """
    moments = compare(board, ours, theirs)
    if moments is None:
        raise Incomplete(
            f"{ours.contender!r} and {theirs.contender!r} share no clean, measured test case of suite {board.suite!r}"
        )
    return moments


def _outcomes(gate: Gate, board: Board, contender: str, alpha: float) -> Iterator[Outcome]:
    for ours in members(board, contender):
        if gate.minimum is not None:
            moments = moments_of(board, ours)
            bounds = None if board.amounts else (0.0, 1.0)
            claim = _Claim(f"{board.metric} of {ours.contender}", gate.minimum, ".3f", "at least ", bounds)
            passed = moments.interval(alpha).lower >= gate.minimum
            yield Outcome(passed, claim.say(moments, alpha, passed), moments.interval(alpha), _worst(ours, board))
        if gate.over is not None:
            theirs = rival(board, ours, gate.over)
            moments = difference_of(board, ours, theirs)
            about = f"{board.metric} of {ours.contender} over {theirs.contender}, paired,"
            passed = moments.interval(alpha).lower > gate.margin
            bounds = None if board.amounts else (-1.0, 1.0)
            said = _Claim(about, gate.margin, "+.3f", "more than ", bounds).say(moments, alpha, passed)
            yield Outcome(passed, said, moments.interval(alpha), _worst_against(ours, theirs, board))


@dataclass(frozen=True, slots=True)
class _Claim:
    """A number that was to be shown, and the words for it; ``bounds`` are the least and the most that a score can be."""

    about: str
    needed: float
    form: str
    relation: str
    bounds: tuple[float, float] | None

    def say(self, moments: Moments, alpha: float, passed: bool) -> str:
        interval = moments.interval(alpha)
        of = f"({_count(interval)}, {1 - alpha:.0%} one-sided)"
        goal = f"needed: {self.relation}{self.needed:{'+g' if self.form.startswith('+') else 'g'}}"
        estimate = f"{self.about} is {interval.estimate:{self.form}}"
        least, most = self.bounds or (-inf, inf)
        lower, upper = (f"{min(max(end, least), most):{self.form}}" for end in (interval.lower, interval.upper))
        if passed:
            return f"shown: {estimate}, at least {lower} {of}; {goal}"
        if not isfinite(interval.lower):
            return f"not shown: {estimate} {of}; {goal}. {_unknown(interval)}"
        if interval.upper < self.needed:
            return f"lost: {estimate}, at most {upper} {of}; {goal}"
        bounds = f"between {lower} and {upper} {of}"
        return f"not shown: {estimate}, {bounds}; {goal}. {self._more(moments, alpha)}"

    def _more(self, moments: Moments, alpha: float) -> str:
        """How many more cases, or seeds, would show it if the truth is what was seen."""
        estimate = moments.estimate
        seeds = moments.seeds or 2  # without training only cases vary, whatever the number of seeds
        if estimate <= self.needed:
            return "More cases can show it only if the truth is better than what was seen"
        if self.bounds is None:
            return "More cases can show it"
        v_seed = moments.v_seed * seeds
        wanted = cases_needed(
            gain=estimate,
            margin=self.needed,
            v_case=moments.v_case * moments.n,
            v_seed=v_seed,
            seeds=seeds,
            alpha=alpha,
        )
        if wanted is not None:
            more = max(wanted - moments.n, 1)
            needs = f"{plural(more, 'more case')} ({moments.n + more:,} in all)"
            return f"It needs about {needs}, if {estimate:{self.form}} is the truth"
        trained = seeds_needed(gain=estimate, margin=self.needed, v_seed=v_seed, alpha=alpha) or seeds
        return (
            f"More cases cannot show it, trainings differ too much: it needs about {plural(trained, 'training seed')}"
        )


def _count(interval: Interval) -> str:
    parts = [plural(interval.n, "case")]
    if interval.clusters != interval.n:
        parts.append(plural(interval.clusters, "cluster"))
    if interval.seeds:
        parts.append(plural(interval.seeds, "training seed"))
    return ", ".join(parts)


def _unknown(interval: Interval) -> str:
    if interval.clusters < 2:
        return "One independent case says nothing about the next: it needs at least 10"
    return "One training seed says nothing about the next training: it needs at least 3"


def _clean(scores: Scores) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray(~scores.flagged & np.isfinite(scores.values).all(axis=0), dtype=np.bool_)


def _worst(scores: Scores, board: Board) -> tuple[Worst, ...]:
    keep = np.flatnonzero(_clean(scores))
    means = scores.values[:, keep].mean(axis=0)
    order = [i for i in np.argsort(means, kind="stable")[:WORST] if means[i] < _best(board)]
    return tuple(_found(scores, int(keep[i]), float(means[i])) for i in order)


def _best(board: Board) -> float:
    """The best score there is: a case that has it speaks against nothing."""
    return 0.0 if board.amounts else 1.0


def _worst_against(ours: Scores, theirs: Scores, board: Board) -> tuple[Worst, ...]:
    cases, matrix = difference(ours, theirs)
    gaps = np.atleast_2d(matrix).mean(axis=0)
    out = []
    for i in np.argsort(gaps, kind="stable")[:WORST]:
        mine, score = _at(ours, cases, i)
        if gaps[i] < 0 or score < _best(board):
            found = _found(ours, mine, score)
            out.append(Worst(found.case, found.score, found.seed, _at(theirs, cases, i)[1]))
    return tuple(out)


def _at(scores: Scores, cases: Codes, i: int) -> tuple[int, float]:
    """Column of the i-th of the cases, and the mean over seeds there."""
    column = int(np.searchsorted(scores.cases, cases[i]))
    values: Floats = scores.values[:, column]
    return column, float(values.mean())


def _found(scores: Scores, column: int, score: float) -> Worst:
    seed = scores.seeds[int(np.argmin(scores.values[:, column]))] if scores.seeds else None
    return Worst(int(scores.cases[column]), score, seed)
