"""Estimates: numbers of all answers of a contender together, where a mean of scores would be another number.

    estimates = ["macro_f1", "corpus_bleu"]      # suites/triage/suite.toml
    >>> load_estimates(suite)["macro_f1"](cases, outputs)
    0.82

An estimate of this package is one line in ``ESTIMATES``: a maker, called with the suite, of a ``Sums``. ``module:function`` names one of the
user's own, (cases, outputs) -> float, drawn again a case at a time for its interval. They are shown beside the verdict and never
decide it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import BadInput, suggest
from harness.metrics import load_object
from harness.metrics.own import make_own
from harness.stats import Codes, Floats, Interval, bootstrap
from harness.suite import Case, Suite
from harness.trial import Output

Cases = Sequence[Case]
Outputs = Sequence[Output]
Function = Callable[[Cases, Outputs], float]

ESTIMATES: dict[str, str] = {
    "macro_f1": "harness.metrics.labels:make_macro_f1",
    "corpus_bleu": "harness.metrics.corpus:make_bleu",
    "corpus_chrf": "harness.metrics.corpus:make_chrf",
    "stop_rate": "harness.metrics.rates:make_stop_rate",
    "hallucination": "harness.metrics.rates:make_hallucination",
    "over_refusal": "harness.metrics.rates:make_over_refusal",
}

FEW_DRAWS = 200
"""Of a user's own function, which is called for each."""


@dataclass(frozen=True)
class Sums:
    """An estimate that is a function of sums over answers.

    Attributes:
        statistics: (cases, outputs) -> what is summed, shape (n, k); k depends on the cases alone.
        value: sums, shape (…, k) -> numbers, shape (…); NaN where there is none.
    """

    statistics: Callable[[Cases, Outputs], Floats]
    value: Callable[[Floats], Floats]

    def __call__(self, cases: Cases, outputs: Outputs) -> float:
        return float(self.value(self.statistics(cases, outputs).sum(axis=0)))


@dataclass(frozen=True)
class Estimate:
    """A named estimate, bound to a suite."""

    name: str
    function: Sums | Function
    where: str = ""

    def __call__(self, cases: Cases, outputs: Outputs) -> float:
        """The number of one contender's answers."""
        return float(self.function(cases, outputs))

    def interval(self, cases: Cases, trained: Sequence[Outputs], clusters: Codes, *, alpha: float) -> Interval:
        """The mean of each training's number, with bounds over clusters of cases and trainings.

        Args:
            cases: that all trainings answered.
            trained: answers by training, in the order of the cases; one for what is not trained.
            clusters: shape (n,), a code a case.
            alpha: the error of one bound.
        """
        if isinstance(self.function, Sums):
            statistics = np.stack([self.function.statistics(cases, outputs) for outputs in trained])
            return bootstrap(statistics, self.function.value, clusters=clusters, alpha=alpha)
        counts = np.broadcast_to(np.eye(len(cases)), (len(trained), len(cases), len(cases)))
        value = _Recounted(self, cases, trained)
        return bootstrap(counts, value, clusters=clusters, alpha=alpha, draws=FEW_DRAWS)

    def refuse(self, cases: Cases) -> None:
        """Refuse cases of which there can be no number, before anything is paid for.

        Raises:
            BadInput: saying what is missing in them.
        """
        if isinstance(self.function, Sums):
            number = self(cases, [Output("")] * len(cases))
            if np.isnan(number):
                raise BadInput(
                    f"{self.where}: estimate {self.name!r}: no test case is of the kind that it counts: see docs/metrics.md, or "
                    "leave it out"
                )


@dataclass(frozen=True)
class _Recounted:
    """A user's function on answers that are drawn: each as often as its weight says."""

    estimate: Estimate
    cases: Cases
    trained: Sequence[Outputs]

    def __call__(self, sums: Floats) -> Floats:
        weights = np.rint(sums).astype(np.int64)
        values = np.empty(weights.shape[:-1])
        for place in np.ndindex(values.shape):
            values[place] = self._of(self.trained[place[0]], np.repeat(np.arange(len(self.cases)), weights[place]))
        return values

    def _of(self, outputs: Outputs, drawn: Codes) -> float:
        return self.estimate([self.cases[i] for i in drawn], [outputs[i] for i in drawn])


def load_estimates(suite: Suite) -> dict[str, Estimate]:
    """The estimates that a suite declares, by name.

    Raises:
        BadInput: for an unknown name, or a function that is not there.
    """
    where = str(suite.folder / "suite.toml")
    found = {}
    for name in suite.estimates:
        try:
            found[name] = Estimate(name, _function(name, suite), where)
        except BadInput as error:
            raise BadInput(f"{where}: estimate {name!r}: {error}") from error
    return found


def _function(name: str, suite: Suite) -> Any:
    if name in ESTIMATES:
        return load_object(ESTIMATES[name])(suite)
    if ":" in name:
        return make_own(suite, name)[0]
    raise BadInput(f"unknown estimate: {suggest(name, ESTIMATES)}")
