"""One round: what is missing of it is asked, kept the moment it comes, scored, and told beside the rounds before.

    watch(experiment, [("triage", "zero_shot")], say=print)      # a list with one Drift

Killed anywhere, the next call goes on with the same round. So does the call after one that lacked too many answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from harness.engine import Generate
from harness.errors import Incomplete, present
from harness.experiment import Experiment, Model
from harness.grade import Deferred, grade
from harness.machine import versions
from harness.matrix import Matrix, expand
from harness.models import is_local
from harness.models.flight import OutOfMoney
from harness.plural import plural
from harness.progress import Console
from harness.rounds import grown
from harness.run import Doing, doing
from harness.scorers import scored
from harness.scoring import Metrics, hashes_of, metrics_of, said, subjects
from harness.store import Store, open_store
from harness.store.again import Round
from harness.store.submission import now
from harness.trial import Generation, Output, Score, Step, Training, Trial, output_of
from harness.vendors import Spending
from harness.watch.drift import Drift, Heard, drift
from harness.watch.watched import MOST, Target, Watched, watched


def seen(
    experiment: Experiment, targets: Sequence[Target], *, model: str | None = None, cases: int | None = None
) -> list[Drift]:
    """What the rounds so far show; nothing is asked.

    Raises:
        BadInput, Incomplete: as `watch`.
    """
    with _opened(experiment, targets, model, cases, write=False) as (matrix, store, _, some):
        return [_drift(store, one, matrix) for one in some]


def watch(
    experiment: Experiment,
    targets: Sequence[Target],
    *,
    model: str | None = None,
    cases: int | None = None,
    wait: float = 0.0,
    spending: Spending | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> list[Drift]:
    """Ask the next round of every target, or what is missing of one that is under way, and say what all rounds show.

    Args:
        targets: (suite, contender) of each.
        model: the base model, where there are several.
        cases: how many of the test cases, drawn by the experiment's seed; all otherwise.
        wait: seconds to wait while another process holds the store.
        spending: how served models are paid.
        say: is told what is asked.

    Raises:
        BadInput: for a suite, contender or model that is not there.
        Incomplete: when round 0 is, or more would cost more than may be spent; what was answered is kept.
        StoreBusy: when another process holds the store.
    """
    with _opened(experiment, targets, model, cases, write=True, wait=wait, say=say) as (matrix, store, metrics, some):
        with doing(matrix, store, metrics, Console(quiet=True), spending=spending) as here:
            _refuse(here, some)
            for one in some:
                _Asking(here, one, say).go()
        return [_drift(store, one, matrix) for one in some]


Opened = tuple[Matrix, Store, Metrics, list[Watched]]


@contextmanager
def _opened(
    experiment: Experiment,
    targets: Sequence[Target],
    model: str | None,
    cases: int | None,
    *,
    write: bool,
    wait: float = 0.0,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Opened]:
    matrix = expand(experiment)
    metrics = metrics_of(matrix)
    with open_store(experiment.home, write=write, wait=wait, say=say) as store:
        matrix = grown(matrix, store, hashes_of(metrics, amounts=False))
        some = [watched(matrix, store, metrics, target, model=model, cases=cases) for target in dict.fromkeys(targets)]
        yield matrix, store, metrics, some


def _refuse(here: Doing, some: Sequence[Watched]) -> None:
    """Packages, keys and prices that the round will need."""
    models = {one.model.id: one.model for one in some}
    if any(map(is_local, models.values())):
        present("torch", "transformers", "peft", extra="train")
    judges = [juror.grader.model for one in some if one.metric.judge for juror in one.metric.judge.jurors]
    here.vendors.check([*models.values(), *judges])


@dataclass
class _Asking:
    """One target's round under way. A sink of the engine's."""

    here: Doing
    one: Watched
    say: Callable[[str], None]

    def go(self) -> None:
        """Ask, score, and finish the round where enough of it is there.

        Raises:
            Incomplete: when more would cost more than may be spent; what came is kept.
        """
        self.round = self._due()
        self.trials = {self.round.again(first): first for first in self.one.asked}
        try:
            self._fill(self._missing())
        except OutOfMoney:
            left = plural(len(self._missing()), "answer")
            raise Incomplete(
                f"stopped before --max-cost would be passed: round {self.round.number} of {self.one.named} lacks {left}; what "
                "came is kept, and the next call goes on with this round"
            ) from None
        if len(self._missing()) <= MOST * len(self.one.asked):
            self.here.store.again.finish(self.round)

    def _fill(self, missing: list[Trial]) -> None:
        if missing:
            self.say(f"{self.one.named}: round {self.round.number}, {plural(len(missing), 'answer')} to ask")
            self._ask(missing)
        for round in self.here.store.again.rounds(self.one.series):  # all: the metric may be a new version
            _score(self.here, self.one, round)

    def _due(self) -> Round:
        """The round that is under way, or the next."""
        series, again = self.one.series, self.here.store.again
        rounds = again.rounds(series)
        if rounds and rounds[-1].finished is None:
            return rounds[-1]
        experiment = self.here.experiment
        due = Round(
            series,
            len(rounds) + 1,
            experiment.name,
            self.one.suite,
            self.one.contender,
            self.one.model.id,
            versions(),
            now(),
        )
        again.begin(due)
        return due

    def _missing(self) -> list[Trial]:
        """Under their ids in this round."""
        answers = self.here.store.again.answers(self.round)
        there = {first for first, answer in answers.items() if answer.error is None}
        return [
            replace(self.one.asked[first].trial, id=name) for name, first in self.trials.items() if first not in there
        ]

    def _ask(self, missing: list[Trial]) -> None:
        model = self.one.model
        if is_local(model):
            self.here.engine.run(list(self._works(model, missing)), self)
            return
        for rows in self.here.vendors.answers(model, missing):
            self.batch(rows)

    def _works(self, model: Model, missing: list[Trial]) -> Iterator[Generate]:
        """A piece for each adapter."""
        experiment = self.here.experiment
        for adapter in dict.fromkeys(trial.adapter for trial in missing):
            some = [trial for trial in missing if trial.adapter == adapter]
            key = f"round {self.round.number} of {self.one.named} ({adapter or 'base'})"
            yield Generate(key, model, experiment.home, lambda some=some: some, experiment.batch_tokens, size=len(some))  # type: ignore[misc]

    # --- what the engine tells

    def batch(self, generations: list[Generation]) -> None:
        self.here.store.again.add(self.round, generations, self.trials)

    def trained(self, training: Training) -> None:
        raise AssertionError("nothing is trained in a round")

    def step(self, key: str, step: Step) -> None:
        raise AssertionError("nothing is trained in a round")


def _score(here: Doing, one: Watched, round: Round) -> None:
    """Answers of a round that this version of the metric has not scored."""
    again, metric = here.store.again, one.metric
    done = again.scores(round, metric.name, metric.hash)
    answers = {
        first: output_of(answer, one.asked[first].trial.documents)
        for first, answer in again.answers(round).items()
        if answer.error is None and first not in done and first in one.asked
    }
    if answers:
        again.add_scores(_graded(here, one, round, answers) if metric.judge else _counted(one, round, answers))


def _counted(one: Watched, round: Round, answers: dict[str, Output]) -> list[Score]:
    works = [
        (round.again(first), one.asked[first].case, said(one.asked[first].cell, output), [one.metric.name])
        for first, output in answers.items()
    ]
    return scored({one.metric.name: one.metric}, works)


def _graded(here: Doing, one: Watched, round: Round, answers: dict[str, Output]) -> list[Score]:
    """By a judge: an answer that is word for word an earlier one has its grading already."""
    scores: list[Score] = []
    for cell in {asked.cell.id: asked.cell for asked in one.asked.values()}.values():
        texts = [
            (round.again(first), one.asked[first].case, output.text)
            for first, output in answers.items()
            if one.asked[first].cell.id == cell.id
        ]
        some = subjects(here.matrix, here.store, cell, one.metric, texts)
        try:
            scores += grade(one.metric, some, here.scoring.replies)
        except Deferred:
            here.graded_in_batches()
            scores += grade(one.metric, some, here.scoring.replies)
    return scores


def _drift(store: Store, one: Watched, matrix: Matrix) -> Drift:
    again, metric, experiment = store.again, one.metric, matrix.experiment
    series = one.series
    rounds = again.rounds(series)
    heard = [_first(store, one, experiment, rounds)]
    heard += [
        Heard(
            some.number, some.started, again.answers(some), again.scores(some, metric.name, metric.hash), some.versions
        )
        for some in rounds
        if some.finished
    ]
    place = {"experiment": experiment.name, "suite": one.suite, "contender": one.contender, "model": one.model.id}
    open_ = next((some.number for some in rounds if some.finished is None), None)
    return drift(one, heard, alpha=matrix.policy.alpha, under_way=open_, former=again.others(series, **place))


def _first(store: Store, one: Watched, experiment: Experiment, rounds: Sequence[Round]) -> Heard:
    """Round 0, with the versions of the run before the first round, where that is known."""
    scores = store.again.first_scores(list(one.asked), one.metric.name, one.metric.hash)
    answers = {name: generation for name, (generation, _) in one.first.items()}
    times = [time for _, time in one.first.values() if time is not None]
    run = store.last_run(experiment.name)
    known = run is not None and (not rounds or run.started <= rounds[0].started)
    return Heard(0, min(times, default=None), answers, scores, run.versions if run and known else {})
