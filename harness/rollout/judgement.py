"""What the ratings so far show, and what to do: PROMOTE to the next stage, HOLD, ROLL_BACK, or INVALID.

Every claim holds however often it was looked at before: PROMOTE needs the lower bound of the difference above what is needed, and each
guard shown to hold, at ``alpha`` each; ROLL_BACK needs one of them shown to stay below it, where ``alpha`` is shared by all that can be. Bounds hold for
all margins at once, so that an early stage may have one of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, log, sqrt
from typing import Literal

import numpy as np

from harness.plural import plural
from harness.rollout.arms import NONE, Difference, between, paired
from harness.rollout.declaration import Guard, Rollout, Stage
from harness.rollout.ratings import Floats, Ratings
from harness.rollout.sizes import planned
from harness.stats.sequence import evidence, mismatch, reach

Decision = Literal["PROMOTE", "HOLD", "ROLL_BACK", "INVALID"]
EXIT: dict[Decision, int] = {"PROMOTE": 0, "ROLL_BACK": 1, "HOLD": 2, "INVALID": 3}
SRM = 0.001
"""Alpha of the test of the traffic's split."""
EVERYBODY = "100%"


@dataclass(frozen=True, slots=True)
class Claim:
    """A difference with bounds that hold at all looks; of a guard worsening is negative.

    ``needed`` is what it must exceed at this stage, ``finally_`` in the end. ``harm`` is the upper bound at the alpha that all claims
    share.
    """

    name: str
    difference: Difference
    lower: float
    upper: float
    harm: float
    needed: float
    finally_: float

    @property
    def shown(self) -> bool:
        return self.lower > self.needed

    @property
    def harms(self) -> bool:
        """Whether it is shown to stay below what is needed in the end."""
        return self.harm < self.finally_


Stand = tuple[float, float]
"""What a claim must exceed at this stage, and in the end."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """``more`` is how many users (or requests of a shadow stage) are still needed if what is seen is the truth."""

    decision: Decision
    stage: Stage
    next: str
    claims: tuple[Claim, ...]
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    split: float | None
    more: int | None
    days: float | None


def judge(ratings: Ratings, rollout: Rollout) -> Judgement:
    """What the ratings of the latest stage, and of those before it with the same kind of evidence, show."""
    current = int(ratings.stage.max())
    stage = rollout.stages[current]
    shadows = np.array([one.shadow for one in rollout.stages])
    kept = ratings.at(shadows[ratings.stage] == stage.shadow)
    faults, split = ([], None) if stage.shadow else _faults(kept, rollout)
    claims = _claims(kept, rollout, stage)
    more = _more(claims[0], rollout, shadow=stage.shadow)
    days = _days(more, claims[0].difference, kept, rollout, stage)
    following = [one.name for one in rollout.stages[current + 1 :]] + [EVERYBODY]
    decision, reasons = _decide(claims, faults, rollout, stage)
    notes = () if stage.shadow else tuple(_notes(kept, rollout))
    return Judgement(decision, stage, following[0], claims, tuple(reasons), notes, split, more, days)


def _decide(claims: tuple[Claim, ...], faults: list[str], rollout: Rollout, stage: Stage) -> tuple[Decision, list[str]]:
    if faults:
        return "INVALID", faults
    least = min(claims[0].difference.users)
    if least < rollout.least_users:
        unit = "users and requests" if stage.shadow else "users in each arm"
        return "HOLD", [f"nothing is said before {rollout.least_users} {unit} have rated: {least} so far"]
    harms = [f"{claim.name}: shown to be below {claim.finally_:+g}" for claim in claims if claim.harms]
    if harms:
        return "ROLL_BACK", harms
    if all(claim.shown for claim in claims):
        return "PROMOTE", [f"{claim.name}: shown to be above {claim.needed:+g}" for claim in claims]
    return "HOLD", [f"{claim.name}: not yet shown to be above {claim.needed:+g}" for claim in claims if not claim.shown]


def _claims(ratings: Ratings, rollout: Rollout, stage: Stage) -> tuple[Claim, ...]:
    found = _difference(ratings, ratings.rating, stage, rollout.range)
    stand = rollout.needed_at(stage), rollout.needed
    return (
        _claim(rollout.metric, found, rollout, planned(rollout), stand),
        *(_guard(guard, ratings, rollout, stage) for guard in rollout.guards),
    )


def _guard(guard: Guard, ratings: Ratings, rollout: Rollout, stage: Stage) -> Claim:
    """As if more were better. Its bound is tightest when the metric's is, if both have the spread that their margins are made for."""
    column = ratings.guards[guard.column] * (1 if guard.better == "higher" else -1)
    there = column[~np.isnan(column)]
    span = (float(there.min()), float(there.max())) if there.size else (0.0, 0.0)
    tight = planned(rollout) * (rollout.needed / guard.margin) ** 2
    found = _difference(ratings, column, stage, span)
    return _claim(guard.column, found, rollout, tight, (-guard.margin, -guard.margin))


