"""A plan with its inputs: at their likeliest values, at any other, and drawn over all of their ranges at once.

    >>> plan = make_plan(cost, tuned_arm, baseline_arm, gain)              # doctest: +SKIP
    >>> float(plan.likely.npv), float((plan.drawn.npv > 0).mean())         # doctest: +SKIP
    (8210.0, 0.93)

Each ranged input has a coordinate of the lattice of its own, so that giving one a range changes no draw of another. The
gain is drawn as its interval has it: centre + √V_case·t(n-1) + √V_seed·t(k-1), two independent t, kept in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from math import isfinite, sqrt

import numpy as np

from harness.stats import Moments
from harness.verdict.economics.cost import NAMES, CostPolicy
from harness.verdict.economics.flow import Flow, Number, Values, flow
from harness.verdict.economics.lattice import few, shares, spread, student
from harness.verdict.economics.quantity import Quantity
from harness.verdict.economics.side import UTILISATION, Arm

GAIN = "gain"
ABSENT = {"retrain_months", "retrain_usd"}
"""Numbers whose absence is no zero."""
DEFAULTS: Mapping[str, Quantity] = {"utilisation": UTILISATION}
CASES, SEEDS, FIRST = 0, 1, 2
"""Coordinates of the lattice: the gain's two parts, then the inputs'."""
LEVEL = 0.05
"""One-sided error of the gain's bounds, and the share of draws outside each end of an interval."""


@dataclass(frozen=True)
class Plan:
    """The inputs that have a number, by name; ``gain`` counts only where a right answer has a price."""

    inputs: Mapping[str, Quantity]
    gain: Moments
    baseline: Arm
    tuned: Arm

    @cached_property
    def modes(self) -> dict[str, Number]:
        """The likeliest value of every input; 0 where none is given."""
        zeros = dict.fromkeys((name for name in NAMES if name not in ABSENT), 0.0)
        return {**zeros, **{name: given.mode for name, given in self.inputs.items()}, GAIN: self.gain.estimate}

    @cached_property
    def draws(self) -> dict[str, Number]:
        """The same, an array (N,) where it is a range."""
        ranged = {name: self._draw(name, given) for name, given in self.inputs.items() if not given.known}
        worth = {GAIN: _gain(self.gain)} if self.valued else {}
        return {**self.modes, **ranged, **worth}

    @property
    def valued(self) -> bool:
        """Whether a right answer has a price."""
        return "value_per_right_answer" in self.inputs and self.inputs["value_per_right_answer"].high > 0

    @cached_property
    def likely(self) -> Flow:
        """At the likeliest values."""
        return flow(self.modes, self.baseline, self.tuned)

    @cached_property
    def drawn(self) -> Flow:
        """Over all ranges."""
        return flow(self.draws, self.baseline, self.tuned)

    @cached_property
    def some(self) -> tuple[Values, Flow]:
        """A few of the draws, and the plan at them."""
        values = {name: few(drawn) for name, drawn in self.draws.items()}
        return values, Flow(**{field.name: few(getattr(self.drawn, field.name)) for field in fields(Flow)})

    def npv(self, name: str, number: Number) -> Number:
        """NPV with one input at ``number``, a float or an array, and the others at their likeliest."""
        return flow({**self.modes, name: number}, self.baseline, self.tuned).npv

    def bounds(self, name: str) -> tuple[float, float]:
        """The ends of an input's range; of the gain, its one-sided bounds."""
        if name != GAIN:
            return self.inputs[name].low, self.inputs[name].high
        seen = self.gain.interval(LEVEL)
        return (max(seen.lower, -1.0), min(seen.upper, 1.0)) if self.gain.n else (-1.0, 1.0)

    @property
    def ranged(self) -> list[str]:
        """What is not known for certain."""
        names = [name for name, given in self.inputs.items() if not given.known]
        return [*names, GAIN] if self.valued else names

    def _draw(self, name: str, given: Quantity) -> Number:
        return given.at(shares())[spread(FIRST + NAMES.index(name))]


def make_plan(cost: CostPolicy, tuned: Arm, baseline: Arm, gain: Moments) -> Plan:
    """The plan of a policy for two priced arms."""
    given = {name: getattr(cost, name) for name in NAMES}
    used = {part for arm in (tuned, baseline) for part in getattr(arm, "names", ())}
    filled = {**given, **{name: given[name] or default for name, default in DEFAULTS.items() if name in used}}
    return Plan({name: number for name, number in filled.items() if number is not None}, gain, baseline, tuned)


def _gain(gain: Moments) -> Number:
    """Draws of the gain; anything possible where a variance cannot be known (one training seed)."""
    parts = [(gain.v_case, gain.df, CASES), (gain.v_seed, gain.seeds - 1, SEEDS)]
    if not gain.n or any(variance and (df < 1 or not isfinite(variance)) for variance, df, _ in parts):
        return 2.0 * shares()[spread(CASES)] - 1.0
    drawn: Number = gain.centre
    for variance, df, coordinate in parts:
        if variance:
            drawn = drawn + sqrt(variance) * student(df, coordinate)
    return np.clip(drawn, -1.0, 1.0)
