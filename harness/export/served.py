"""An exported candidate asked through its own server, beside what was evaluated: ``harness export check sft@triage --served …``.

    openai:out@http://localhost:8000/v1           transformers serve, vLLM, llama.cpp, Ollama: whatever speaks Chat Completions

The server has a template, stop tokens and rounding of its own, and any of them may have been lost on the way. It is asked the suite's
cases as the candidate was; answers are compared letter for letter, and scores by the suite's metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from harness.errors import BadInput, HarnessError, Incomplete
from harness.experiment import Model
from harness.export.merged import answers, compared
from harness.export.trained import Trained
from harness.metrics import load_metric
from harness.models import is_served, load_backend
from harness.stats import Interval, crossed
from harness.store import open_store
from harness.trial import Trial

State = Literal["holds", "lost", "undecided"]
EXIT_CODES: dict[State, int] = {"holds": 0, "lost": 1, "undecided": 2}
OTHERWISE = {
    "lost": "not what was evaluated",
    "undecided": "not shown to be what was evaluated; --cases asks more of them",
}
WAY_OUT = (
    "compare tokenizer, chat template, stop tokens and system prompt of the server with the model's own; if they are the same, measure the "
    "export as a candidate of its own"
)
SHOWN = 3
"""Answers that differ, which are shown."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One case's two answers."""

    case: str
    evaluated: str
    served: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a server answers beside what was evaluated. ``lost`` is the evaluated score minus the served one, with its interval;
    None where the suite's metric is a judge's or people's.
    """

    name: str
    seed: int
    address: str
    metric: str
    pairs: tuple[Pair, ...]
    lost: Interval | None
    limit: float

    @property
    def identical(self) -> int:
        return sum(pair.evaluated == pair.served for pair in self.pairs)

    @property
    def state(self) -> State:
        """Whether it may be deployed as what was evaluated: the same answers, or a loss that is shown to be under what may be lost."""
        if self.identical == len(self.pairs) or (self.lost is not None and self.lost.upper < self.limit):
            return "holds"
        return "lost" if self.lost is not None and self.lost.lower > self.limit else "undecided"

    def lines(self) -> list[str]:
        """For a person."""
        of = f"{self.identical} of {len(self.pairs)} answers of {self.address} are those that were evaluated, letter for letter"
        lines = [f"{self.name}, seed {self.seed}: {of}"]
        if self.lost is not None:
            found, low, high = (_points(value) for value in (self.lost.estimate, self.lost.lower, self.lost.upper))
            lines.append(
                f"  {self.metric}: it loses {found} points ({low} to {high}); {_points(self.limit)} is what may be lost"
            )
        for pair in [pair for pair in self.pairs if pair.evaluated != pair.served][:SHOWN]:
            lines.append(f"  {pair.case}: {pair.evaluated!r} was evaluated, {pair.served!r} is served")
        return lines if self.state == "holds" else [*lines, f"  {OTHERWISE[self.state]}: {WAY_OUT}"]

    def as_dict(self) -> dict[str, Any]:
        """For a program."""
        lost = (
            None
            if self.lost is None
            else {key: getattr(self.lost, key) for key in ("estimate", "lower", "upper", "alpha")}
        )
        different = [
            {"case": p.case, "evaluated": p.evaluated, "served": p.served}
            for p in self.pairs
            if p.evaluated != p.served
        ]
        said = {"name": self.name, "seed": self.seed, "served": self.address, "answers": len(self.pairs)}
        return {
            **said,
            "identical": self.identical,
            "metric": self.metric,
            "lost": lost,
            "limit": self.limit,
            "state": self.state,
            "different": different,
        }


def check(one: Trained, served: str, *, cases: int) -> Checked:
    """Ask the server as many of the suite's cases as there may be, dev ones first.

    Raises:
        BadInput: for a model that is not served.
        Incomplete: when some were not answered.
        HarnessError: when the server refuses all of them.
    """
    model = Model(id=served)
    if not is_served(model):
        raise BadInput(f"--served {served!r}: write openai:MODEL@URL, such as openai:out@http://localhost:8000/v1")
    trials = compared(one)[:cases]
    theirs, ours = _asked(model, one, trials), _evaluated(one, trials)
    pairs = tuple(Pair(trial.case_id, ours[trial.id], theirs[trial.id]) for trial in trials)
    suite, policy = one.task.suite, one.matrix.policy
    return Checked(
        one.name, one.job.seed, served, suite.metric, pairs, _lost(one, pairs), policy.noninferiority_of(suite.name)
    )


def _asked(model: Model, one: Trained, trials: Sequence[Trial]) -> dict[str, str]:
    """The server's answers."""
    backend = load_backend(model, home=one.matrix.experiment.home)
    try:
        bare = [replace(trial, model=model.id, adapter=None) for trial in trials]
        found = {g.trial_id: g for batch in backend.generate(bare) for g in batch}
    finally:
        backend.close()
    failed = [g.error for g in found.values() if g.error is not None]
    if failed:
        raise Incomplete(f"{len(failed)} of {len(trials)} cases were not answered by {model.id}: {failed[0]}")
    return {name: g.text or "" for name, g in found.items()}


def _evaluated(one: Trained, trials: Sequence[Trial]) -> dict[str, str]:
    """What the candidate answered when it was evaluated; what the store does not hold is answered here."""
    from harness.models.local import Local

    found = _stored(one, trials)
    missing = [trial for trial in trials if trial.id not in found]
    if missing:
        local = Local(one.job.model, home=one.matrix.experiment.home)
        try:
            found |= {name: text or "" for name, text in answers(local, missing).items()}
        finally:
            local.close()
    return found


def _stored(one: Trained, trials: Sequence[Trial]) -> dict[str, str]:
    try:
        with open_store(one.matrix.experiment.home, write=False) as store:
            replies = store.replies([trial.id for trial in trials])
    except HarnessError:  # nothing was run yet, or a run is under way
        return {}
    return {name: text or "" for name, (text, error, _) in replies.items() if error is None}


def _lost(one: Trained, pairs: Sequence[Pair]) -> Interval | None:
    metric = load_metric(one.task.suite.metric, one.task.suite)
    if metric.judge is not None or metric.whole or metric.people:
        return None
    cases = {case.id: case for case in one.task.cases}
    scores = [[metric(cases[pair.case], text) for text in (pair.evaluated, pair.served)] for pair in pairs]
    evaluated, served = np.array(scores, dtype=float).T
    return crossed(evaluated - served).interval(one.matrix.policy.alpha)


def _points(score: float) -> str:
    return f"{100 * score + 0.0:.1f}"
