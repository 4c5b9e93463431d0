"""From store to verdict: the rows of an experiment, the policy that judges them, one verdict a base model.

with evidence(load_experiment(Path("experiment.toml"))) as found:
    found.verdicts["embedded:tiny"].suites["triage"].verdict
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from harness.errors import Incomplete
from harness.experiment import Experiment
from harness.exposure import Exposure, exposure
from harness.matrix import Matrix, expand
from harness.metrics import Metric
from harness.people import Label, load_labels, rows_of
from harness.probe import probed
from harness.question import Account, Question, accounts, histories, note, questions
from harness.scoring import hashes_of, meant, metrics_of
from harness.store import Store, open_store
from harness.verdict import Policy, Verdict, decide
from harness.verdict.lock import History


@dataclass
class Evidence:
    """An experiment with what the store holds of it; ``noted`` is False where a look could not be entered."""

    matrix: Matrix
    store: Store
    metrics: dict[str, dict[str, Metric]]
    noted: bool = True

    @property
    def experiment(self) -> Experiment:
        return self.matrix.experiment

    @property
    def models(self) -> list[str]:
        return [model.id for model in self.experiment.bases]

    @property
    def policy(self) -> Policy:
        return self.matrix.policy

    def rows(self, model: str) -> pa.Table:
        """One row a trial and metric, with the columns that ``decide`` takes; amounts are not among them."""
        judged = {name: "judge" for named in self.metrics.values() for name, metric in named.items() if metric.judge}
        rows = self._rows(model, sources=judged, amounts=False)
        people = [
            rows_of(labels, self.store, self.experiment.name, metric=metric, model=model, like=rows.schema)
            for metric, labels in self.labels
        ]
        return pa.concat_tables([rows, *people])

    def amounts(self, model: str) -> pa.Table:
        """The same of what is no share: seconds, tokens, USD, perplexity."""
        return self._rows(model, sources={}, amounts=True)

    def _rows(self, model: str, *, sources: Mapping[str, str], amounts: bool) -> pa.Table:
        hashes = hashes_of(self.metrics, amounts=amounts)
        flagged = {place: list(matches) for place, matches in self.exposure.items()}
        rows = self.store.rows(self.experiment.name, metrics=hashes, model=model, sources=sources, flagged=flagged)
        return meant(rows, self.matrix, self.metrics)

    @cached_property
    def labels(self) -> list[tuple[str, list[Label]]]:
        """What people say of answers that a judge graded, by the judge's metric, a suite at a time."""
        return [
            (name, load_labels(task.suite, metric.judge.criteria))
            for task in self.matrix.tasks
            for name, metric in self.metrics[task.suite.name].items()
            if task.suite.labels and metric.judge
        ]

    @cached_property
    def exposure(self) -> Exposure:
        """Which test cases each tuned contender may have seen in training."""
        return exposure(self.matrix)

    @cached_property
    def current(self) -> frozenset[str]:
        """The cells that stand in the store where the matrix has them, whole; what was edited since is not among them."""
        stored = {row.place: row.cell for row in self.store.cells(self.experiment.name)}
        here = {cell.row.place: cell.id for cell in self.matrix.cells}
        whole = self.store.asked(self.matrix.sizes)
        return frozenset(cell for place, cell in here.items() if stored.get(place) == cell and cell in whole)

    @cached_property
    def questions(self) -> list[Question]:
        return questions(self.matrix, self.metrics)

    @cached_property
    def histories(self) -> dict[str, dict[str, History]]:
        """Base model → suite → its lock and the earlier looks at its test set."""
        return {model: histories(self.store, self.questions, model) for model in self.models}

    @cached_property
    def accounts(self) -> dict[str, dict[str, Account]]:
        """Base model → suite → what was frozen of its question, and when its test set was looked at."""
        return {model: accounts(self.store, self.questions, model) for model in self.models}

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Base model → verdict; recomputed each time, never stored as truth.

        Raises:
            Incomplete: when a suite, prompt or recipe was changed after the last run.
            NotCompared: when a deciding suite has one contender.
        """
        stale = [cell for cell in self.matrix.cells if cell.id not in self.current]
        if stale:
            names = ", ".join(dict.fromkeys(f"{cell.contender.name} on {cell.suite.name}" for cell in stale[:3]))
            raise Incomplete(
                f"{len(stale)} of {len(self.matrix.cells)} cells were changed or added since the last run ({names}"
                f"{', …' if len(stale) > 3 else ''}): run `harness run`, which does only what is missing"
            )
        known = self.histories
        return {model: decide(self.rows(model), self.policy, history=known[model]) for model in self.models}


@contextmanager
def evidence(asked: Experiment | Matrix) -> Iterator[Evidence]:
    """Open the store of an experiment, or of one that is expanded already, for reading; verdicts that were made are looks,
    and entered in its ledger when it is closed, where it can be written.

    Raises:
        Incomplete: when nothing was ever run.
        StoreBusy: while a run is writing.
    """
    matrix = asked if isinstance(asked, Matrix) else expand(asked)
    with open_store(matrix.experiment.home, write=False) as store:
        metrics = metrics_of(matrix)
        found = Evidence(probed(matrix, store, hashes_of(metrics, amounts=False)), store, metrics)
        yield found
    if "verdicts" in vars(found):
        found.noted = note(matrix.experiment.home, found.questions, found.verdicts, found.histories)
