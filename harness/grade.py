"""Grading: answers and a judge become scores, through replies that are stored before they are read.

    scores = grade(judge, metric, answers, ask)      # ask(judge, trials) -> {trial id: (text, error, served)}

A reply that cannot be read is kept as an error and asked for again with what was wrong with it; what fails in the end is a
score with an error, which the next run tries again. Killed anywhere, it finds the replies that were paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from harness.metrics import Metric
from harness.metrics.judge import Judge
from harness.suite import Case
from harness.trial import Generation, Score, Trial

Replies = Mapping[str, tuple[str | None, str | None, str | None]]
"""Trial id → (text, error, name of the served model)."""
Ask = Callable[[Judge, list[Trial]], Replies]
Place = tuple[str, int]
"""(id of the graded trial, number of the grading)."""
UNREADABLE = "unreadable: "


def checked(judge: Judge, reply: Generation) -> Generation:
    """The reply, or an error that says why it is none."""
    if reply.text is None:
        return reply
    try:
        judge.read(reply.text)
    except ValueError as error:
        return replace(reply, text=None, error=f"{UNREADABLE}{error}")
    return reply


def grade(judge: Judge, metric: Metric, answers: Sequence[tuple[str, Case, str]], ask: Ask) -> list[Score]:
    """One score an answer (trial id, case, text): the mean of its gradings, or why there is none."""
    graded: dict[Place, float] = {}
    failed: dict[Place, str] = {}
    faults: dict[Place, list[str]] = {}
    names: dict[str, set[str]] = {}
    open_: dict[Place, tuple[Case, str]] = {
        (trial_id, repeat): (case, text) for trial_id, case, text in answers for repeat in range(judge.grader.repeats)
    }
    for _ in range(judge.grader.tries):
        asked = {
            place: judge.ask(case, text, repeat=place[1], faults=faults.get(place, ()))
            for place, (case, text) in open_.items()
        }
        replies = ask(judge, list(asked.values()))
        for place, trial in asked.items():
            text, error, served = replies.get(trial.id, (None, "no reply", None))
            if text is not None:
                graded[place] = judge.read(text)
                names.setdefault(place[0], set()).update({served} if served else ())
            elif error and error.startswith(UNREADABLE):
                faults.setdefault(place, []).append(error.removeprefix(UNREADABLE))
            else:
                failed[place] = error or "no reply"
        open_ = {place: what for place, what in open_.items() if place not in graded and place not in failed}
        if not open_:
            break
    failed |= {place: f"no reply could be read: {faults[place][-1]}" for place in open_}
    made = [_score(trial_id, judge, metric, graded, failed) for trial_id, _, _ in answers]
    return [replace(score, served=tuple(sorted(names.get(score.trial_id, ())))) for score in made]


def _score(
    trial_id: str, judge: Judge, metric: Metric, graded: Mapping[Place, float], failed: Mapping[Place, str]
) -> Score:
    places = [(trial_id, repeat) for repeat in range(judge.grader.repeats)]
    wrong = next((failed[place] for place in places if place in failed), None)
    if wrong is not None:
        return Score(trial_id, metric.name, metric.hash, None, f"judge {judge.grader.model.id}: {wrong}")
    return Score(trial_id, metric.name, metric.hash, fmean(graded[place] for place in places))
