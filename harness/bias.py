"""What a judge likes besides quality: length, the place where an answer stands, its own family. ``harness judge probe reply``.

    reply: judge openai:gpt-5-mini on rubric, 120 answers of 60 test cases
      the same answers, lengthened by sentences that say nothing: +0.03 (+0.01 to +0.05)
      among the answers to one case, a doubling of length goes with +0.05 (+0.02 to +0.08)
      openai:gpt-5-mini scores answers of its own family (gpt) +0.06 (+0.02 to +0.09) over people, others' +0.01 (-0.02 to +0.04)
    reply: judge openai:gpt-5-mini on pairwise:short, 60 answers of 60 test cases
      the answer that stood first won 58% (52% to 64%) of the 101 comparisons that had a winner; a half is fair

The answers are stored ones; what the judge says of them is stored as all replies are, and asked once.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from statistics import fmean
from typing import Any

import numpy as np

from harness.errors import BadInput, suggest
from harness.evidence import Evidence, evidence
from harness.experiment import Experiment
from harness.family import Family, families
from harness.family import lines as family_lines
from harness.figures import finite, share, signed
from harness.grade import Ask
from harness.gradings import Graded, answers, codes_of, first_wins, mean_over, weigh
from harness.lengths import length
from harness.matrix import Cell, expand
from harness.metrics import Metric
from harness.metrics.juror import Subject
from harness.plural import plural
from harness.progress import Console
from harness.rounds import grown
from harness.run import asking
from harness.scoring import hashes_of, metrics_of, subjects
from harness.stats import Bounds, Statistic
from harness.store import open_store
from harness.suite import Task

FILLER = (
    "The above is the answer to what was asked.",
    "In other words, what is said above is what there is to say.",
    "As stated, this is the answer to the question as it was put.",
    "To sum up, the answer is the one given above.",
    "With this, the answer to what was asked is complete.",
)


@dataclass(frozen=True, slots=True)
class Bias:
    """What one judge likes besides quality, on one metric of a suite: None where it cannot be told, or is not asked.

    ``lengthened`` is the mean change of a score by sentences that say nothing, ``slope`` what a doubling of length goes with
    among the answers to one case, ``first`` the share of ``decided`` comparisons that the answer in first place won.
    """

    suite: str
    metric: str
    judge: str
    answers: int
    cases: int
    lengthened: Bounds | None
    slope: Bounds | None
    first: Bounds | None
    decided: int
    families: tuple[Family, ...]


@dataclass(frozen=True)
class Probe:
    """What is asked to find a judge's bias: ``cases`` test cases of a suite, every contender's answers to them."""

    found: Evidence
    suite: str
    cases: int

    def metrics(self) -> list[Metric]:
        """Those of the suite that a judge grades.

        Raises:
            BadInput: for a suite that is not there, or has none.
        """
        named = self.found.metrics.get(self.suite)
        if named is None:
            raise BadInput(f"no suite {self.suite!r} in the experiment: {suggest(self.suite, self.found.metrics)}")
        judged = [metric for metric in named.values() if metric.judge and not metric.people]
        if not judged:
            raise BadInput(
                f"suite {self.suite!r} has no metric that a judge grades: name one in the experiment, [judge] with model = …, and "
                "give the suite the metric 'rubric' or 'pairwise:CONTENDER'"
            )
        return judged

    def asked(self, metric: Metric) -> list[tuple[Cell, Subject]]:
        """The stored answers that are probed, each once; of a tuned contender its first training's.

        Raises:
            BadInput: when there are none.
        """
        matrix, store = self.found.matrix, self.found.store
        drawn = self._drawn(matrix.task(self.suite))
        first = self.found.experiment.seeds[0]
        made: dict[str, tuple[Cell, Subject]] = {}
        for cell in matrix.cells:
            if cell.suite.name == self.suite and not cell.contender.probes and cell.seed in (None, first):
                for one in subjects(matrix, store, cell, metric, answers(self.found, cell, drawn)):
                    made.setdefault(one.trial_id, (cell, one))
        if not made:
            raise BadInput(f"suite {self.suite!r}: there are no answers to grade yet: run `harness run`")
        return list(made.values())

    def _drawn(self, task: Task) -> list[Any]:
        tested = sorted(task.split("test"), key=lambda case: case.id)
        return random.Random(self.found.experiment.seed).sample(tested, min(self.cases, len(tested)))

    def missing(self) -> int:
        """How many questions have no reply in the store yet, those of every repeat, order and juror."""
        trials = {
            juror.ask(one, number).id
            for metric in self.metrics()
            for juror in (metric.judge.jurors if metric.judge else ())
            for one in self._shown(metric)
            if one.fault is None and juror.settled(one) is None
            for number in range(juror.questions)
        }
        return len(self.found.store.missing(sorted(trials)))

    def _shown(self, metric: Metric) -> list[Subject]:
        plain = [one for _, one in self.asked(metric)]
        return plain if metric.opponent else [*plain, *map(lengthened, plain)]

    def biases(self, ask: Ask) -> list[Bias]:
        """Of every metric that a judge grades; ``ask`` brings what is missing."""
        return [self._bias(metric, ask) for metric in self.metrics()]

    def _bias(self, metric: Metric, ask: Ask) -> Bias:
        jury, alpha = metric.judge, self.found.policy.alpha
        assert jury is not None, metric.name
        asked = self.asked(metric)
        graded = weigh(metric, asked, ask)
        whole = [one for one in graded if one.whole]
        wins = first_wins(graded, alpha)
        alone = metric.opponent is None
        return Bias(
            suite=self.suite,
            metric=metric.name,
            judge=jury.name,
            answers=len(whole),
            cases=len({one.subject.case.id for one in whole}),
            lengthened=_change(whole, weigh(metric, [(c, lengthened(s)) for c, s in asked], ask), alpha)
            if alone
            else None,
            slope=_slope(whole, alpha) if alone else None,
            first=wins[1] if wins else None,
            decided=wins[0] if wins else 0,
            families=tuple(families(whole, self._people(), alpha)) if alone else (),
        )

    def _people(self) -> dict[str, float]:
        """What people say of answers, by trial: the mean of their scores."""
        labels: dict[str, list[float]] = {}
        for *_, some in self.found.labels:
            for label in some:
                labels.setdefault(label.trial, []).append(label.score)
        return {trial: fmean(scores) for trial, scores in labels.items()}


def missing(experiment: Experiment, suite: str, *, cases: int) -> int:
    """How many gradings `probe` would ask for.

    Raises:
        BadInput: for a suite that is not there, has no judge, or no answers.
    """
    with evidence(experiment) as found:
        return Probe(found, suite, cases).missing()


def probe(experiment: Experiment, suite: str, *, cases: int, wait: float = 0.0) -> list[Bias]:
    """What the judge of a suite likes besides quality; asks for what is missing and keeps it.

    Raises:
        StoreBusy: while another process holds the store.
    """
    matrix = expand(experiment)
    metrics = metrics_of(matrix)
    with open_store(experiment.home, write=True, wait=wait) as store:
        whole = grown(matrix, store, hashes_of(metrics))
        with asking(whole, store, metrics, Console(quiet=True)) as scoring:
            return Probe(Evidence(whole, store, metrics), suite, cases).biases(scoring.replies)


def lengthened(subject: Subject) -> Subject:
    """The same answer with sentences after it that say nothing, until it is twice as long."""
    text = subject.text
    for sentence in cycle(FILLER):
        text = f"{text} {sentence}"
        if len(text) >= 2 * len(subject.text):
            return replace(subject, text=text)
    raise AssertionError("a cycle does not end")


def _change(whole: Sequence[Graded], longer: Sequence[Graded], alpha: float) -> Bounds | None:
    after = {one.subject.trial_id: one.score for one in longer if one.whole}
    both = [one for one in whole if one.subject.trial_id in after]
    if not both:
        return None
    changes = np.array([after[one.subject.trial_id] - one.score for one in both])
    return mean_over(changes, both, alpha)


def _slope(whole: Sequence[Graded], alpha: float) -> Bounds | None:
    """Σxy/Σx² of scores y and lengths x, the mean of each case taken out; None where lengths do not differ."""
    _, cases = np.unique([one.subject.case.id for one in whole], return_inverse=True)
    x, y = (
        _centred(np.array([of(one) for one in whole]), cases)
        for of in (lambda one: length(one.subject.text), lambda one: one.score)
    )
    parts = np.stack([x * y, x * x], axis=1)
    if not parts[:, 1].sum() > 0:
        return None
    slope = Statistic(parts, lambda t: np.divide(t[..., 0], t[..., 1], out=np.zeros(t.shape[:-1]), where=t[..., 1] > 0))
    return slope.bounds(codes_of([one.subject for one in whole]), alpha=alpha)


def _centred(values: Any, groups: Any) -> Any:
    return values - (np.bincount(groups, weights=values) / np.bincount(groups))[groups]


def lines(made: Sequence[Bias]) -> Iterator[str]:
    """For a terminal."""
    for one in made:
        yield (
            f"{one.suite}: judge {one.judge} on {one.metric}, {plural(one.answers, 'answer')} of "
            f"{plural(one.cases, 'test case')}"
        )
        if one.lengthened:
            yield f"  the same answers, lengthened by sentences that say nothing: {signed(one.lengthened)}"
        if one.slope:
            yield f"  among the answers to one case, a doubling of length goes with {signed(one.slope)}"
        if one.first:
            said = f"the {plural(one.decided, 'comparison')} that had a winner; a half is fair"
            yield f"  the answer that stood first won {share(one.first)} of {said}"
        yield from family_lines(one.families)


def as_dict(made: Sequence[Bias]) -> dict[str, Any]:
    """For a program: metric → what was found. What is not known is null."""
    return {one.metric: finite(asdict(one)) for one in made}
