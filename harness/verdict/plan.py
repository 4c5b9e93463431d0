"""The cheapest thing that would decide what is still open.

    {"planned_gain": 0.08, "power": 0.8, "cases": 640, "have_cases": 200, "seeds": 5, "have_seeds": 3}

The gain is a planned one, never the observed one: planning with what was seen is wrong half the time.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from harness.stats import Moments, cases_needed
from harness.verdict.candidate import Candidate
from harness.verdict.evidence import Evidence

PLANNED_GAIN = 0.08
"""Gains of 8-10 points are what 400-800 cases and 5 seeds decide (verdict specification, Planning)."""
ROOM = 0.05
"""With a margin above 3 points the planned gain exceeds it by this much."""
POWER = 0.8
MOST_SEEDS = 30


def plan(taken: Candidate | None, evidence: Evidence) -> dict[str, Any]:
    """Cases, seeds and labels that are missing; empty when only a gate stands in the way that more rows do not open."""
    policy, failed = evidence.policy, {gate.name.split(":")[0] for gate in evidence.failed}
    found: dict[str, Any] = {"human_labels": policy.min_human_labels} if "judge" in failed else {}
    if "seeds" in failed or taken is None:
        found["seeds"] = policy.min_seeds if policy.estimand == "recipe" else 1
        return found | ({"have_seeds": len(taken.scores.seeds)} if taken else {"have_seeds": 0})
    if taken.worst is None or "clusters" in failed:
        return found | ({"clusters": policy.min_clusters} if "clusters" in failed else {})
    return found | _open(taken, evidence)


def _open(taken: Candidate, evidence: Evidence) -> dict[str, Any]:
    """For the hardest gain while that is open, else for the first guard that is: then a drop of nothing is planned."""
    if taken.worst is not None and not taken.gains_hold(evidence.alpha):
        gain = max(PLANNED_GAIN, taken.floor + ROOM)
        sizes = _sizes(taken.gains[taken.worst], gain, taken.floor, evidence.alpha)
        return {"suite": evidence.board.suite, "planned_gain": gain, "power": POWER, **sizes}
    for drop in taken.drops:
        if drop.moments.interval(evidence.alpha).upper >= drop.limit:
            sizes = _sizes(drop.moments, 0.0, -drop.limit, evidence.alpha)
            return {"suite": drop.suite, "planned_drop": 0.0, "power": POWER, **sizes}
    return {}


def _sizes(moments: Moments, gain: float, floor: float, alpha: float) -> dict[str, Any]:
    """The fewest seeds, from those there are, with which some number of cases is enough."""
    have = max(moments.seeds, 1)
    v_case, v_seed = moments.v_case * moments.n, moments.v_seed * have
    if not isfinite(v_case + v_seed):
        return {}
    for seeds in range(have, max(MOST_SEEDS, have) + 1):
        cases = cases_needed(
            gain=gain, margin=floor, v_case=v_case, v_seed=v_seed, seeds=seeds, alpha=alpha, power=POWER
        )
        if cases is not None:
            return {"cases": cases, "have_cases": moments.n, "seeds": seeds, "have_seeds": moments.seeds}
    return {"seeds": MOST_SEEDS, "have_seeds": moments.seeds}
