"""How far a judge can be believed: ``harness judge calibrate``.

    reply: judge openai:gpt-5-mini on rubric, 120 answers of 60 cases graded by people too
      agreement 0.71 (0.60 to 0.80), needed is 0.60; the same score on 64% (55% to 72%) of them, kappa 0.58 (0.47 to 0.68)
      the judge minus people: +0.04 (+0.01 to +0.07); dpo +0.06, short +0.02
      graded again, an answer's score varies by 0.05 (0.04 to 0.06)

Agreement is Lin's concordance, the quadratically weighted kappa of labels. Intervals are a bootstrap over cases, and one-sided at
the policy's alpha on each side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np

from harness.errors import BadInput
from harness.evidence import Evidence
from harness.experiment import Experiment
from harness.figures import finite, plain, share, signed
from harness.gradings import Graded, Steadiness, gradings, steadiness
from harness.lengths import Longer, lengths
from harness.matrix import Matrix, expand
from harness.metrics.judge import Judge
from harness.people import Label
from harness.plural import plural
from harness.stats import Bounds, accuracy, confusion, crossed, kappa, lin
from harness.stats.clusters import Codes, Floats
from harness.verdict import Rows
from harness.verdict.board import Board, graded, load_board

DIGITS = 9
"""Of scores that are the same."""
FEW = 12
"""Labels whose confusion a page has room for."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Labels of one kind by judge and people: the share that is the same, Cohen's kappa, and Lin's concordance, which on a scale
    of equal steps is the quadratically weighted kappa.

    ``confusion`` counts people's label (row) and the judge's (column), in the order of ``scale``; empty for a long one.
    """

    accuracy: Bounds
    kappa: Bounds
    agreement: Bounds
    scale: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """People beside a judge; scores are in [0, 1].

    ``bias`` is the judge minus people; ``biases`` is that of each contender, whose differences are what a verdict would suffer
    from. ``criteria`` has the labels of each criterion, where people graded by criteria.
    """

    answers: int
    cases: int
    needed: float
    whole: Labels
    bias: Bounds
    biases: dict[str, float]
    criteria: dict[str, Labels]


@dataclass(frozen=True, slots=True)
class Calibration:
    """One suite's judge on one metric: beside people, beside itself, and how much of its differences is length."""

    suite: str
    metric: str
    judge: str
    people: Beside | None
    steadiness: Steadiness
    lengths: tuple[Longer, ...]


def labelled(experiment: Experiment, path: Path) -> Matrix:
    """The matrix of an experiment with a file of labels in the place of that in ``suite.toml``.

    Raises:
        BadInput: where it cannot be told whose labels they are.
    """
    matrix = expand(experiment)
    graded = [task.suite.name for task in matrix.tasks if "rubric" in task.suite.all_metrics]
    if len(graded) != 1:
        raise BadInput(
            f"--labels {path}: the experiment has {plural(len(graded), 'suite')} with the metric 'rubric', and labels are of one: name "
            'the file in its suite.toml: labels = "labels.jsonl"'
        )
    tasks = tuple(
        replace(task, suite=task.suite.model_copy(update={"labels": str(path.absolute())}))
        if task.suite.name == graded[0]
        else task
        for task in matrix.tasks
    )
    return replace(matrix, tasks=tasks)


def calibrations(found: Evidence, model: str) -> list[Calibration]:
    """Of every suite and metric that a judge graded.

    Raises:
        BadInput: when there is none, saying what to do.
    """
    rows = found.loaded(model)
    made = [
        _calibration(found, rows, suite, name, model)
        for suite, named in found.metrics.items()
        for name, metric in named.items()
        if metric.judge and not metric.people and suite in rows.suites
    ]
    if not made:
        raise BadInput(
            "no judge graded anything here: name one in the experiment, [judge] with model = …, give a suite the metric "
            "'rubric' or 'pairwise:CONTENDER', and run `harness run`"
        )
    return made


def lines(made: Sequence[Calibration]) -> Iterator[str]:
    """For a terminal."""
    for one in made:
        yield heading(one)
        yield from (f"  {line}" for line in findings(one))


def heading(one: Calibration) -> str:
    """Who graded what."""
    people = one.people
    beside = (
        f", {plural(people.answers, 'answer')} of {plural(people.cases, 'case')} graded by people too" if people else ""
    )
    return f"{one.suite}: judge {one.judge} on {one.metric}{beside}"


def findings(one: Calibration, *, tables: bool = True) -> Iterator[str]:
    """What was found, a line each; with ``tables`` the confusions too."""
    yield from _people_lines(one.people, tables) if one.people else (_nobody(one.suite),)
    yield from _steady_lines(one.steadiness)
    for pair in one.lengths:
        at_equal = "cannot be told, one is longer by the same in every case"
        if pair.equal is not None:
            at_equal = f"{signed(pair.equal)}, and {pair.slope:+z.2f} for each doubling"
        yield f"{pair.ours} minus {pair.theirs}: {signed(pair.raw)}; at equal length {at_equal}"


def as_dict(made: Sequence[Calibration]) -> dict[str, Any]:
    """For a program: suite → metric → what was found. A bound that is not known is null."""
    shown: dict[str, Any] = {}
    for one in made:
        shown.setdefault(one.suite, {})[one.metric] = finite(asdict(one))
    return shown


def _nobody(suite: str) -> str:
    return (
        f"people graded none of these answers: run `harness review {suite}`, or fill in what `harness judge sample {suite} "
        'labels.jsonl` writes and name the file in suite.toml: labels = "labels.jsonl"'
    )


