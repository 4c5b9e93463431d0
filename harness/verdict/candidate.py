"""One tuned contender with everything that must hold for it: gains over every baseline, drops on every guard.

    >>> candidate = weigh(board, "sft", finalists, guards, policy)        # doctest: +SKIP
    >>> candidate.holds(0.05), candidate.refuted(0.05)                    # doctest: +SKIP
    (False, True)

All parts must hold together (an intersection-union test), so none needs a correction. "Not better" needs one baseline
alone: the one that dev liked best is named before test is seen and is judged at alpha; without dev rows any of them may
show it, each at alpha / baselines. To call a candidate better than dev's baseline alone would err 7-15 %.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf

from harness.stats import Moments
from harness.verdict.board import Board, Scores, compare
from harness.verdict.check import UNTRAINED
from harness.verdict.choose import Finalists, rank
from harness.verdict.merges import WITH_RAG, Loss
from harness.verdict.policy import Policy
from harness.verdict.verdict import Claim

REFERENCES = ("zero_shot", "base")
"""Names of the plain base model, the reference on a guard suite without dev rows."""


UNKNOWN = Moments(estimate=0.0, centre=0.0, v_case=inf, v_seed=0.0, n=0, seeds=0, clusters=0, df=0)
"""Of two contenders that share no clean case: bounds are infinite, so nothing is shown and nothing holds."""


@dataclass(frozen=True, slots=True)
class Drop:
    """What a guard suite lost: untrained reference minus tuned, and the loss that is no longer tolerable; of a merge also what it
    lost beside a ``part``.
    """

    suite: str
    contrast: str
    moments: Moments
    limit: float
    part: str = ""

    @property
    def name(self) -> str:
        """Of its claim."""
        if not self.part:
            return f"drop:{self.suite}"
        return f"loss:{self.part}" if self.part.endswith(f"@{self.suite}") else f"loss:{self.part} on {self.suite}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tuned contender, its gains by baseline (cheapest first) and its drops by guard.

    ``rivals`` are the baselines by which "not better" may be shown. ``floor`` is what every gain must exceed: the margin, or on the cost route minus the noninferiority bound.
    """

    scores: Scores
    gains: Mapping[str, Moments]
    drops: tuple[Drop, ...]
    floor: float
    rivals: tuple[str, ...]

    @property
    def name(self) -> str:
        """The contender's name."""
        return self.scores.contender

    @property
    def worst(self) -> str | None:
        """The baseline that is hardest to beat: the least estimate, the first by name among equals."""
        return min(sorted(self.gains), key=lambda name: round(self.gains[name].estimate, 12), default=None)

    def gains_hold(self, alpha: float) -> bool:
        """Better than every baseline by more than the floor."""
        return bool(self.gains) and all(m.interval(alpha).lower > self.floor for m in self.gains.values())

    def guards_hold(self, alpha: float) -> bool:
        """No guard can have lost as much as its limit."""
        return all(drop.moments.interval(alpha).upper < drop.limit for drop in self.drops)

    def holds(self, alpha: float) -> bool:
        """All of it."""
        return self.gains_hold(alpha) and self.guards_hold(alpha)

    def beaten_by(self, alpha: float) -> str | None:
        """The baseline that shows "not better by the floor" most clearly, if any does."""
        uppers = {name: self.gains[name].interval(self.ceiling_alpha(alpha)).upper for name in self.rivals}
        least = min(sorted(uppers), key=lambda name: round(uppers[name], 12), default=None)
        return least if least is not None and uppers[least] < self.floor else None

    def ceiling_alpha(self, alpha: float) -> float:
        """The level at which each rival may show "not better"."""
        return alpha / max(len(self.rivals), 1)

    def dropped_on(self, alpha: float) -> Drop | None:
        """The guard whose intolerable drop is shown, if any."""
        shown = (d for d in self.drops if d.moments.interval(alpha / len(self.drops)).lower > d.limit)
        return next(shown, None)

    def refuted(self, alpha: float) -> bool:
        """Shown to be not worth it."""
        return self.beaten_by(alpha) is not None or self.dropped_on(alpha) is not None

    def claims(self, alpha: float) -> Iterator[Claim]:
        """Gains, ceilings (the same against the rivals, at their level) and drops."""
        for name, moments in self.gains.items():
            contrast = f"{self.name} - {name}"
            yield claim(f"gain:{name}", contrast, moments, alpha)
            if name in self.rivals:
                yield claim(f"ceiling:{name}", contrast, moments, self.ceiling_alpha(alpha))
        for drop in self.drops:
            yield claim(drop.name, drop.contrast, drop.moments, alpha)


