"""How far a judge and people agree, of what both graded: ``harness judge calibrate``.

    reply: judge openai:gpt-5-mini on rubric, 120 answers of 60 cases graded by people too
      agreement 0.71 (0.60 to 0.80), needed is 0.60; the same score on 64 % of them
      the judge minus people: +0.04 (0.01 to 0.07); dpo +0.06, short +0.02

Agreement is Lin's concordance, the quadratically weighted kappa of labels; its interval is a bootstrap over cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harness.errors import BadInput
from harness.evidence import Evidence
from harness.plural import plural
from harness.stats import concordance, crossed
from harness.verdict import load_rows
from harness.verdict.board import Board, graded, load_board

DRAWS, SEED = 2000, 20260101
SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Calibration:
    """A suite's judge beside people; scores are in [0, 1], intervals one-sided at the policy's alpha on each side.

    ``bias`` is the judge minus people; ``biases`` is that of each contender, whose differences are what a verdict would suffer
    from.
    """

    suite: str
    metric: str
    judge: str
    answers: int
    cases: int
    agreement: float
    lower: float
    upper: float
    needed: float
    same: float
    bias: tuple[float, float, float]
    biases: dict[str, float]


def calibrations(found: Evidence, model: str) -> list[Calibration]:
    """Of every suite whose judge has labels beside it.

    Raises:
        BadInput: when there is none, saying what to do.
    """
    rows, made = load_rows(found.rows(model)), list[Calibration]()
    for suite, named in found.metrics.items():
        for name, metric in named.items():
            if metric.judge and suite in rows.suites:
                board = load_board(rows, suite, name)
                if board.people:
                    made.append(_calibration(board, metric.judge.name, found))
    if not made:
        raise BadInput(
            "no judge's scores have labels of people beside them: name a judge in the experiment, grade what "
            '`harness judge sample SUITE labels.jsonl` writes, and name the file in suite.toml: labels = "labels.jsonl"'
        )
    return made


def lines(made: list[Calibration]) -> Iterator[str]:
    """For a terminal."""
    for one in made:
        yield (
            f"{one.suite}: judge {one.judge} on {one.metric}, {plural(one.answers, 'answer')} of "
            f"{plural(one.cases, 'case')} graded by people too"
        )
        verdict = "" if one.agreement >= one.needed else ": TOO LITTLE, its scores decide nothing"
        yield (
            f"  agreement {one.agreement:.2f} ({one.lower:.2f} to {one.upper:.2f}), needed is {one.needed:.2f}{verdict}; "
            f"the same score on {one.same:.0%} of them"
        )
        each = ", ".join(f"{name} {bias:+.2f}" for name, bias in one.biases.items())
        middle, lower, upper = one.bias
        yield f"  the judge minus people: {middle:+.2f} ({lower:+.2f} to {upper:+.2f}); {each}"


def as_dict(made: list[Calibration]) -> dict[str, Any]:
    """For a program."""
    return {one.suite: asdict(one) for one in made}


def _calibration(board: Board, judge: str, found: Evidence) -> Calibration:
    parts = graded(board)
    cases, judged, people = map(np.concatenate, zip(*parts.values(), strict=True))
    _, codes = np.unique(cases, return_inverse=True)
    alpha = found.policy.alpha
    lower, upper = np.quantile(_resampled(codes, judged, people), (alpha, 1 - alpha))
    bias = crossed(judged - people, codes).interval(alpha)
    return Calibration(
        suite=board.suite,
        metric=board.metric,
        judge=judge,
        answers=int(cases.size),
        cases=int(codes.max()) + 1,
        agreement=concordance(judged, people),
        lower=float(lower),
        upper=float(upper),
        needed=found.policy.judge_agreement,
        same=float(np.mean(np.abs(judged - people) < SAME)),
        bias=(bias.estimate, bias.lower, bias.upper),
        biases={name: float(np.mean(j - p)) for name, (_, j, p) in parts.items() if j.size},
    )


def _resampled(codes: Any, judged: Any, people: Any) -> list[float]:
    """The concordance of cases drawn with replacement, with all that was graded of each."""
    rng = np.random.default_rng(SEED)
    members = [np.flatnonzero(codes == code) for code in range(int(codes.max()) + 1)]
    drawn = (np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]) for _ in range(DRAWS))
    return [concordance(judged[pick], people[pick]) for pick in drawn]
