"""What a reviewer is shown, in an order and on sides of their own.

    batch = load_batch(Contest.of(found, "reply", None), Wanted(cases=60))
    batch.order("r5f0c9a1e3b")[0].answers          # ('We will send a fitter.', 'Please wait.')

A case comes again only after all others, so that nobody knows an answer by having just read it; of any few items in a row, every
pair of contenders has its share, so that whoever stops early has seen as much of each.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.errors import BadInput, suggest
from harness.fingerprint import fingerprint
from harness.matrix import Cell
from harness.metrics.rubric import Criterion, load_rubric, refuse_unanchored
from harness.sample import Contest, Pair, Sample, rubric_of
from harness.store.reviews import Drawn
from harness.suite import Case, Suite


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked to be reviewed.

    Attributes:
        cases: test cases; the same ones for every pair of contenders.
        drawn: evenly, or where the contenders' scores differ most.
        between: two contenders; those that the verdict compares otherwise.
        trainings: of a tuned contender so many.
        rates: one answer is rated instead of two compared.
    """

    cases: int = 60
    drawn: Drawn = "even"
    between: tuple[str, ...] = ()
    trainings: int = 1
    rates: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A case with two answers to compare, or one to rate.

    Attributes:
        case: what was asked.
        answers: as they are shown, the left one first.
        trials: of two answers the one that is scored and the one it is compared with; of one all that gave it.
        on_left: whether the first trial's answer stands on the left.
    """

    case: Case
    answers: tuple[str, ...]
    trials: tuple[str, ...]
    on_left: bool | None = None

    @property
    def key(self) -> frozenset[str]:
        """By what a stored review of it is known."""
        return frozenset(self.trials)

    @property
    def same(self) -> bool:
        """Whether two answers are one: a tie that nobody needs to look at."""
        return len(self.answers) == 2 and self.answers[0] == self.answers[1]

    def turned(self, reviewer: str) -> Item:
        """As that reviewer sees it: which of two answers is on the left is drawn for every pair and reviewer."""
        if len(self.answers) == 1:
            return self
        left = int(fingerprint("left", reviewer, *sorted(self.trials))[0], 16) % 2 == 0
        first = self.trials[0] == min(self.trials)
        return replace(self, answers=self.answers if left == first else self.answers[::-1], on_left=left == first)


@dataclass(frozen=True)
class Batch:
    """All items of a review, by case, for every reviewer the same.

    Attributes:
        suite: whose cases they are.
        criteria: the rubric's; empty where the suite has none.
        groups: the items of each case.
        rates: whether one answer is rated instead of two compared.
    """

    suite: Suite
    criteria: tuple[Criterion, ...]
    drawn: Drawn
    groups: tuple[tuple[Item, ...], ...]
    rates: bool = False

    def order(self, reviewer: str) -> list[Item]:
        """As that reviewer sees them."""
        rng = random.Random(fingerprint("order", reviewer, self.suite.name, self.drawn, self.rates))
        groups = list(self.groups)
        rng.shuffle(groups)
        width = max(map(len, groups), default=1)
        starts = [start for _ in range(0, len(groups), width) for start in rng.sample(range(width), width)]
        turned = [_from(group, start) for group, start in zip(groups, starts, strict=False)]
        return [group[i].turned(reviewer) for i in range(width) for group in turned if i < len(group)]


def load_batch(contest: Contest, wanted: Wanted) -> Batch:
    """All that is wanted of a suite.

    Raises:
        BadInput: when there is no pair to compare, no rubric to rate by, a criterion without a scale, or no answer yet.
    """
    return _ratings(contest, wanted) if wanted.rates else _comparisons(contest, wanted)


def _comparisons(contest: Contest, wanted: Wanted) -> Batch:
    """Two answers to every case, for each pair of contenders."""
    pairs = _pairs(contest, wanted)
    sample = contest.draw((cell for pair in pairs for cell in pair), wanted.cases, drawn=wanted.drawn)
    items = [[item for pair in pairs if (item := _item(sample, case, pair))] for case in sample.cases]
    criteria = load_rubric(rubric_of(contest.task)) if contest.task.suite.rubric else ()
    return Batch(contest.task.suite, criteria, wanted.drawn, tuple(tuple(group) for group in items if group))


def _ratings(contest: Contest, wanted: Wanted) -> Batch:
    """One answer at a time; what several contenders answered alike is shown once."""
    criteria = load_rubric(rubric_of(contest.task))
    refuse_unanchored(criteria)
    names = [contest.known(name) for name in wanted.between] or contest.finalists()
    cells = [cell for name in names for cell in contest.of_name(name, wanted.trainings)]
    sample = contest.draw(cells, wanted.cases, drawn=wanted.drawn)
    said: dict[str, dict[str, list[str]]] = {case.id: {} for case in sample.cases}
    for case, one in sample.answers:
        said[case.id].setdefault(one.text, []).append(one.trial)
    groups = (
        tuple(Item(case, (text,), tuple(trials)) for text, trials in said[case.id].items()) for case in sample.cases
    )
    return Batch(contest.task.suite, criteria, wanted.drawn, tuple(filter(None, groups)), rates=True)


def _from(group: Sequence[Item], start: int) -> list[Item]:
    """The group from that item on and round."""
    at = start % len(group)
    return [*group[at:], *group[:at]]


def _pairs(contest: Contest, wanted: Wanted) -> list[Pair]:
    named = list(_between(contest, wanted.between) if wanted.between else _compared(contest))
    pairs = [
        (ours, theirs)
        for first, second in named
        for ours in contest.of_name(first, wanted.trainings)
        for theirs in contest.of_name(second, wanted.trainings)
        if None in (ours.seed, theirs.seed) or ours.seed == theirs.seed
    ]
    if not pairs:
        raise BadInput(
            f"suite {contest.task.suite.name!r}: there is no tuned contender to compare with an untrained one: name two with "
            f"--between A --between B: {suggest('', contest.names)}"
        )
    return pairs


def _between(contest: Contest, names: Sequence[str]) -> Iterable[tuple[str, str]]:
    """The two as they are scored: the one that a metric compares with comes second, else the one that is not tuned."""
    if len(set(names)) != 2:
        raise BadInput(f"--between: given {', '.join(names)}: name two contenders: {suggest('', contest.names)}")
    first, second = (contest.known(name) for name in names)
    rank = {name: (name in contest.references, not _tuned(contest, name)) for name in (first, second)}
    return [(second, first) if rank[first] > rank[second] else (first, second)]


def _compared(contest: Contest) -> Iterable[tuple[str, str]]:
    """Every finalist with those that the suite's metrics compare with; without such metrics every tuned one with every
    untrained one.
    """
    names = contest.finalists()
    if not contest.references:
        tuned = [name for name in names if _tuned(contest, name)]
        return [(ours, theirs) for ours in tuned for theirs in names if theirs not in tuned]
    found: dict[frozenset[str], tuple[str, str]] = {}
    for reference in contest.references:
        for name in names:
            if name != reference:
                found.setdefault(frozenset((name, reference)), (name, reference))
    return found.values()


def _tuned(contest: Contest, name: str) -> bool:
    return any(cell.contender.tuned for cell in contest.of_name(name))


def _item(sample: Sample, case: Case, pair: tuple[Cell, Cell]) -> Item | None:
    ours, theirs = (sample.said[cell.id].get(case.id) for cell in pair)
    if ours is None or theirs is None:
        return None
    return Item(case, (ours.text, theirs.text), (ours.trial, theirs.trial), on_left=True)
