"""What continuous looking costs and keeps: `harness rollout judge` after every step of drawn productions, with returning users.

    python benchmarks/rollout.py --draws 500

Each world is production as it comes: users of two countries, some of whom come back and rate as they did before (an intraclass
correlation of 0.3), stages of 5, 25 and 50 %, and a look after every fiftieth of the traffic. In "mix" the country that is easy to
please comes late, when the candidate has more of the traffic: pooled ratings then flatter it by several points. Errors are the share of
draws in which a claim was wrong at any of the 50 looks; each may be 5 %.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np

from harness.rollout import Rollout, Stage, judge, plan
from harness.rollout.judgement import Judgement
from harness.rollout.ratings import Codes, Floats, Mask, Ratings

LOOKS = 50
STAGES = (Stage(name="5%", share=0.05, margin=0.1), Stage(name="25%", share=0.25), Stage(name="50%", share=0.5))
ENDS = (0.15, 0.5, 1.0)
"""Which part of the traffic each stage ends with."""


@dataclass(frozen=True)
class World:
    """``truth`` is candidate minus control, ``base`` the control's mean, ``users`` those of the whole production, ``lost`` the share of the
    candidate's that nobody hears of.
    """

    name: str
    truth: float
    base: float = 0.72
    users: int = 8000
    mix: bool = False
    graded: bool = False
    lost: float = 0.0


WORLDS = (
    World("worse by exactly the margin", -0.03),
    World("the same, and the mix of countries changes", -0.03, mix=True),
    World("the same, nearly everybody is pleased", -0.03, base=0.96),
    World("the same, ratings of 1 to 5 stars", -0.03, graded=True),
    World("the same, 600 users in all", -0.03, users=600),
    World("equal", 0.0),
    World("equal, and the mix of countries changes", 0.0, mix=True),
    World("equal, nearly everybody is pleased", 0.0, base=0.96),
    World("equal, 600 users in all", 0.0, users=600),
    World("better by two points", 0.02),
    World("worse by ten points", -0.10),
    World("equal, a tenth of the candidate's users is lost", 0.0, lost=0.1),
)


def declared(world: World) -> Rollout:
    high = 4.0 if world.graded else 1.0
    return Rollout(
        range=(0.0, high),
        baseline=world.base * high,
        margin=0.03 * high,
        strata=("country",),
        stages=tuple(one.model_copy(update={"margin": one.margin and one.margin * high}) for one in STAGES),
        ratings_per_user=1.6,
    )


def draw(world: World, rng: np.random.Generator) -> Ratings:
    """A whole production in the order of time."""
    people, rows = world.users, int(1.6 * world.users)
    user = np.concatenate([np.arange(people), rng.integers(0, people, rows - people)])
    when = np.concatenate([np.sort(rng.random(people)), np.zeros(rows - people)])
    when[people:] = when[user[people:]] + (1 - when[user[people:]]) * rng.random(rows - people)
    stage = np.searchsorted(ENDS, when).clip(0, 2)
    drawn = rng.random(people)
    candidate = drawn[user] < np.array([one.share for one in STAGES])[stage]
    late = when[:people] if world.mix else np.full(people, 0.5)
    easy = rng.random(people) < (0.1 + 0.8 * late)
    rating = _rating(world, user, candidate, easy, rng)
    order = np.argsort(when, kind="stable")
    order = order[~(candidate & (rng.random(people) < world.lost)[user])[order]]
    made = Ratings(stage, easy[user].astype(np.int64), candidate, user, np.full(rows, -1), rating, guards={}, days=None)
    return made.at(order)


def _rating(world: World, user: Codes, candidate: Mask, easy: Mask, rng: np.random.Generator) -> Floats:
    """A user's own threshold is used again with the square root of the correlation, as a copula has it."""
    swing = min(0.15, 1 - world.base, world.base)
    mean = world.base + np.where(easy[user], swing / 2, -swing / 2) * (2 if world.mix else 1)
    mean = np.clip(mean, 0.02, 0.99) + np.where(candidate, world.truth, 0.0)
    own = rng.random(len(easy))
    again = rng.random(len(user)) < 0.3**0.5
    u = np.where(again, own[user], rng.random(len(user)))
    if not world.graded:
        return (u < mean).astype(np.float64)
    return sum(((u + shift) % 1 < mean).astype(np.float64) for shift in (0.0, 0.13, 0.37, 0.71))  # type: ignore[return-value]


@dataclass(frozen=True)
class Followed:
    """One production, as judged at every look: what was decided first, and after which part of all users."""

    promoted: bool
    rolled_back: bool
    covered: bool
    invalid: bool
    ended: float


def follow(world: World, seed: int) -> Followed:
    rng = np.random.default_rng([seed, WORLDS.index(world)])
    ratings, rollout = draw(world, rng), declared(world)
    truth = world.truth * (4.0 if world.graded else 1.0)
    found = Followed(False, False, True, False, 1.0)
    for look in range(1, LOOKS + 1):
        judgement = judge(ratings.at(np.arange(len(ratings)) < look * len(ratings) // LOOKS), rollout)
        found = _seen(found, judgement, rollout, truth, look / LOOKS)
    return found


def _seen(found: Followed, judgement: Judgement, rollout: Rollout, truth: float, part: float) -> Followed:
    claim = judgement.claims[0]
    # by the final margin, not by an early stage's own
    promoted = judgement.decision == "PROMOTE" and claim.lower > rollout.needed
    first = (promoted or judgement.decision == "ROLL_BACK") and not (found.promoted or found.rolled_back)
    return replace(
        found,
        promoted=found.promoted or promoted,
        rolled_back=found.rolled_back or judgement.decision == "ROLL_BACK",
        covered=found.covered and claim.lower <= truth <= claim.upper,
        invalid=found.invalid or judgement.decision == "INVALID",
        ended=part if first else found.ended,
    )


def naive(world: World, seed: int) -> bool:
    """Whether a pooled z test at 5 %, looked at as often, ever claims non-inferiority."""
    rng = np.random.default_rng([seed, WORLDS.index(world)])
    ratings = draw(world, rng)
    span = 4.0 if world.graded else 1.0
    for look in range(1, LOOKS + 1):
        some = ratings.at(np.arange(len(ratings)) < look * len(ratings) // LOOKS)
        ours, theirs = some.rating[some.candidate], some.rating[~some.candidate]
        if min(len(ours), len(theirs)) < 30:
            continue
        se = (ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs)) ** 0.5
        if ours.mean() - theirs.mean() - 1.645 * se > -0.03 * span:
            return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=500)
    draws = parser.parse_args().draws
    print("| world | PROMOTE | ROLL_BACK | bounds ever miss | INVALID | ends after | pooled z test |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for world in WORLDS:
        found = [follow(world, seed) for seed in range(draws)]
        cells = [
            _share(sum(one.promoted for one in found), draws),
            _share(sum(one.rolled_back for one in found), draws),
            _share(sum(not one.covered for one in found), draws),
            _share(sum(one.invalid for one in found), draws),
            f"{np.median([one.ended for one in found]):.0%} of {world.users:,} users",
            _share(sum(naive(world, seed) for seed in range(draws)), draws),
        ]
        print(f"| {world.name} | {' | '.join(cells)} |", flush=True)
    size = plan(declared(WORLDS[5]).model_copy(update={"stages": STAGES[2:]})).stages[0]
    print(f"\nplanned for a stage of 50 %, if equal: {size.users:,} users with {declared(WORLDS[5]).power:.0%}")


def _share(count: int, draws: int) -> str:
    return f"{count / draws:.1%}"


if __name__ == "__main__":
    main()
