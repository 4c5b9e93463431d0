"""What distilling would ask, before anybody is paid: ``harness data distill … --dry-run``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from harness.data import invent
from harness.distill.desk import Desk
from harness.distill.inputs import Input, text_input
from harness.distill.made import Estimate
from harness.errors import Incomplete
from harness.metrics.juror import Juror, Subject
from harness.models import is_local, is_served
from harness.models.account import tokens
from harness.progress.expense import Bill, Load
from harness.store import open_store
from harness.suite import Case
from harness.tariff import Tariff
from harness.trial import Trial


def estimate(desk: Desk, *, batch: bool = False) -> Estimate:
    """What would be asked, and at most at what cost; nobody is asked."""
    new, left = desk.fresh
    expected = [text_input("new", desk.seeds[i % len(desk.seeds)]) for i in range(desk.wanted.new)]
    questions = desk.questions(0, ceil(desk.wanted.new / invent.AT_ONCE))
    trials = desk.trials([*new, *expected])
    stored, pace = _known(desk, trials[: len(new)] + questions)
    answers = [trial for trial in trials if trial.id not in stored]
    asked = [trial for trial in questions if trial.id not in stored]
    jurors = desk.metric.judge.jurors if desk.metric and desk.metric.judge else ()
    local = is_local(desk.teacher) and pace is not None
    return Estimate(
        read=len(desk.read),
        left=left,
        new=len(asked),
        answers=len(answers),
        gradings=len(trials) * sum(juror.questions for juror in jurors),
        stored=len(trials) - len(answers),
        seconds=(pace or 0.0) * (len(asked) + len(answers)) if local else None,
        bills=(*_asked(desk, asked, answers, batch), *_graded(desk, jurors, [*new, *expected], batch)),
    )


def _known(desk: Desk, trials: Sequence[Trial]) -> tuple[set[str], float | None]:
    """Which answers are stored, and how many seconds one took on this store."""
    ids = [trial.id for trial in trials]
    try:
        with open_store(desk.experiment.home, write=False) as store:
            return set(ids) - store.missing(ids), store.rates().trial
    except Incomplete:  # no store yet
        return set(), None


def _asked(desk: Desk, questions: Sequence[Trial], answers: Sequence[Trial], batch: bool) -> Iterator[Bill]:
    for noun, trials in (("question", questions), ("answer", answers)):
        load = Load(desk.teacher)
        for trial in trials if is_served(desk.teacher) else ():
            load.add(tokens(trial.messages), trial.max_new_tokens)
        if load.count:
            yield load.bill(Tariff(desk.experiment), noun, batch=batch)


def _graded(desk: Desk, jurors: Sequence[Juror], inputs: Sequence[Input], batch: bool) -> Iterator[Bill]:
    """An answer counts as long as it may be."""
    for juror in jurors:
        load = Load(juror.grader.model)
        for one in inputs if is_served(juror.grader.model) else ():
            trial = juror.ask(Subject("", Case(one.where, one.text, ""), ""), 0)
            load.add(tokens(trial.messages) + desk.limit, trial.max_new_tokens, juror.questions)
        if load.count:
            yield load.bill(Tariff(desk.experiment), "grading", batch=batch)
