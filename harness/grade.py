"""Grading: answers and a jury become scores, through replies that are stored before they are read.

    scores = grade(metric, subjects, ask)             # ask(juror, trials) -> {trial id: (text, error, served)}

A reply that cannot be read is kept as an error and asked for again with what was wrong with it; what fails in the end is a
score with an error, which the next run tries again. Killed anywhere, it finds the replies that were paid for: with an ``ask``
that only looks into the store, ``hear`` finds again what a score was made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from harness.metrics import Metric
from harness.metrics.juror import Juror, Jury, Subject
from harness.trial import Generation, Score, Trial

Replies = Mapping[str, tuple[str | None, str | None, str | None]]
"""Trial id → (text, error, name of the served model)."""
Ask = Callable[[Juror, list[Trial]], Replies]
Place = tuple[str, int]
"""(id of the graded trial, number of the question)."""
Reply = tuple[str, str | None]
"""(text, name of the served model)."""
UNREADABLE = "unreadable: "
NO_REPLY = "no reply"


class Deferred(Exception):
    """The replies come later: what was asked is to be graded again then."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a juror said of one answer: a reply to each question, or ``error``; both are empty where nothing was asked.

    ``gradings`` are the answer's scores, one a repeat; ``served`` are the models, as vendors name them, that replied.
    """

    gradings: tuple[float, ...] = ()
    replies: tuple[str, ...] = ()
    error: str | None = None
    served: tuple[str, ...] = ()

    @property
    def score(self) -> float:
        """The mean of the gradings."""
        return fmean(self.gradings)


def checked(juror: Juror, reply: Generation) -> Generation:
    """The reply, or an error that says why it is none."""
    if reply.text is None:
        return reply
    try:
        juror.read(reply.text)
    except ValueError as error:
        return replace(reply, text=None, error=f"{UNREADABLE}{error}")
    return reply


def grade(metric: Metric, subjects: Sequence[Subject], ask: Ask) -> list[Score]:
    """One score an answer, by the metric's jury, or why there is none: a juror who fails is not left out.

    Raises:
        Deferred: when some replies come later.
    """
    jury = metric.judge
    if jury is None:
        raise ValueError(f"metric {metric.name!r} has no judge")
    by_juror = _all(jury, subjects, ask)
    scores = []
    for subject in subjects:
        heard = [(juror, found[subject.trial_id]) for juror, found in by_juror]
        wrong = next((f"judge {j.grader.model.id}: {one.error}" for j, one in heard if one.error is not None), None)
        value = jury.score([one.score for _, one in heard]) if wrong is None else None
        served = tuple(sorted({name for _, one in heard for name in one.served}))
        scores.append(Score(subject.trial_id, metric.name, metric.hash, value, subject.fault or wrong, served))
    return scores


def _all(jury: Jury, subjects: Sequence[Subject], ask: Ask) -> list[tuple[Juror, dict[str, Heard]]]:
    """What every juror says. One whose replies come later does not keep the others from being asked."""
    heard, later = [], False
    for juror in jury.jurors:
        try:
            heard.append((juror, hear(juror, subjects, ask)))
        except Deferred:
            later = True
    if later:
        raise Deferred
    return heard


def hear(juror: Juror, subjects: Sequence[Subject], ask: Ask) -> dict[str, Heard]:
    """What a juror says of each subject, by the id of its trial."""
    found = {subject.trial_id: _unasked(juror, subject) for subject in subjects}
    open_ = [subject for subject in subjects if found[subject.trial_id] is None]
    replies, failed = _replies(juror, open_, ask)
    heard = {name: one for name, one in found.items() if one is not None}
    for subject in open_:
        places = [(subject.trial_id, number) for number in range(juror.questions)]
        error = next((failed[place] for place in places if place in failed), None)
        said = [replies[place] for place in places] if error is None else []
        gradings = juror.gradings([juror.read(text) for text, _ in said])
        served = {name: None for _, name in said if name}
        heard[subject.trial_id] = Heard(tuple(gradings), tuple(text for text, _ in said), error, tuple(served))
    return heard


def _unasked(juror: Juror, subject: Subject) -> Heard | None:
    """What is known of a subject without a question; None where it has to be asked."""
    if subject.fault is not None:
        return Heard(error=subject.fault)
    settled = juror.settled(subject)
    return None if settled is None else Heard((settled,) * juror.grader.repeats)


def _replies(juror: Juror, subjects: Sequence[Subject], ask: Ask) -> tuple[dict[Place, Reply], dict[Place, str]]:
    """Replies that can be read, and why there are no others, after as many tries as the grader has."""
    read: dict[Place, Reply] = {}
    failed: dict[Place, str] = {}
    faults: dict[Place, list[str]] = {}
    open_: dict[Place, Subject] = {(s.trial_id, number): s for s in subjects for number in range(juror.questions)}
    for _ in range(juror.grader.tries if open_ else 0):
        asked = {place: juror.ask(subject, place[1], faults=faults.get(place, ())) for place, subject in open_.items()}
        replies = ask(juror, list(asked.values()))
        for place, trial in asked.items():
            text, error, served = replies.get(trial.id, (None, NO_REPLY, None))
            if text is not None:
                read[place] = text, served
            elif error and error.startswith(UNREADABLE):
                faults.setdefault(place, []).append(error.removeprefix(UNREADABLE))
            else:
                failed[place] = error or NO_REPLY
        open_ = {place: subject for place, subject in open_.items() if place not in read and place not in failed}
        if not open_:
            break
    return read, failed | {place: f"no reply could be read: {faults[place][-1]}" for place in open_}
