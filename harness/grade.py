"""Grading: answers and a judge become scores, through replies that are stored before they are read.

    scores = grade(judge, metric, answers, ask)      # ask(model, trials) -> {trial id: (text, error)}

A reply that cannot be read is asked for again with what was wrong with it; what fails in the end is a score with an error.
Killed anywhere, the next run finds the replies that were paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from harness.experiment import Model
from harness.metrics import Metric
from harness.metrics.judge import Judge
from harness.suite import Case
from harness.trial import Score, Trial

Replies = Mapping[str, tuple[str | None, str | None]]
"""Trial id → (text, error)."""
Ask = Callable[[Model, list[Trial]], Replies]
Place = tuple[str, int]
"""(id of the graded trial, number of the grading)."""


def grade(judge: Judge, metric: Metric, answers: Sequence[tuple[str, Case, str]], ask: Ask) -> list[Score]:
    """One score an answer (trial id, case, text): the mean of its gradings, or why there is none."""
    graded: dict[Place, float] = {}
    failed: dict[Place, str] = {}
    faults: dict[Place, list[str]] = {}
    open_: dict[Place, tuple[Case, str]] = {
        (trial_id, repeat): (case, text) for trial_id, case, text in answers for repeat in range(judge.grader.repeats)
    }
    for _ in range(judge.grader.tries):
        asked = {
            place: judge.ask(case, text, repeat=place[1], faults=faults.get(place, ()))
            for place, (case, text) in open_.items()
        }
        replies = ask(judge.grader.model, list(asked.values()))
        for place, trial in asked.items():
            text, error = replies.get(trial.id, (None, "no reply"))
            if text is None:
                failed[place] = error or "no reply"
                continue
            try:
                graded[place] = judge.read(text)
            except ValueError as unreadable:
                faults.setdefault(place, []).append(str(unreadable))
        open_ = {place: what for place, what in open_.items() if place not in graded and place not in failed}
        if not open_:
            break
    failed |= {place: f"no reply could be read: {faults[place][-1]}" for place in open_}
    return [_score(trial_id, judge, metric, graded, failed) for trial_id, _, _ in answers]


def _score(
    trial_id: str, judge: Judge, metric: Metric, graded: Mapping[Place, float], failed: Mapping[Place, str]
) -> Score:
    places = [(trial_id, repeat) for repeat in range(judge.grader.repeats)]
    wrong = next((failed[place] for place in places if place in failed), None)
    if wrong is not None:
        return Score(trial_id, metric.name, metric.hash, None, f"judge {judge.grader.model.id}: {wrong}")
    return Score(trial_id, metric.name, metric.hash, fmean(graded[place] for place in places))
