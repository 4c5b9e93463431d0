"""One suite's prospects: with so many cases and trainings, how surely is which gain shown?

    >>> outlook.justifiable, outlook.ways                                 # doctest: +SKIP
    (0.116, [(3, 3628), (5, 880), (10, 707)])

The gain is always a planned one. Where dev chooses among several recipes by the trainings that test uses, the seeds' part of a
bound has alpha over their number, as in the verdict; without a dev split Holm's first step has it for both parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import BadInput
from harness.matrix import Matrix
from harness.outlook.options import Options
from harness.outlook.spread import ASSUMED, Spread, Spreads, assumed
from harness.stats.looks import look_alpha
from harness.stats.power import cases_needed, gain_shown, power
from harness.suite import Task
from harness.verdict import Policy
from harness.verdict.plan import planned_gain

GAINS = (0.05, 0.08, 0.10, 0.15)
CASES = (100, 200, 400, 800)
SEEDS = (3, 5)


@dataclass(frozen=True, slots=True)
class Outlook:
    """One suite: so many test cases and seeds, the bound that a claim must pass, and the truth that is planned for.

    A guard's ``margin`` is minus the loss no longer tolerable, and nothing lost is planned. ``recipes`` is among how many tuned
    contenders dev will choose.
    """

    suite: str
    role: str
    cases: int
    seeds: int
    margin: float
    planned: float
    alpha: float
    power: float
    spread: Spread
    recipes: int = 1

    def chance(
        self, gain: float, *, cases: int | None = None, seeds: int | None = None, spread: Spread | None = None
    ) -> float:
        """Probability that a true gain is shown."""
        cases, seeds = self.cases if cases is None else cases, self.seeds if seeds is None else seeds
        return power(gain=gain, cases=cases, seeds=seeds, choices=self.recipes, **self._known(spread))

    @property
    def justifiable(self) -> float | None:
        """The least true gain that is shown with the power asked for; None when not even a full one is."""
        return gain_shown(cases=self.cases, seeds=self.seeds, power=self.power, choices=self.recipes, **self._known())

    def needed(self, seeds: int) -> int | None:
        """Cases that the planned truth takes with so many seeds (0 where nothing is trained); None when more seeds are what it takes."""
        return cases_needed(
            gain=self.planned, seeds=seeds or 2, power=self.power, choices=self.recipes, **self._known()
        )

    @property
    def ways(self) -> list[tuple[int, int]]:
        """(seeds, cases) that show the planned truth: with the seeds there are, and with five and ten where that takes
        fewer cases.
        """
        found: list[tuple[int, int]] = []
        for seeds in sorted({self.seeds, *(more for more in (5, 10) if more > self.seeds > 0)}):
            cases = self.needed(seeds)
            if cases is not None and (not found or cases < found[-1][1]):
                found.append((seeds, cases))
        return found

    def table(self) -> list[dict[str, Any]]:
        """The power of every gain worth planning for, over cases and seeds."""
        gains = sorted({round(gain, 4) for gain in (self.planned, *GAINS) if gain > self.margin})
        return [
            {"gain": gain, "cases": cases, "seeds": seeds, "power": self.chance(gain, cases=cases, seeds=seeds)}
            for gain in gains
            for seeds in (sorted({*SEEDS, self.seeds}) if self.seeds else [0])
            for cases in CASES
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "suite": self.suite,
            "role": self.role,
            "cases": self.cases,
            "seeds": self.seeds,
            "recipes": self.recipes,
            "margin": self.margin,
            "planned_gain": self.planned,
            "alpha": self.alpha,
            "power": self.power,
            "case_sd": self.spread.case_sd,
            "seed_sd": self.spread.seed_sd,
            "spread_from": self.spread.source,
            "justifiable_gain": self.justifiable,
            "chance": self.chance(self.planned),
            "ways": [{"seeds": seeds, "cases": cases} for seeds, cases in self.ways],
            "seeds_not_cases": self.needed(self.seeds) is None,
            "table": self.table() if self.role == "decide" else [],
        }

    def _known(self, spread: Spread | None = None) -> dict[str, float]:
        spread = spread or self.spread
        return {
            "margin": self.margin,
            "v_case": spread.case_sd**2,
            "v_seed": spread.seed_sd**2,
            "alpha": self.alpha,
        }


def bare(options: Options) -> Outlook:
    """Of no experiment: what the options say.

    Raises:
        BadInput: without a number of cases.
    """
    if options.cases is None:
        raise BadInput("no experiment here: say --cases and --seeds, or name an experiment.toml")
    policy = Policy()
    margin = policy.margin if options.margin is None else options.margin
    gain = planned_gain(policy, margin)
    whole = Outlook("any suite", "decide", options.cases, 3, margin, gain, policy.alpha, policy.power, ASSUMED)
    return _said(whole, options)


def outlooks(matrix: Matrix, known: Mapping[str, Spreads], options: Options) -> list[Outlook]:
    """Of every suite that decides or guards, the deciding ones first.

    Raises:
        BadInput: when the options plan for less than the margin.
    """
    roles = {task.suite.name: matrix.policy.suites[task.suite.name].role for task in matrix.tasks}
    tasks = sorted(matrix.tasks, key=lambda task: roles[task.suite.name])
    return [
        _outlook(matrix, task, known.get(task.suite.name, assumed(roles[task.suite.name])).widest, options)
        for task in tasks
        if roles[task.suite.name] in ("decide", "guard")
    ]


def _outlook(matrix: Matrix, task: Task, spread: Spread, options: Options) -> Outlook:
    policy, suite = matrix.policy, task.suite.name
    guard = policy.suites[suite].role == "guard"
    limit = policy.noninferiority_of(suite)
    margin = -limit if guard or policy.route == "cost" else policy.margin_of(suite)
    seeds = matrix.experiment.training_seeds if policy.estimand == "recipe" else 0
    recipes = 1 if guard else max(len(tuned(matrix, suite)), 1)
    chosen = bool(task.counts["dev"])
    alpha = look_alpha(policy.alpha, looks=policy.looks, fraction=1.0)
    whole = Outlook(
        suite=suite,
        role="guard" if guard else "decide",
        cases=task.counts["test"],
        seeds=seeds,
        margin=margin,
        planned=0.0 if guard else planned_gain(policy, margin),
        alpha=alpha if chosen else alpha / recipes,
        power=policy.power,
        spread=spread,
        recipes=recipes if chosen and seeds else 1,
    )
    return _said(whole, replace(options, cases=None, margin=None, gain=None) if guard else options)


def tuned(matrix: Matrix, suite: str) -> dict[str, str]:
    """Tuned contender of a suite → its recipe; those that a verdict chooses among."""
    return {
        cell.contender.name: cell.contender.recipe
        for cell in matrix.cells
        if cell.suite.name == suite and cell.contender.recipe and not cell.contender.probes
    }


def _said(outlook: Outlook, options: Options) -> Outlook:
    """The outlook with what a person says instead."""
    spread = outlook.spread
    if options.case_sd is not None or options.seed_sd is not None:
        case_sd = spread.case_sd if options.case_sd is None else options.case_sd
        spread = Spread(case_sd, spread.seed_sd if options.seed_sd is None else options.seed_sd, "as given")
    given = {name: getattr(options, name) for name in ("cases", "seeds", "margin", "power", "alpha")}
    given |= {"planned": options.gain}
    stated: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    said = replace(outlook, spread=spread, **stated)
    if said.planned <= said.margin:
        raise BadInput(f"--gain: given {said.planned:g}: plan for a gain above the margin, which is {said.margin:g}")
    return said
