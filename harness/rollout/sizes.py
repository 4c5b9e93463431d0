"""How many ratings a stage takes before it can decide, and what that costs beside a test with a single look.

>>> plan(load_rollout(Path("rollout.toml"))).stages[1].users      # of both arms, in a 5 % stage
138_082
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

from scipy.special import ndtri

from harness.rollout.declaration import Rollout, Stage
from harness.stats.sequence import reach, tightest


@dataclass(frozen=True, slots=True)
class Size:
    """One stage: ``users`` of both arms (of a shadow stage requests that both answered) until the claim is shown with the power
    asked for, ``days`` that this takes, and ``seen``, the smallest difference from what is needed that the stage's own days show.
    """

    stage: Stage
    users: int
    candidate: int
    days: float | None
    seen: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All stages; ``factor`` is what looking at any time costs: users beside those of one look at the end, at most."""

    rollout: Rollout
    stages: tuple[Size, ...]
    factor: float


def planned(rollout: Rollout) -> float:
    """The information at which bounds are tightest: the geometric mean of what the stages' claims take, of which an early one may
    take a twentieth. Far before it bounds are wide (3.1 standard errors at a fifth of it, 4.8 at a twenty-fifth), after it hardly (2.9
    at five times, against 2.8 at best).
    """
    gaps = {_gap(rollout, rollout.needed), *(_gap(rollout, rollout.needed_at(stage)) for stage in rollout.stages)}
    return (tightest(rollout.alpha) + float(ndtri(rollout.power))) ** 2 / (min(gaps) * max(gaps))


def information(rollout: Rollout, stage: Stage) -> float:
    """One over the squared standard error at which a stage's claim is shown with the power asked for, if there is no difference
    (of a lift: if it is twice what is needed).
    """
    gap, tight, surely = _gap(rollout, rollout.needed_at(stage)), planned(rollout), float(ndtri(rollout.power))
    found = tight / 1000
    while sqrt(found) * gap < reach(found, alpha=rollout.alpha, planned=tight) + surely:
        found *= 1.001
    return found


def plan(rollout: Rollout) -> Plan:
    """The sizes of every stage."""
    once = (float(-ndtri(rollout.alpha) + ndtri(rollout.power)) / _gap(rollout, rollout.needed)) ** 2
    last = rollout.stages[-1].model_copy(update={"margin": None})
    sizes = tuple(_size(rollout, stage) for stage in rollout.stages)
    return Plan(rollout, sizes, information(rollout, last) / once)


def _gap(rollout: Rollout, needed: float) -> float:
    """From what is needed to what is planned for."""
    return (0.0 if rollout.margin is not None else 2 * rollout.needed) - needed


def _size(rollout: Rollout, stage: Stage) -> Size:
    unit = _variance(rollout, stage)
    users = ceil(information(rollout, stage) * unit)
    traffic = _traffic(rollout, stage)
    days = users / traffic if traffic else None
    seen = None
    if traffic and stage.days:
        had = traffic * stage.days / unit
        seen = (reach(had, alpha=rollout.alpha, planned=planned(rollout)) + float(ndtri(rollout.power))) / sqrt(had)
    candidate = users if stage.share is None else ceil(users * stage.share)
    return Size(stage, users, candidate, days, seen)


def _traffic(rollout: Rollout, stage: Stage) -> int | None:
    return stage.ratings_a_day if stage.shadow else stage.ratings_a_day or rollout.users_a_day


def _variance(rollout: Rollout, stage: Stage) -> float:
    """The variance of the estimated difference, times the number of users: of a shadow stage of requests, each of them rated twice."""
    if stage.share is None:
        return 2 * (1 - rollout.agreement) * rollout.spread**2
    repeated = (1 + (rollout.ratings_per_user - 1) * rollout.icc) / rollout.ratings_per_user
    return rollout.spread**2 * repeated / (stage.share * (1 - stage.share))
