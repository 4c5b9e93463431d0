"""What a judge said of stored answers, found again; and how steady it is when nothing is changed.

    for one in gradings(found, "reply", "rubric", "embedded:tiny"):
        one.cell.contender.name, one.subject.text, one.heard[0].gradings      # "dpo", "We will send …", (0.83, 0.79)

Replies are answers in the store, and what was asked for them can be said again: nothing is asked anew here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.evidence import Evidence
from harness.grade import Ask, Heard, hear
from harness.matrix import Cell
from harness.metrics import Metric
from harness.metrics.juror import Juror, Jury, Subject
from harness.scoring import subjects
from harness.stats import Bounds, Statistic, crossed, krippendorff
from harness.stats.clusters import Codes, Floats
from harness.store import batches
from harness.suite import Case


@dataclass(frozen=True, slots=True)
class Graded:
    """A stored answer of a cell, and what each juror said of it."""

    cell: Cell
    subject: Subject
    jurors: tuple[Juror, ...]
    heard: tuple[Heard, ...]

    @property
    def whole(self) -> bool:
        """Whether every juror was asked, and said something that could be read."""
        return all(one.replies for one in self.heard)

    @property
    def by_juror(self) -> list[float]:
        """Each juror's score: the mean of its gradings."""
        return [one.score for one in self.heard]

    @property
    def score(self) -> float:
        """The jury's."""
        return Jury.score(self.by_juror)


@dataclass(frozen=True, slots=True)
class Steadiness:
    """How much a judge contradicts itself, with bounds over cases; None where the judge is not asked twice in that way.

    ``spread`` is the standard deviation between gradings of one answer by one juror, ``alpha`` Krippendorff's of the jurors'
    scores, and ``flips`` the share of pairs whose two orders disagree.
    """

    answers: int
    pairs: int
    spread: Bounds | None
    alpha: Bounds | None
    flips: Bounds | None


def answers(found: Evidence, cell: Cell, cases: Sequence[Case]) -> list[tuple[str, Case, str]]:
    """A cell's stored answers to some cases."""
    named = {case.id: case for case in cases}
    stored = found.store.answered(cell.id, list(named))
    return [(trial_id, named[case_id], text) for trial_id, case_id, text, _ in stored if text is not None]


def cells(found: Evidence, suite: str, model: str) -> list[Cell]:
    """The cells of a suite and base model, without its probes."""
    return [c for c in found.matrix.cells if (c.suite.name, c.model.id) == (suite, model) and not c.contender.probes]


def gradings(found: Evidence, suite: str, name: str, model: str) -> list[Graded]:
    """What the judge of a metric said of a base model's answers to test cases; each answer once, whoever gave it too."""
    metric, seen = found.metrics[suite][name], set[str]()
    made: list[Graded] = []
    for cell in cells(found, suite, model):
        for cases in batches(cell.task.split("test")):
            some = subjects(found.matrix, found.store, cell, metric, answers(found, cell, cases))
            fresh = [subject for subject in some if subject.trial_id not in seen]
            seen |= {subject.trial_id for subject in fresh}
            made += weigh(metric, [(cell, subject) for subject in fresh], recall(found))
    return made


def weigh(metric: Metric, asked: Sequence[tuple[Cell, Subject]], ask: Ask) -> list[Graded]:
    """What a metric's jury says of subjects, each of a cell."""
    jurors = metric.judge.jurors if metric.judge else ()
    heard = [hear(juror, [subject for _, subject in asked], ask) for juror in jurors]
    return [Graded(cell, subject, jurors, tuple(by[subject.trial_id] for by in heard)) for cell, subject in asked]


def recall(found: Evidence) -> Ask:
    """Looks into the store, and asks nobody."""
    return lambda juror, trials: found.store.replies([trial.id for trial in trials])


def steadiness(jury: Jury, graded: Sequence[Graded], alpha: float) -> Steadiness:
    """What gradings say of their judge; what is not whole is left out, as are pairs of the same words."""
    whole = [one for one in graded if one.whole]
    if not whole:
        return Steadiness(0, 0, None, None, None)
    codes = codes_of([one.subject for one in whole])
    flips = _counted(whole, lambda first, second: (first != 1 - second, np.ones(first.size)))
    return Steadiness(
        answers=len(whole),
        pairs=int(flips[:, 1].sum()),
        spread=_spread(whole).bounds(codes, alpha=alpha) if jury.jurors[0].grader.repeats > 1 else None,
        alpha=_alpha(whole).bounds(codes, alpha=alpha) if len(jury.jurors) > 1 else None,
        flips=_share(flips, codes, alpha),
    )


def first_wins(graded: Sequence[Graded], alpha: float) -> tuple[int, Bounds] | None:
    """Of the comparisons that somebody won, how many, and the share won by the answer that stood first; a half is fair. None
    where nobody compared.
    """
    whole = [one for one in graded if one.whole]
    if not whole:
        return None
    wins = _counted(
        whole, lambda first, second: ((first == 1) * 1 + (second == 1), (first != 0.5) * 1 + (second != 0.5))
    )
    share = _share(wins, codes_of([one.subject for one in whole]), alpha)
    return None if share is None else (int(wins[:, 1].sum()), share)


def mean_over(differences: Floats, graded: Sequence[Graded], alpha: float) -> Bounds:
    """The mean of one number an answer, shape (n,), with bounds over cases."""
    found = crossed(differences, codes_of([one.subject for one in graded])).interval(alpha)
    return Bounds(found.estimate, found.lower, found.upper)


def codes_of(some: Sequence[Subject]) -> Codes:
    """A number for the cluster of each subject's case."""
    codes: Codes = np.unique([subject.case.cluster for subject in some], return_inverse=True)[1]
    return codes


def _spread(whole: Sequence[Graded]) -> Statistic:
    """√ of the mean, over answers and jurors, of the variance between gradings."""
    variances = [[np.var(heard.gradings, ddof=1) for heard in one.heard] for one in whole]
    parts = np.array([[sum(some), len(some)] for some in variances])
    return Statistic(parts, lambda totals: np.sqrt(totals[..., 0] / totals[..., 1]))


def _alpha(whole: Sequence[Graded]) -> Statistic:
    return krippendorff(np.array([one.by_juror for one in whole]).T, level="interval")


def _counted(whole: Sequence[Graded], count: Callable[[Floats, Floats], tuple[Any, Any]]) -> Floats:
    """For each answer two sums of what ``count`` makes of its comparisons, shape (n, 2): it is given how the answer that stood
    first fared, 0 to 1, when that was the subject and when it was the rival.
    """
    parts = np.zeros((len(whole), 2))
    for row, one in enumerate(whole):
        for juror, heard in zip(one.jurors, one.heard, strict=True):
            if juror.orders == 2:
                said = np.array([juror.read(reply) for reply in heard.replies])
                parts[row] += [np.sum(part, dtype=np.float64) for part in count(said[::2], said[1::2])]
    return parts


def _share(parts: Floats, codes: Codes, alpha: float) -> Bounds | None:
    """The first sum over the second; None where there is nothing to divide by."""
    if not parts[:, 1].sum():
        return None
    return Statistic(parts, lambda totals: totals[..., 0] / np.maximum(totals[..., 1], 1)).bounds(codes, alpha=alpha)
