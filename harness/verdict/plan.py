"""The cheapest thing that would decide what is still open, and what it costs where that is known.

    {"suite": "triage", "planned_gain": 0.08, "power": 0.8, "alpha": 0.0076, "cases": 640, "have_cases": 200, "seeds": 5,
     "have_seeds": 3, "new_cases": 440, "trainings": 2, "answers": 3480, "seconds": 312.0, "usd": 528.0,
     "usd_covers": ["labels"], "seeds_not_cases": False, "or": [{"cases": 1520, "seeds": 3, ...}]}

The gain is a planned one, never the observed one: planning with what was seen is wrong half the time. The level is that
of the next look, since this one is spent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from harness.plural import plural
from harness.stats import Moments, cases_needed
from harness.verdict.board import Scores
from harness.verdict.candidate import Candidate
from harness.verdict.evidence import Evidence
from harness.verdict.lock import following
from harness.verdict.policy import Policy
from harness.verdict.reasons import points

PLANNED_GAIN = 0.08
"""Gains of 8-10 points are what 400-800 cases and 5 seeds decide."""
ROOM = 0.05
"""With a margin above 3 points the planned gain exceeds it by this much."""
SEEDS = (5, 8, 10, 15, 20)
"""Numbers of trainings that are tried beyond the next two; nobody trains more."""

Way = dict[str, Any]


def plan(taken: Candidate | None, evidence: Evidence) -> dict[str, Any]:
    """Cases, seeds and labels that are missing; empty when only a gate stands in the way that more rows do not open."""
    policy, failed = evidence.policy, {gate.name.split(":")[0] for gate in evidence.failed}
    found: dict[str, Any] = {"human_labels": policy.min_human_labels} if "judge" in failed else {}
    if "seeds" in failed or taken is None:
        found["seeds"] = policy.min_seeds if policy.estimand == "recipe" else 1
        return found | ({"have_seeds": len(taken.scores.seeds)} if taken else {"have_seeds": 0})
    if taken.worst is None or "clusters" in failed:
        return found | ({"clusters": policy.min_clusters} if "clusters" in failed else {})
    rates, alpha = _rates(taken, evidence), following(evidence.standing, policy, counted=evidence.answers)
    needs = [need.decided(rates, alpha, policy.power) for need in _needs(taken, evidence)]
    return found | (needs[0] if needs else {}) | ({"also": needs[1:]} if needs[1:] else {})


def sentence(plan: Mapping[str, Any], suite: str) -> str:
    """A plan in words, for the deciding suite; empty where nothing is asked for."""
    parts = [words for part in (plan, *plan.get("also", ())) if (words := _words(part, suite))]
    return "; and ".join(parts) + "." if parts else ""


def often(chance: float) -> str:
    """A probability in words: ``80 times in 100``."""
    return f"{round(100 * chance)} times in 100"


def planned_gain(policy: Policy, floor: float) -> float:
    """The truth that is planned for: the policy's gain, else 8 points, and well above the margin; no loss where that is
    all that is asked.
    """
    if floor < 0:
        return 0.0
    if policy.planned_gain is not None and policy.planned_gain > floor:
        return policy.planned_gain
    return max(PLANNED_GAIN, floor + ROOM)


@dataclass(frozen=True, slots=True)
class Rates:
    """What one more of a thing takes, in seconds and USD; None where nothing says so."""

    untrained: int
    training_seconds: float | None
    answer_seconds: float | None
    training_usd: float | None
    answer_usd: float | None
    label_usd: float | None

    def price(self, way: Way) -> tuple[float, int]:
        """By what ways are compared: money, where labels and trainings have a price; else time, where both kinds of work
        were measured; else the number of answers. Of equals, fewer seeds.
        """
        if self.label_usd is not None and self.training_usd is not None:
            return way["usd"] or 0.0, way["seeds"]
        return way["answers"] if way["seconds"] is None else way["seconds"], way["seeds"]


@dataclass(frozen=True, slots=True)
class Need:
    """An open claim: what its interval is made of, the truth ``planned`` for, the bound it must pass.

    ``labels`` says that people's grades are what its cases' variance is made of.
    """

    suite: str
    moments: Moments
    what: str
    planned: float
    floor: float
    labels: bool = False

    @property
    def seeds(self) -> int:
        """Those there are; 1 stands for what was never trained."""
        return max(self.moments.seeds, 1)

    @property
    def cases(self) -> int:
        """Those there are, or the labelled ones."""
        return self.moments.clusters if self.labels else self.moments.n

    def decided(self, rates: Rates, alpha: float, power: float) -> dict[str, Any]:
        """The cheapest way to decide it, and beside it the one with the fewest seeds and the one without a new case."""
        found = {"suite": self.suite, self.what: self.planned, "power": power, "alpha": alpha}
        if not isfinite(self.moments.v_case + self.moments.v_seed):
            return found
        ways = list(self._ways(rates, alpha, power))
        if not ways:
            return found | {"seeds": SEEDS[-1], "have_seeds": self.moments.seeds, "seeds_not_cases": True}
        best = min(ways, key=rates.price)
        no_case = [way for way in ways if not way["new_cases"]][:1]
        other = [way for way in (ways[0], *no_case) if way != best]
        return found | best | {"seeds_not_cases": ways[0]["seeds"] > self.seeds, "or": other}

    def _ways(self, rates: Rates, alpha: float, power: float) -> Iterator[Way]:
        """One for each number of seeds with which some number of cases is enough."""
        v_case, v_seed, have = self.moments.v_case * self.cases, self.moments.v_seed * self.seeds, self.seeds
        for seeds in sorted({have, have + 1, have + 2, *(more for more in SEEDS if more > have)}):
            wanted = cases_needed(
                gain=self.planned,
                margin=self.floor,
                v_case=v_case,
                v_seed=v_seed,
                seeds=seeds,
                alpha=alpha,
                power=power,
                choices=self.moments.choices,
            )
            if wanted is not None:
                yield self._way(max(wanted, self.cases), seeds, rates)

    def _way(self, wanted: int, seeds: int, rates: Rates) -> Way:
        """So many cases and seeds, and the work that they add."""
        new_cases, trainings = wanted - self.cases, seeds - self.seeds
        asked = 0 if self.labels else new_cases * (rates.untrained + seeds)
        answers = asked + trainings * self.moments.n
        usd = {
            "labels": _times(new_cases, rates.label_usd),
            "trainings": _times(trainings, rates.training_usd),
            "answers": _times(answers, rates.answer_usd),
        }
        seconds = (_times(trainings, rates.training_seconds), _times(answers, rates.answer_seconds))
        name = "human_labels" if self.labels else "cases"
        return {
            name: wanted,
            f"have_{name}": self.cases,
            "seeds": seeds,
            "have_seeds": self.moments.seeds,
            "new_cases": new_cases,
            "trainings": trainings,
            "answers": answers,
            "seconds": None if None in seconds else sum(filter(None, seconds)),
            "usd": sum(filter(None, usd.values())) if any(usd.values()) else None,
            "usd_covers": [part for part, known in usd.items() if known],
        }


def _needs(taken: Candidate, evidence: Evidence) -> Iterator[Need]:
    """The hardest gain while that is open, then every guard that is: there a drop of nothing is planned."""
    board = evidence.board
    if taken.worst is not None and not taken.gains_hold(evidence.alpha):
        gain = planned_gain(evidence.policy, taken.floor)
        yield Need(board.suite, taken.gains[taken.worst], "planned_gain", gain, taken.floor, bool(board.people))
    for drop in taken.drops:
        if drop.moments.interval(evidence.alpha).upper >= drop.limit:
            yield Need(drop.suite, drop.moments, "planned_drop", 0.0, -drop.limit)


def _rates(taken: Candidate, evidence: Evidence) -> Rates:
    cost = evidence.policy.cost
    compared = [evidence.board.test[name] for name in evidence.finalists.untrained] + [taken.scores]
    hours, hour = (cost.training_gpu_hours, cost.gpu_hour_usd) if cost else (None, None)
    return Rates(
        untrained=len(evidence.finalists.untrained),
        training_seconds=evidence.standing.history.training_seconds,
        answer_seconds=_mean(compared, "seconds"),
        training_usd=hours.mode * hour.mode if hours and hour else None,
        answer_usd=_mean(compared, "cost"),
        label_usd=cost.label_usd.mode if cost and cost.label_usd else None,
    )


def _mean(compared: list[Scores], name: str) -> float | None:
    """Over contenders, or None where one was not measured."""
    known = [scores.usage[name] for scores in compared if name in scores.usage]
    return sum(known) / len(known) if len(known) == len(compared) else None


def _words(part: Mapping[str, Any], suite: str) -> str:
    asked, gain = _asked(part, suite), part.get("planned_gain")
    if "answers" not in part and part.get("seeds_not_cases"):
        return f"a recipe that differs less from seed to seed: not even {plural(part['seeds'], 'seed')} are enough for this one"
    if not asked:  # enough of everything: what was true was smaller than what was planned for
        return f"a larger gain: a true one of {points(gain)} points is shown {often(part['power'])}" if gain else ""
    if "answers" not in part:
        return asked
    few = f"no number of cases is enough with {plural(part['have_seeds'], 'seed')}: " if part["seeds_not_cases"] else ""
    instead = "".join(f", or {_asked({'suite': part['suite'], **way}, suite)}" for way in part["or"])
    shows = f"a gain of {points(gain)} points" if gain else "no loss"
    return f"{few}{asked}{_price(part)}{instead}; then {shows} is shown {often(part['power'])}"


def _asked(part: Mapping[str, Any], suite: str) -> str:
    """What there is too little of."""
    where = f" of {part['suite']}" if part.get("suite", suite) != suite else ""
    wants = []
    if part.get("seeds", 0) > part.get("have_seeds", 0):
        wants.append(f"train {plural(part['seeds'], 'seed')} (there are {part['have_seeds']})")
    if part.get("cases", 0) > part.get("have_cases", 0):
        wants.append(f"{plural(part['cases'], 'test case')}{where} (there are {part['have_cases']:,})")
    if part.get("human_labels", 0) > part.get("have_human_labels", 0):
        wants.append(f"people's labels on {plural(part['human_labels'], 'test case')}")
    if "clusters" in part:
        wants.append(f"test cases from {plural(part['clusters'], 'independent source')}")
    return " and ".join(wants)


def _price(part: Mapping[str, Any]) -> str:
    """What the work takes, where that is known."""
    known = [plural(part["answers"], "answer")] if part["answers"] else []
    if part["seconds"] is not None:
        known.append(f"about {plural(max(round(part['seconds'] / 60), 1), 'minute')} of the machine")
    if part["usd"] is not None:
        known.append(f"${part['usd']:,.0f} for {' and '.join(part['usd_covers'])}")
    return f" ({', '.join(known)})" if known else ""


def _times(count: int, each: float | None) -> float | None:
    return 0.0 if count == 0 else None if each is None else count * each
