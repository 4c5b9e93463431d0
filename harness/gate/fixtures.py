"""Fixtures for tests that stand beside a ``suite.toml``; ``pytest --fixtures suites/`` shows them.

def test_tuning_beats_examples(paired):
    gain = paired("sft", "few_shot_4")
    assert gain.lower > 0.03, gain
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import pytest

from harness.gate.node import CouldNotMeasure, bench_of, ensure
from harness.place import SUITE, nearest

if TYPE_CHECKING:
    from harness.gate.bench import Answered, Bench
    from harness.stats import Interval
    from harness.suite import Suite


@dataclass(frozen=True, slots=True)
class Measured:
    """One contender's mean on the test cases, with both one-sided bounds at the policy's alpha.

    ``n`` counts cases, ``seeds`` trainings (0 for an untrained contender); ``values`` is case id → score, the mean over
    training seeds.
    """

    mean: float
    lower: float
    upper: float
    n: int
    seeds: int
    values: Mapping[str, float] = field(repr=False)


class ScoresOf(Protocol):
    def __call__(self, contender: str, metric: str | None = None) -> Measured: ...


class Paired(Protocol):
    def __call__(self, contender: str, baseline: str, metric: str | None = None) -> Interval: ...


class AnswersOf(Protocol):
    def __call__(self, contender: str, metric: str | None = None) -> list[Answered]: ...


@pytest.fixture(scope="module")
def suite(request: pytest.FixtureRequest) -> Suite:
    """The declaration in the ``suite.toml`` beside the test: ``suite.name``, ``suite.metric``, ``suite.gates``, …"""
    return _beside(request)[1]


@pytest.fixture(scope="module")
def base_model(request: pytest.FixtureRequest) -> str:
    """The base model that the contenders stand on. With several in the experiment, a test runs once for each."""
    bench, _ = _beside(request)
    return str(getattr(request, "param", bench.models[0]))


@pytest.fixture(scope="module")
def scores(request: pytest.FixtureRequest, base_model: str) -> ScoresOf:
    """``scores(contender, metric=None)``: a contender's ``mean``, ``lower``, ``upper``, ``n``, ``seeds`` and ``values`` by
    case, on the test cases. ``lower`` and ``upper`` are one-sided bounds at the policy's alpha; claim with ``lower``.
    """
    bench, suite = _ready(request)

    def of(contender: str, metric: str | None = None) -> Measured:
        from harness.gate.judge import members, moments_of

        metric = metric or suite.metric
        with _measuring():
            bench.check(base_model, suite, contender, metric)
            board = bench.board(base_model, suite.name, metric)
            found = members(board, contender)[0]
            interval = moments_of(board, found).interval(bench.policy.alpha)
        names = bench.rows(base_model, suite.name, metric).cases
        means = zip(found.cases, found.values.mean(axis=0), strict=True)
        values = {names[code]: float(value) for code, value in means}
        return Measured(interval.estimate, interval.lower, interval.upper, interval.n, interval.seeds, values)

    return of


@pytest.fixture(scope="module")
def paired(request: pytest.FixtureRequest, base_model: str) -> Paired:
    """``paired(contender, baseline, metric=None)``: the difference on the same test cases as an interval with
    ``estimate``, ``lower``, ``upper``, ``n``, ``seeds``; training seeds and cases both count as samples. A gain is shown
    when ``lower`` exceeds the least gain worth having.
    """
    bench, suite = _ready(request)

    def of(contender: str, baseline: str, metric: str | None = None) -> Interval:
        from harness.gate.judge import difference_of, members, rival

        metric = metric or suite.metric
        with _measuring():
            for name in (contender, baseline):
                bench.check(base_model, suite, name, metric)
            board = bench.board(base_model, suite.name, metric)
            ours = members(board, contender)[0]
            return difference_of(board, ours, rival(board, ours, baseline)).interval(bench.policy.alpha)

    return of


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest, base_model: str) -> AnswersOf:
    """``answers(contender, metric=None)``: every answer to a test case as a row with ``case_id``, ``input``, ``expected``,
    ``actual``, ``score`` and ``seed``; one row for each training seed.
    """
    bench, suite = _ready(request)

    def of(contender: str, metric: str | None = None) -> list[Answered]:
        metric = metric or suite.metric
        with _measuring():
            bench.check(base_model, suite, contender, metric)
            return bench.answers(base_model, suite, contender, metric)

    return of


def _ready(request: pytest.FixtureRequest) -> tuple[Bench, Suite]:
    bench, suite = _beside(request)
    with _measuring():
        ensure(request.session, bench)
    return bench, suite


def _beside(request: pytest.FixtureRequest) -> tuple[Bench, Suite]:
    """The experiment and the suite that the test belongs to."""
    found = nearest(request.path, SUITE)
    if found is None:
        raise CouldNotMeasure(
            f"no {SUITE} beside {request.path}: a test that draws on scores stands in a suite's folder"
        )
    bench = bench_of(request.config, found)
    if bench is None:
        raise CouldNotMeasure(f"no experiment.toml above {found}: name one with --experiment")
    with _measuring():
        task = bench.task(found.parent)
    if task is None:
        raise CouldNotMeasure(f"{bench.path} does not list the suite in {found.parent}")
    return bench, task.suite


@contextmanager
def _measuring() -> Iterator[None]:
    from harness.errors import HarnessError

    try:
        yield
    except HarnessError as error:
        raise CouldNotMeasure(str(error)) from None
