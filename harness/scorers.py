"""Scorers: processes that score answers by metrics of the harness, where there are many; in this process where there are few.

    with Scorers({"triage": suite}, count=300_000) as scorers:
        for scores in scorers.score(metric, "triage", answers): store.add_scores(scores)
        for scores in scorers.rest(): store.add_scores(scores)

One process reads and writes the store; the scores are the same ones in the same order, however many score. A user's own function may
hold what no second process can have, and a model is loaded once: these are called here.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType

from harness.errors import HarnessError
from harness.machine import cores
from harness.metrics import Metric, load_metric
from harness.suite import NO_TAGS, Case, Suite
from harness.trial import Output, Score

Answers = list[tuple[str, Case, Output]]
"""(id of the trial, case, what came back)."""

MANY = 50_000
"""Scores from which on starting processes (1 s each) is worth it: one score takes 50 to 100 µs."""
AHEAD = 2
"""Batches that wait at each process, so that none does while rows are stored; it bounds the memory."""


class Scorers:
    """What scores; made for about ``count`` scores of the named suites' metrics."""

    def __init__(self, suites: Mapping[str, Suite], *, count: int) -> None:
        self._processes = cores() if count >= MANY else 1
        self._pool: ProcessPoolExecutor | None = None
        if self._processes > 1:
            spawn = multiprocessing.get_context("spawn")  # forked, a process would hold the store's lock and threads
            self._pool = ProcessPoolExecutor(self._processes, spawn, _begin, (dict(suites),))
        self._waiting: deque[Future[list[Score]]] = deque()

    def __enter__(self) -> Scorers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def score(self, metric: Metric, suite: str, answers: Answers) -> Iterator[list[Score]]:
        """Give answers to be scored; what is finished by now, in the order in which it was given."""
        if self._pool is None or metric.tried is not None:
            yield scored(metric, answers)
            return
        sent = [(trial_id, _sendable(case), output) for trial_id, case, output in answers]
        self._waiting.append(self._pool.submit(_score, suite, metric.name, sent))
        while len(self._waiting) > AHEAD * self._processes:
            yield self._next()

    def rest(self) -> Iterator[list[Score]]:
        """Everything that is not finished yet."""
        while self._waiting:
            yield self._next()

    def _next(self) -> list[Score]:
        try:
            return self._waiting.popleft().result()
        except BrokenProcessPool as error:
            raise HarnessError(
                "a process died while scoring; out of memory is the usual cause: run again, everything scored is kept"
            ) from error


def scored(metric: Metric, answers: Sequence[tuple[str, Case, Output]]) -> list[Score]:
    """A score for every answer, or why there is none."""
    return [_one(metric, *answer) for answer in answers]


def _one(metric: Metric, trial_id: str, case: Case, output: Output) -> Score:
    try:
        value = metric(case, output)
    except HarnessError as error:
        return Score(trial_id, metric.name, metric.hash, None, str(error))
    return Score(trial_id, metric.name, metric.hash, value)


def _sendable(case: Case) -> Case:
    """The case as it can be sent to another process."""
    return case._replace(tags={}) if case.tags is NO_TAGS else case


# --- in the process ---------------------------------------------------------------------------------------------------

_suites: dict[str, Suite] = {}
_metrics: dict[tuple[str, str], Metric] = {}


def _begin(suites: dict[str, Suite]) -> None:
    _suites.update(suites)


def _score(suite: str, name: str, answers: Answers) -> list[Score]:
    if (suite, name) not in _metrics:
        _metrics[suite, name] = load_metric(name, _suites[suite])
    return scored(_metrics[suite, name], answers)
