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
from harness.origins import mixed, way_out
from harness.people import PAIRWISE, Label, Mark, Place, compared, labels_of, load_labels, rated, table
from harness.probe import probed
from harness.question import Account, Question, accounts, histories, note, questions
from harness.scoring import hashes_of, meant, metrics_of
from harness.store import Store, open_store
from harness.store.reviews import Review
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
        flagged = {place: list(matches) for place, matches in self.exposure.items()}
        people = table(self._marks(model), flagged=flagged, like=rows.schema)
        return pa.concat_tables([rows, people]) if people.num_rows else rows

    def _marks(self, model: str) -> Iterator[Mark]:
        """What people say of this model's answers."""
        said = {label.trial for _, _, labels in self.labels for label in labels}
        said |= {trial for one in self.reviews for trial in (one.trial, one.other) if trial is not None}
        found = self.store.places(self.experiment.name, model, sorted(said)) if said else {}
        places = {trial: [Place(*values) for values in some] for trial, some in found.items()}
        for suite, metric, labels in self.labels:
            yield from rated(labels, places, suite=suite, metric=metric)
        declared = {
            suite: [name for name in named if name.startswith(PAIRWISE)] for suite, named in self.metrics.items()
        }
        yield from compared(self.reviews, places, declared)

    def _refuse_unreviewed(self) -> None:
        for task in self.matrix.tasks:
            name = self.policy.suites[task.suite.name].metric or task.suite.metric
            metric = self.metrics[task.suite.name].get(name)
            if metric is not None and metric.people and not self.reviews:
                raise Incomplete(
                    f"suite {task.suite.name!r} is decided by people ({name}), and nobody has reviewed it yet: "
                    f"run `harness review {task.suite.name} --reviewer NAME`"
                )

    def amounts(self, model: str) -> pa.Table:
        """The same of what is no share: seconds, tokens, USD, perplexity."""
        return self._rows(model, sources={}, amounts=True)

    def _rows(self, model: str, *, sources: Mapping[str, str], amounts: bool) -> pa.Table:
        hashes = hashes_of(self.metrics, amounts=amounts)
        flagged = {place: list(matches) for place, matches in self.exposure.items()}
        rows = self.store.rows(self.experiment.name, metrics=hashes, model=model, sources=sources, flagged=flagged)
        return meant(rows, self.matrix, self.metrics)

    @cached_property
    def reviews(self) -> list[Review]:
        """What was said on the page of cases that were drawn evenly: of those that were chosen for their scores, the scores
        say less than they seem to.
        """
        return [one for one in self.store.reviews() if one.drawn == "even" and one.score is not None]

    @cached_property
    def labels(self) -> list[tuple[str, str, list[Label]]]:
        """What people say of answers that a judge graded, by suite and the judge's metric: in its file and on the page."""
        return [
            (
                task.suite.name,
                name,
                [
                    *(load_labels(task.suite, metric.judge.criteria) if task.suite.labels else ()),
                    *labels_of(self.reviews, metric.judge.criteria),
                ],
            )
            for task in self.matrix.tasks
            for name, metric in self.metrics[task.suite.name].items()
            if metric.judge and metric.opponent is None
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
            Incomplete: when a suite, prompt or recipe was changed after the last run, or rows that are compared come from
                several served models.
            NotCompared: when a deciding suite has one contender.
        """
        stale = [cell for cell in self.matrix.cells if cell.id not in self.current]
        if stale:
            names = ", ".join(dict.fromkeys(f"{cell.contender.name} on {cell.suite.name}" for cell in stale[:3]))
            raise Incomplete(
                f"{len(stale)} of {len(self.matrix.cells)} cells were changed or added since the last run ({names}"
                f"{', …' if len(stale) > 3 else ''}): run `harness run`, which does only what is missing"
            )
        self._refuse_unreviewed()
        self._refuse_mixed()
        known = self.histories
        return {model: decide(self.rows(model), self.policy, history=known[model]) for model in self.models}

    def _refuse_mixed(self) -> None:
        hashes = hashes_of(self.metrics)
        jurors = {n: len(m.judge.jurors) for named in self.metrics.values() for n, m in named.items() if m.judge}
        for model in self.models:
            said = list(mixed(self.store, self.experiment.name, model, hashes, jurors))
            if said:
                raise Incomplete(f"{'; '.join(said)}: {way_out(self.store, self.experiment.name, model, hashes)}")


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
