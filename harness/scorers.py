"""Scorers: processes that score answers by metrics of the harness, where there are many; in this process where there are few.

    with Scorers(metrics, suites, count=300_000) as scorers:
        for scores in scorers.score("triage", works): store.add_scores(scores)
        for scores in scorers.rest(): store.add_scores(scores)

One process reads and writes the store; the scores are the same ones in the same order, however many score. A user's own function may
hold what no second process can have, and a model is loaded once: these are called here.
"""

from __future__ import annotations

import copyreg
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import MappingProxyType, TracebackType
from typing import Any

from harness.errors import HarnessError
from harness.machine import cores
from harness.metrics import Metric, load_metric
from harness.suite import Case, Suite
from harness.trial import Output, Score

Work = tuple[str, Case, Output, Sequence[str]]
"""Id of the trial, case, what came back, and by which metrics it is scored."""

MANY = 50_000
"""Scores from which on starting processes (0.5 s each) is worth it: one score takes 20 to 100 µs."""
AHEAD = 2
"""Batches that wait at each process, so that none does while rows are stored; it bounds the memory."""


def _read_only(tags: dict[str, Any]) -> MappingProxyType[str, Any]:
    return MappingProxyType(tags)


# the tags of cases without any are of a kind that pickle does not know
copyreg.pickle(MappingProxyType, lambda tags: (_read_only, (dict(tags),)))


class Scorers:
    """What scores by ``metrics``, named as in ``suite``; made for about ``count`` scores."""

    def __init__(self, metrics: Mapping[str, Mapping[str, Metric]], suites: Mapping[str, Suite], *, count: int) -> None:
        self._metrics = metrics
        self._processes = cores() if count >= MANY else 1
        self._pool: ProcessPoolExecutor | None = None
        if self._processes > 1:
            spawn = multiprocessing.get_context("spawn")  # forked, a process would hold the store's lock and threads
            self._pool = ProcessPoolExecutor(self._processes, spawn, _begin, (dict(suites),))
        self._waiting: deque[tuple[list[tuple[str, Metric]], Future[list[float | str]]]] = deque()

    def __enter__(self) -> Scorers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def score(self, suite: str, works: Sequence[Work]) -> Iterator[list[Score]]:
        """Give answers to be scored; what is finished by now, in the order in which it was given."""
        metrics = self._metrics[suite]
        here = {name for name, metric in metrics.items() if self._pool is None or metric.tried is not None}
        yield scored(metrics, _those(works, lambda name: name in here) if len(here) < len(metrics) else works)
        if self._pool is None:
            return
        sent = _those(works, lambda name: name not in here)
        places = [(trial_id, metrics[name]) for trial_id, _, _, names in sent for name in names]
        self._waiting.append((places, self._pool.submit(_score, suite, [work[1:] for work in sent])))
        while len(self._waiting) > AHEAD * self._processes:
            yield self._next()

    def rest(self) -> Iterator[list[Score]]:
        """Everything that is not finished yet."""
        while self._waiting:
            yield self._next()

    def _next(self) -> list[Score]:
        places, future = self._waiting.popleft()
        try:
            values = future.result()
        except BrokenProcessPool as error:
            raise HarnessError(
                "a process died while scoring; out of memory is the usual cause: run again, everything scored is kept"
            ) from error
        return [_score_of(trial, metric, value) for (trial, metric), value in zip(places, values, strict=True)]


def scored(metrics: Mapping[str, Metric], works: Sequence[Work]) -> list[Score]:
    """A score for every answer and metric, or why there is none."""
    return [
        _score_of(trial_id, metrics[name], _value(metrics[name], case, output))
        for trial_id, case, output, names in works
        for name in names
    ]


def _those(works: Sequence[Work], wanted: Callable[[str], bool]) -> list[Work]:
    """Works with the wanted ones of their metrics; without those that have none of them."""
    some = ((trial_id, case, output, [*filter(wanted, names)]) for trial_id, case, output, names in works)
    return [work for work in some if work[-1]]


def _score_of(trial_id: str, metric: Metric, value: float | str) -> Score:
    if isinstance(value, str):
        return Score(trial_id, metric.name, metric.hash, None, value)
    return Score(trial_id, metric.name, metric.hash, value)


def _value(metric: Metric, case: Case, output: Output) -> float | str:
    """The score, or why there is none."""
    try:
        return metric(case, output)
    except HarnessError as error:
        return str(error)


# --- in the process ---------------------------------------------------------------------------------------------------

_suites: dict[str, Suite] = {}
_metrics: dict[tuple[str, str], Metric] = {}


def _begin(suites: dict[str, Suite]) -> None:
    _suites.update(suites)


def _score(suite: str, works: Sequence[tuple[Case, Output, Sequence[str]]]) -> list[float | str]:
    return [_value(_metric(suite, name), case, output) for case, output, names in works for name in names]


def _metric(suite: str, name: str) -> Metric:
    if (suite, name) not in _metrics:
        _metrics[suite, name] = load_metric(name, _suites[suite])
    return _metrics[suite, name]
