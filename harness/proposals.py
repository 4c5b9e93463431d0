"""Which settings a wave of a search tries.

>>> proposals(search, seed=1)(0, Course((), ()))                      # doctest: +SKIP
[{'learning_rate': 0.0002, 'lora_rank': 16}, {'learning_rate': 0.0001, 'lora_rank': 64}, ...]

Lists are gone through in an order that the seed draws. Ranges are drawn by Optuna, and in later waves so are lists: by its
tree-structured Parzen estimator (Bergstra et al. 2011), from what the earlier waves scored on the rungs that they reached.
Optuna's own pruners are not used: they promote trials one by one as they come, so that what they will take cannot be told
beforehand.
"""

from __future__ import annotations

from math import inf
from typing import Any

from harness.errors import need
from harness.search import WHOLE, Course, Propose, Range, Search, Settings, whole

TRIES = 100
"""Draws for each setting that is wanted, before a space is taken for one without any more."""
DIVERGED = -1.0
"""What a training that diverged is told as: less than any score."""


def proposals(search: Search, *, seed: int) -> Propose:
    """Proposes by the seed: the same search with the same scores is given the same settings.

    Raises:
        MissingExtra: when ranges or several waves are searched without the extra for it.
    """
    if not search.needs_proposals:
        return lambda wave, course: _part(search.shuffled(seed), search.sizes, wave)
    optuna = need("optuna", extra="search")
    return lambda wave, course: _drawn(optuna, search, wave, course, seed)


def _part(every: list[Settings], sizes: tuple[int, ...], wave: int) -> list[Settings]:
    start = sum(sizes[:wave])
    return every[start : start + sizes[wave]]


def _drawn(optuna: Any, search: Search, wave: int, course: Course, seed: int) -> list[Settings]:
    """New settings, none of them twice."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = {name: _distribution(optuna, name, values) for name, values in search.space.items()}
    sampler = optuna.samplers.TPESampler(seed=1000 * seed + wave, n_startup_trials=search.sizes[0])
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(_told(optuna, search, space, course))
    seen = [one.settings for one in course.tries]
    fresh: list[Settings] = []
    for _ in range(TRIES * search.sizes[wave]):
        settings = {name: _rounded(search, name, value) for name, value in study.ask(space).params.items()}
        if settings not in seen:
            seen.append(settings)
            fresh.append(settings)
        if len(fresh) == search.sizes[wave]:
            break
    return fresh


def _distribution(optuna: Any, name: str, values: tuple[float, ...] | Range) -> Any:
    if not isinstance(values, Range):
        return optuna.distributions.CategoricalDistribution([whole(name, value) for value in values])
    if name in WHOLE:
        return optuna.distributions.IntDistribution(int(values.low), int(values.high), log=values.log)
    return optuna.distributions.FloatDistribution(values.low, values.high, log=values.log)


def _rounded(search: Search, name: str, value: float) -> float:
    """A number that a person can type, inside its range."""
    values = search.space[name]
    if not isinstance(values, Range) or name in WHOLE:
        return value
    return min(max(float(f"{value:.4g}"), values.low), values.high)


def _told(optuna: Any, search: Search, space: dict[str, Any], course: Course) -> list[Any]:
    """Earlier tries as Optuna has them: pruned on a rung, or complete."""
    states, last = optuna.trial.TrialState, search.rungs[-1]
    found = []
    for one in course.tries:
        scores = [course.scores.get((one.number, share)) for share in search.rungs]
        steps = {rung: _finite(score) for rung, score in enumerate(scores) if score is not None}
        done = (one.number, last) in course.scores
        found.append(
            optuna.trial.create_trial(
                state=states.COMPLETE if done else states.PRUNED,
                value=steps[len(scores) - 1] if done else None,
                params=dict(one.settings),
                distributions=space,
                intermediate_values=steps,
            )
        )
    return found


def _finite(score: float) -> float:
    return DIVERGED if score == -inf else score
