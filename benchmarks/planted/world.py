"""A planted world and its right answer, computed from the parameters and never from a verdict.

    world = World("null", (Contender("few_shot", "prompt", 0.60), Contender("sft", "tune", 0.60)))
    world.gain("sft"), world.justified, world.remedy                      # (0.0, False, 'prompt')

A level is the chance that an answer is right, over cases and over trainings. Levels are exact: an answer is right where
a standard normal variable lies under the level's quantile, whatever part of it is shared between cases of a cluster,
contenders on one case, or trainings of one recipe (a Gaussian copula).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MARGIN = 0.03
LIMIT = 0.03
"""The policy's default margin, and its default for the loss on a guard that is no longer tolerable."""
TUNED = ("tune", "tune+rag")
LADDER = ("prompt", "constrain", "rag")
NAMES = {"prompt": "prompt", "constrain": "constrain", "rag": "rag", "tune": "fine-tune", "tune+rag": "fine-tune+rag"}
TASK, GUARD = "task", "general"
COST = {"requests_per_month": 100_000, "training_usd": 1000, "hosting_usd_per_month": 50}
"""So many requests that the price of one decides."""


@dataclass(frozen=True, slots=True)
class Contender:
    """``level`` is its true accuracy, on ``guard`` that on the guard suite; ``slope`` what the last doubling of the
    training data brought (half the data is then measured too)."""

    name: str
    technique: str
    level: float
    test: bool = True
    guard: float | None = None
    slope: float | None = None

    @property
    def tuned(self) -> bool:
        """Was it trained?"""
        return self.technique in TUNED


@dataclass(frozen=True, slots=True)
class Judge:
    """Grades everything, wrong in ``error`` of all answers, and lifts the tuned side by ``bias``; people graded
    ``labels`` test cases, of the tuned side ``labelled_seeds`` trainings (None: all)."""

    bias: float = 0.0
    labels: int = 100
    error: float = 0.05
    labelled_seeds: int | None = None


@dataclass(frozen=True, slots=True)
class Leak:
    """``share`` of the test cases were trained on and are remembered; a detector marks ``recall`` of them, and
    ``false_positives`` of the others. With ``found`` nothing of it is assumed: cases and rows are written, the leaked cases
    copied into the rows with that share of their words edited, and what the detector finds in them is marked."""

    share: float
    recall: float = 0.95
    false_positives: float = 0.01
    remembered: float = 0.98
    found: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What is planted; every share and level in [0, 1].

    cases, dev         test and dev cases of the task
    seeds, seed_sd     trainings, and the standard deviation of their levels
    tail               how they differ: ``normal``, ``t3`` (Student's t, 3 degrees of freedom), ``collapse`` (one in ten
                       ends far under the others)
    cluster, uneven    cases of a cluster; of every size up to it
    largest            share of the test cases that the first cluster has
    shared, own, icc   of the latent variance what belongs to the case, to the case with that contender, and of both
                       what belongs to the case's cluster
    graded             parts of an answer that are right or wrong each; the score is their mean
    untried            level of a prompt that nobody tried
    missing            share of answers that end in an error
    guard              the base model's level on the guard suite of ``guard_cases``; None without one
    looks, planned     decisions while cases are added, foreseen by the policy or not
    prices             USD a request, untrained and tuned: the question is then the cost route's
    dev_rows_of_tuned  False saves rows where dev has nothing to choose
    """

    name: str
    contenders: tuple[Contender, ...]
    why: str = ""
    cases: int = 400
    dev: int = 150
    seeds: int = 5
    seed_sd: float = 0.02
    tail: str = "normal"
    cluster: int = 1
    uneven: bool = False
    largest: float = 0.0
    shared: float = 0.5
    own: float = 0.15
    icc: float = 0.4
    graded: int = 1
    untried: float = 0.0
    missing: float = 0.0
    leak: Leak | None = None
    judge: Judge | None = None
    guard: float | None = None
    guard_cases: int = 400
    looks: int = 1
    planned: bool = True
    prices: tuple[float, float] | None = None
    dev_rows_of_tuned: bool = True
    policy: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tuned(self) -> tuple[Contender, ...]:
        """Those that were trained."""
        return tuple(c for c in self.contenders if c.tuned)

    @property
    def base(self) -> float:
        """Level of the best that needs no training, tried or not."""
        return max([self.untried, *(c.level for c in self.contenders if not c.tuned)])

    @property
    def declared(self) -> dict[str, Any]:
        """The policy that the rows are decided with: the defaults, and what this world needs."""
        suites: dict[str, dict[str, str]] = {TASK: {}} | ({GUARD: {"role": "guard"}} if self.guard is not None else {})
        looks = {"looks": self.looks, "n_max": self.cases} if self.looks > 1 and self.planned else {}
        route = {"route": "cost", "cost": COST} if self.prices else {}
        return {"suites": suites, **looks, **route, **self.policy}

    def level(self, name: str) -> float:
        """That contender's true accuracy."""
        return next(c.level for c in self.contenders if c.name == name)

    def gain(self, name: str) -> float:
        """That contender's level over the best that needs no training."""
        return round(self.level(name) - self.base, 9)

    def drop(self, name: str) -> float:
        """What that contender lost on the guard suite; 0 without one."""
        kept = next(c.guard for c in self.contenders if c.name == name)
        return 0.0 if self.guard is None or kept is None else round(self.guard - kept, 9)

    def worth(self, name: str) -> bool:
        """Is it justified: more than the margin over everything untrained, and no intolerable loss? On the cost route: no
        loss that is not tolerated, and a lower price."""
        if self.prices:
            return self.gain(name) > -LIMIT and self.prices[1] < self.prices[0]
        return self.gain(name) > MARGIN and self.drop(name) < LIMIT

    @property
    def best_gain(self) -> float:
        """The best tuned contender's gain."""
        return max((self.gain(c.name) for c in self.tuned), default=float("-inf"))

    @property
    def worst_drop(self) -> float:
        """The largest loss on the guard suite."""
        return max((self.drop(c.name) for c in self.tuned), default=0.0)

    @property
    def justified(self) -> bool:
        """Is any tuned contender worth it?"""
        return any(self.worth(c.name) for c in self.tuned)

    @property
    def clearly_justified(self) -> bool:
        """A gain of the margin and three points more, and nothing lost: to say "not justified" is an error."""
        return any(self.gain(c.name) >= MARGIN + 0.03 - 1e-9 and self.drop(c.name) < LIMIT for c in self.tuned)

    @property
    def remedy(self) -> str:
        """The cheapest layer that no costlier one beats by the margin; tuning only where it is worth it."""
        worthy = [c for c in self.tuned if self.worth(c.name)]
        if worthy:
            plain = max((c.level for c in worthy if c.technique == "tune"), default=0.0)
            both = max((c.level for c in worthy if c.technique == "tune+rag"), default=0.0)
            return "fine-tune+rag" if both - plain >= MARGIN - 1e-9 else "fine-tune"
        if any(c.slope and self.gain(c.name) + 2 * c.slope >= MARGIN for c in self.tuned):
            return "collect-data"
        return self._untrained_remedy()

    def _untrained_remedy(self) -> str:
        best = {t: max((c.level for c in self.contenders if c.technique == t), default=0.0) for t in LADDER}
        taken = "prompt"
        for technique in LADDER[1:]:
            taken = technique if best[technique] - best[taken] >= MARGIN - 1e-9 else taken
        return NAMES[taken]