def _people_lines(people: Beside, tables: bool) -> Iterator[str]:
    whole = people.whole
    verdict = "" if whole.agreement.estimate >= people.needed else ": TOO LITTLE, its scores decide nothing"
    yield (
        f"agreement {plain(whole.agreement)}, needed is {people.needed:.2f}{verdict}; "
        f"the same score on {share(whole.accuracy)} of them, kappa {plain(whole.kappa)}"
    )
    each = ", ".join(f"{name} {bias:+z.2f}" for name, bias in people.biases.items())
    yield f"the judge minus people: {signed(people.bias)}; {each}"
    if tables and not people.criteria:
        yield from _confusion(whole)
    for name, labels in people.criteria.items():
        same = f"the same on {share(labels.accuracy)}"
        yield f"`{name}`: {same}, kappa {plain(labels.kappa)}, weighted {plain(labels.agreement)}"
        if tables:
            yield from _confusion(labels)


def _confusion(labels: Labels) -> Iterator[str]:
    """A table of counts: people's labels down, the judge's across."""
    if labels.confusion:
        yield f"  {'people, judge':>14}" + "".join(f"{label:>7g}" for label in labels.scale)
    for label, row in zip(labels.scale, labels.confusion, strict=False):
        yield f"  {label:>14g}" + "".join(f"{count:>7}" for count in row)


def _steady_lines(steady: Steadiness) -> Iterator[str]:
    if steady.spread is not None:
        yield f"graded again, an answer's score varies by {plain(steady.spread)}, the standard deviation"
    if steady.alpha is not None:
        yield f"the jurors agree {plain(steady.alpha)}, Krippendorff's alpha of {plural(steady.answers, 'answer')}"
    if steady.flips is not None:
        yield f"the two orders disagree on {share(steady.flips)} of {plural(steady.pairs, 'pair')}"


def _calibration(found: Evidence, rows: Rows, suite: str, name: str, model: str) -> Calibration:
    jury = found.metrics[suite][name].judge
    assert jury is not None, name
    board, heard = load_board(rows, suite, name), gradings(found, suite, name, model)
    labels = [label for *place, some in found.labels if place == [suite, name] for label in some]
    return Calibration(
        suite=suite,
        metric=name,
        judge=jury.name,
        people=_beside(board, found, _criteria(heard, labels, found.policy.alpha)) if board.people else None,
        steadiness=steadiness(jury, heard, found.policy.alpha),
        lengths=tuple(lengths(found, rows, suite, name, model)),
    )


def _beside(board: Board, found: Evidence, criteria: dict[str, Labels]) -> Beside | None:
    parts = {name: part for name, part in graded(board).items() if part[0].size}
    if not parts:
        return None
    cases, judged, people = map(np.concatenate, zip(*parts.values(), strict=True))
    clusters, alpha = board.clusters[cases], found.policy.alpha
    bias = crossed(judged - people, clusters).interval(alpha)
    scale = np.unique(np.round(np.concatenate([judged, people]), DIGITS))
    return Beside(
        answers=int(cases.size),
        cases=int(np.unique(cases).size),
        needed=found.policy.judge_agreement,
        whole=_labels(np.round(judged, DIGITS), np.round(people, DIGITS), clusters, scale.tolist(), alpha),
        bias=Bounds(bias.estimate, bias.lower, bias.upper),
        biases={name: float(np.mean(j - p)) for name, (_, j, p) in parts.items()},
        criteria=criteria,
    )


def _labels(judged: Floats, people: Floats, clusters: Codes, scale: Sequence[float], alpha: float) -> Labels:
    return Labels(
        accuracy=accuracy(judged, people).bounds(clusters, alpha=alpha),
        kappa=kappa(judged, people, categories=scale).bounds(clusters, alpha=alpha),
        agreement=lin(judged.astype(np.float64), people.astype(np.float64)).bounds(clusters, alpha=alpha),
        scale=tuple(scale),
        confusion=tuple(map(tuple, confusion(people, judged, scale).tolist())) if len(scale) <= FEW else (),
    )


def _criteria(heard: Sequence[Graded], labels: Sequence[Label], alpha: float) -> dict[str, Labels]:
    """The labels of each criterion where people graded by criteria: of several gradings the judge's is the median."""
    by_trial = {one.subject.trial_id: one for one in heard if one.whole}
    both = [(by_trial[label.trial], label.scores) for label in labels if label.scores and label.trial in by_trial]
    if not both:
        return {}
    codes = np.unique([one.subject.case.cluster for one, _ in both], return_inverse=True)[1]
    marks = [_marks(one) for one, _ in both]
    criteria = both[0][0].jurors[0].criteria
    made = {}
    for criterion in criteria:
        judged = np.array([median_low(some[criterion.id]) for some in marks])
        people = np.array([scores[criterion.id] for _, scores in both])
        made[criterion.id] = _labels(judged, people, codes, range(criterion.least, criterion.most + 1), alpha)
    return made


def _marks(one: Graded) -> dict[str, list[int]]:
    """Criterion → its number in every grading of an answer."""
    made: dict[str, list[int]] = {}
    by_juror = zip(one.jurors, one.heard, strict=True)
    read = (juror.marks(reply) for juror, heard in by_juror if isinstance(juror, Judge) for reply in heard.replies)
    for marks in read:
        for name, mark in marks.items():
            if isinstance(mark, int):
                made.setdefault(name, []).append(mark)
    return made
