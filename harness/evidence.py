"""From store to verdict: the rows of an experiment, the policy that judges them, one verdict a base model.

with evidence(load_experiment(Path("experiment.toml"))) as found:
    found.verdicts["embedded:tiny"].suites["triage"].verdict
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import pyarrow as pa

from harness.errors import Incomplete
from harness.experiment import Experiment, Model
from harness.exposure import Exposure, exposure
from harness.matrix import Matrix, expand
from harness.metrics import Metric
from harness.origins import mixed, way_out
from harness.people import PAIRWISE, Label, Mark, Place, compared, labels_of, load_labels, rated, table
from harness.question import Account, Question, accounts, histories, note, questions
from harness.rounds import grown, unsettled
from harness.scoring import hashes_of, meant, metrics_of
from harness.store import Store, open_store
from harness.store.reviews import Review
from harness.taught import Taught, taught
from harness.teachers import teachers
from harness.verdict import Kin, Kinship, Policy, Rows, Verdict, decide, load_rows
from harness.verdict.lock import History


@dataclass
class Evidence:
    """An experiment with what the store holds of it; ``noted`` is False where a look could not be entered."""

    matrix: Matrix
    store: Store
    metrics: dict[str, dict[str, Metric]]
    noted: bool = True
    _table: tuple[str, pa.Table] | None = None
    _loaded: dict[str, Rows] = field(default_factory=dict)

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
        """One row a trial and metric, with the columns that ``decide`` takes; amounts are not among them. Read once, as long as
        nobody asks for another model's.
        """
        if self._table is None or self._table[0] != model:
            self._table = model, self._read(model)
        return self._table[1]

    def loaded(self, model: str) -> Rows:
        """The same, validated: once for the verdict and whatever is shown beside it."""
        if model not in self._loaded:
            self._loaded[model] = load_rows(self.rows(model))
        return self._loaded[model]

    def _read(self, model: str) -> pa.Table:
        judged = {name: "judge" for named in self.metrics.values() for name, metric in named.items() if metric.judge}
        rows = self._rows(model, sources=judged, amounts=False)
        people = table(self._marks(model), flagged=self._flagged, like=rows.schema)
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

    def _refuse_unreviewed(self, model: str) -> None:
        """Without a row a metric that people alone score would be taken for one that is not there."""
        seen = {(place.suite, metric) for metric, place, _ in self._marks(model)}
        for task in self.matrix.tasks:
            suite = task.suite.name
            name = self.policy.suites[suite].metric or task.suite.metric
            metric = self.metrics[suite].get(name)
            if metric is not None and metric.people and (suite, name) not in seen:
                raise Incomplete(
                    f"suite {suite!r} is decided by people ({name}), and nobody has reviewed it yet: "
                    f"run `harness review {suite} --reviewer NAME`"
                )

    def amounts(self, model: str) -> pa.Table:
        """The same of what is no share: seconds, tokens, USD, perplexity."""
        return self._rows(model, sources={}, amounts=True)

    def _rows(self, model: str, *, sources: Mapping[str, str], amounts: bool) -> pa.Table:
        hashes = hashes_of(self.metrics, amounts=amounts)
        found = self.store.rows(
            self.experiment.name, metrics=hashes, model=model, sources=sources, flagged=self._flagged
        )
        return meant(found, self.matrix, self.metrics)

    @cached_property
    def _flagged(self) -> dict[tuple[str, str], list[str]]:
        """(suite, contender) → ids of cases that overlap its training data."""
        return {place: list(matches) for place, matches in self.exposure.items()}

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
    def taught(self) -> Taught:
        """Which test cases ask for a fact that each tuned contender's training stated."""
        return taught(self.matrix)

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
        """Base model → suite → its lock, the earlier looks at its test set, and the facts that training stated."""
        return {
            model: {
                suite: replace(
                    history, taught={name: cases for (of, name), cases in self.taught.items() if of == suite}
                )
                for suite, history in histories(self.store, self.questions, model).items()
            }
            for model in self.models
        }

    @cached_property
    def accounts(self) -> dict[str, dict[str, Account]]:
        """Base model → suite → what was frozen of its question, and when its test set was looked at."""
        return {model: accounts(self.store, self.questions, model) for model in self.models}

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """Base model → verdict; recomputed each time, never stored as truth.

        Raises:
            Incomplete: when a search is not at its end, a suite, prompt or recipe was changed after the last run, or rows that are compared come from
                several served models.
            NotCompared: when a deciding suite has one contender.
        """
        if waiting := unsettled(self.matrix):
            raise Incomplete(
                f"the search for {', '.join(one.said for one in waiting)} has not come to its end: run `harness run`, which "
                "goes on where it was"
            )
        stale = [cell for cell in self.matrix.cells if cell.id not in self.current]
        if stale:
            names = ", ".join(dict.fromkeys(f"{cell.contender.name} on {cell.suite.name}" for cell in stale[:3]))
            raise Incomplete(
                f"{len(stale)} of {len(self.matrix.cells)} cells were changed or added since the last run ({names}"
                f"{', …' if len(stale) > 3 else ''}): run `harness run`, which does only what is missing"
            )
        for model in self.models:
            self._refuse_unreviewed(model)
        self.refuse_mixed()
        known = self.histories
        return {
            base.id: decide(
                self.loaded(base.id), self.policy, history=known[base.id], kinship=kinship(self.matrix, base)
            )
            for base in self.experiment.bases
        }

    def refuse_mixed(self) -> None:
        """Raises:
        Incomplete: when answers that are compared, or a judge's scores, come from several models of one name.
        """
        hashes = hashes_of(self.metrics)
        jurors = {n: len(m.judge.jurors) for named in self.metrics.values() for n, m in named.items() if m.judge}
        for model in self.models:
            said = list(mixed(self.store, self.experiment.name, model, hashes, jurors))
            if said:
                raise Incomplete(f"{'; '.join(said)}: {way_out(self.store, self.experiment.name, model, hashes)}")