def claim(name: str, contrast: str, moments: Moments, alpha: float) -> Claim:
    """The moments' interval under a name."""
    return Claim(name, contrast, **asdict(moments.interval(alpha)))


def weigh(
    board: Board,
    name: str,
    finalists: Finalists,
    guards: Sequence[Board],
    policy: Policy,
    *,
    losses: Sequence[Loss] = (),
) -> Candidate:
    """Compare one tuned contender with every untrained finalist, on every guard, and, of a merge on which dev could not tell,
    with its parts.
    """
    scores = board.test[name]
    gains = {other: _gain(board, scores, board.test[other], finalists) for other in finalists.untrained}
    drops = [drop for guard in guards for drop in _drops(guard, board.suite, scores, policy)]
    drops += _lost(scores, losses)
    floor = policy.margin_of(board.suite) if policy.route == "quality" else -policy.noninferiority_of(board.suite)
    return Candidate(scores, gains, tuple(drops), floor, _rivals(board, finalists))


def _rivals(board: Board, finalists: Finalists) -> tuple[str, ...]:
    """The baseline that dev liked best, where dev saw all of them; else every one."""
    names = finalists.untrained
    if not names or any(name not in board.dev for name in names):
        return names
    return (min(names, key=lambda name: rank(board.dev, name)),)


def _gain(board: Board, ours: Scores, theirs: Scores, finalists: Finalists) -> Moments:
    """Ours minus theirs; a recipe that dev chose among several owes some of it to the luck of its trainings."""
    return replace(compare(board, ours, theirs) or UNKNOWN, choices=1 if ours.fixed else finalists.recipes)


def guard_pairs(guard: Board, suite: str, scores: Scores) -> list[tuple[Scores, Scores]]:
    """(tuned, untrained reference) on the guard; empty when either is missing.

    Each suite trains its own adapter, so the guard's rows of ``sft`` for suite ``triage`` are those of
    ``sft@triage``, and only without these those of ``sft``.
    """
    seed = scores.contender.removeprefix(scores.recipe)
    named = (f"{scores.recipe}@{suite}{seed}", f"{scores.recipe}{seed}")
    ours = next((guard.test[name] for name in named if name in guard.test), None)
    return [] if ours is None else [(ours, guard.test[name]) for name in _references(guard)]


def _references(guard: Board) -> list[str]:
    """The only untrained contender, else dev's best, else the plain base by its name, else all of them."""
    names = [name for name in guard.techniques(*UNTRAINED) if name in guard.test]
    on_dev = [name for name in names if name in guard.dev]
    if on_dev:
        return [max(on_dev, key=lambda name: (round(guard.dev[name].mean, 12), name))]
    plain = [name for name in REFERENCES if name in names]
    return plain[:1] or names


def _drops(guard: Board, suite: str, scores: Scores, policy: Policy) -> Iterator[Drop]:
    for ours, reference in guard_pairs(guard, suite, scores):
        moments = compare(guard, ours, reference) or UNKNOWN
        contrast = f"{reference.contender} - {ours.contender} on {guard.suite}"
        yield Drop(guard.suite, contrast, moments.negated(), _limit(guard, reference, policy))


def _lost(scores: Scores, losses: Sequence[Loss]) -> Iterator[Drop]:
    """What a merge loses on test beside its parts, where dev did not choose."""
    merge = scores.recipe.removesuffix(WITH_RAG)
    for loss in losses:
        if loss.merge == merge and loss.split == "test":
            yield Drop(loss.suite, f"{loss.part} - {merge} on {loss.suite}", loss.moments, loss.limit, loss.part)


def _limit(guard: Board, reference: Scores, policy: Policy) -> float:
    limit = policy.noninferiority_of(guard.suite)
    own = policy.suites.get(guard.suite)
    relative = own.max_relative_drop if own else None
    return limit if relative is None else min(limit, relative * reference.mean)