def _claim(name: str, found: Difference, rollout: Rollout, tight: float, stand: Stand) -> Claim:
    lower, upper = found.bounds(rollout.alpha, tight)
    shared = found.bounds(rollout.alpha / (1 + len(rollout.guards)), tight)[1]
    return Claim(name, found, lower, upper, shared, *stand)


def _difference(ratings: Ratings, values: Floats, stage: Stage, span: tuple[float, float]) -> Difference:
    if not len(ratings):
        return NONE
    if stage.shadow:
        place = ratings.stage * (int(ratings.request.max()) + 1) + ratings.request
        return paired(values, ratings.candidate, place, ratings.user, span)
    strata = ratings.stratum * (int(ratings.stage.max()) + 1) + ratings.stage
    return between(values, ratings.candidate, strata, ratings.user, span)


# --- what makes a comparison worthless


def _faults(ratings: Ratings, rollout: Rollout) -> tuple[list[str], float]:
    """Sentences, and the p-value of the split, valid at every look."""
    faults, total = [], 0.0
    counted = {"candidate": 0, "all": 0}
    for stage, candidate, units in _assigned(ratings, rollout):
        total += mismatch(candidate, units, stage.share or 0.0)
        counted = {"candidate": counted["candidate"] + candidate, "all": counted["all"] + units}
    if total >= log(1 / SRM):
        faults.append(
            f"the candidate got {counted['candidate']:,} of {counted['all']:,} {rollout.assigned_by}s, which the declared shares do "
            f"not give (p < {SRM:g}, at any look): find out who is lost, in assignment or in logging; no difference means anything before"
        )
    if rollout.assigned_by == "user":
        places = np.unique(2 * (ratings.stage * (int(ratings.user.max()) + 1) + ratings.user) + ratings.candidate)
        crossed = len(places) - len(np.unique(places // 2))
        if crossed:
            faults.append(
                f'{plural(crossed, "user")} with answers of both arms in one stage: assign each to one arm, or say assigned_by = "request"'
            )
    return faults, evidence(total)


def _assigned(ratings: Ratings, rollout: Rollout) -> list[tuple[Stage, int, int]]:
    """By stage, how many units the candidate got of all that were first seen there: who comes back was drawn before."""
    by_user = rollout.assigned_by == "user"
    order = np.argsort(ratings.stage, kind="stable")
    first = order[np.unique(ratings.user[order], return_index=True)[1]] if by_user else order
    stages, candidate = ratings.stage[first], ratings.candidate[first]
    return [
        (rollout.stages[code], int(candidate[stages == code].sum()), int((stages == code).sum()))
        for code in np.unique(stages).tolist()
    ]


def _notes(ratings: Ratings, rollout: Rollout) -> list[str]:
    """What does not change the decision and should be known."""
    rated = (~np.isnan(ratings.rating)).astype(np.float64)
    if rated.all():
        return []
    strata = ratings.stratum * (int(ratings.stage.max()) + 1) + ratings.stage
    found = between(rated, ratings.candidate, strata, ratings.user, (0.0, 1.0))
    lower, upper = found.bounds(rollout.alpha / 2, 1 / max(found.variance, 1e-12))
    if lower <= 0 <= upper:
        return []
    more = "more" if found.estimate > 0 else "less"
    return [
        f"the candidate's answers are rated {more} often, by {abs(found.estimate):.1%} of requests: who rates is not who is served, so "
        "the difference of ratings may be theirs"
    ]


# --- what is still needed


def _more(claim: Claim, rollout: Rollout, *, shadow: bool) -> int | None:
    """Users (requests of a shadow stage) that would show the claim, beside those there are, if what is seen is the truth; None: no
    number would.
    """
    gap, now = claim.difference.estimate - claim.needed, claim.difference
    if not gap > 0 or claim.shown or not 0 < now.information < inf:
        return None
    wanted, tight = now.information, planned(rollout)
    while sqrt(wanted) * gap <= reach(wanted, alpha=rollout.alpha, planned=tight):
        wanted *= 1.01
    return ceil((wanted / now.information - 1) * (now.users[1] if shadow else sum(now.users)))


def _days(more: int | None, found: Difference, ratings: Ratings, rollout: Rollout, stage: Stage) -> float | None:
    """By the declared traffic, or as fast as ratings came until now."""
    daily: float | None = stage.ratings_a_day or (None if stage.shadow else rollout.users_a_day)
    if daily is None and ratings.days:
        daily = (found.users[1] if stage.shadow else sum(found.users)) / ratings.days
    return None if more is None or not daily else more / daily