def kinship(matrix: Matrix, base: Model) -> Kinship:
    """Who judges, and who is behind the contenders of a base model: what it is itself, and who taught whom."""
    experiment = matrix.experiment
    tuned = {cell.contender.name: cell.contender.recipe for cell in matrix.cells if cell.model == base}
    written = teachers(matrix)
    return Kinship(
        judges=tuple(map(kin_of, experiment.judge.bases if experiment.judge else ())),
        models=(kin_of(base),),
        teachers={
            name: tuple(_all_taught(experiment, recipe, written.get(name, frozenset())))
            for name, recipe in tuned.items()
            if recipe
        },
    )


def _all_taught(experiment: Experiment, recipe: str, written: Collection[str]) -> Iterator[Kin]:
    """What the experiment says, and what the training rows say that it does not."""
    said = list(_taught(experiment, recipe))
    yield from said
    yield from (kin_of(name) for name in sorted(written) if name not in {kin.id for kin in said})


def kin_of(model: str | Model) -> Kin:
    """A declared model as a judge or a contender's origin, with its family where that is said."""
    return Kin(id=model.id, family=model.family) if isinstance(model, Model) else Kin(id=model)


def _taught(experiment: Experiment, recipe: str) -> Iterator[Kin]:
    """Who wrote what a candidate was trained on, and what those were that it is made from."""
    candidate = experiment.candidates[recipe]
    if candidate.teacher is not None:
        yield kin_of(candidate.teacher)
    for name in candidate.begins:
        yield from _taught(experiment, name)


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
        found = Evidence(grown(matrix, store, hashes_of(metrics, amounts=False)), store, metrics)
        yield found
    if "verdicts" in vars(found):
        found.noted = note(matrix.experiment.home, found.questions, found.verdicts, found.histories)
