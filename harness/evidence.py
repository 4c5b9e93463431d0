"""From store to verdict: the rows of an experiment, the policy that judges them, one verdict a base model.

with evidence(load_experiment(Path("experiment.toml"))) as found:
    found.verdict("embedded:tiny").suites["triage"].verdict
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from harness.experiment import Experiment
from harness.matrix import Matrix, expand
from harness.metrics import Metric
from harness.run import metrics_of
from harness.store import Store, open_store
from harness.verdict import Policy, Verdict, decide


@dataclass
class Evidence:
    """An experiment with what the store holds of it."""

    matrix: Matrix
    store: Store

    @property
    def experiment(self) -> Experiment:
        return self.matrix.experiment

    @property
    def models(self) -> list[str]:
        return [model.id for model in self.experiment.bases]

    @cached_property
    def metrics(self) -> dict[str, dict[str, Metric]]:
        return metrics_of(self.matrix)

    @property
    def policy(self) -> Policy:
        return self.matrix.policy

    def rows(self, model: str) -> pa.Table:
        """One row a trial and metric, with the columns that ``decide`` takes."""
        hashes = {suite: {name: metric.hash for name, metric in named.items()} for suite, named in self.metrics.items()}
        return self.store.rows(self.experiment.name, metrics=hashes, model=model)

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Base model → verdict; recomputed each time, never stored as truth."""
        return {model: decide(self.rows(model), self.policy) for model in self.models}


@contextmanager
def evidence(experiment: Experiment, *, matrix: Matrix | None = None) -> Iterator[Evidence]:
    """Open an experiment's store for reading.

    Raises:
        Incomplete: when nothing was ever run.
        StoreBusy: while a run is writing.
    """
    found = matrix or expand(experiment)
    with open_store(experiment.home, write=False) as store:
        yield Evidence(matrix=found, store=store)
