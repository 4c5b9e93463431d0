"""The money of a plan: what tuning costs once and a month, what a request saves, and what that is worth today.

    V requests a month at first, growing by g a month, over T months, discounted by d a month
    c USD a request, F USD a month, K USD once, R USD of retraining a month, v USD a right answer, Δ the gain

    s   = c_base - c_tuned + v·Δ                              saved a request
    A   = Σ (1+d)^-t = (1 - (1+d)^-T) / d                     months, discounted                 T at d = 0
    S   = Σ (1+g)^(t-1) (1+d)^-t = (1 - q^T) / (d - g)        growing months, q = (1+g)/(1+d)     T at g = d = 0
    NPV = V·S·s - A·(F_tuned - F_base + R) - K
    V*  = (A·(F_tuned - F_base + R) + K) / (S·s)              never, when s ≤ 0

S and A are the present values of a growing and of a level annuity paid at the end of each month (Brealey, Myers, Allen:
Principles of Corporate Finance, chapter 2). Without growth and discount V* = (K/T + R + F_tuned - F_base) / s. Every
function takes numbers or arrays of draws, alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Number = Any
"""A float, or draws of shape (N,); `Values` hold both."""
Values = Mapping[str, Number]

HOUR = 3600.0
HOURS_A_MONTH = 730.0
LONGEST = 120
"""Months that payback looks ahead: ten years."""


class Side(Protocol):
    """One arm: the name of its contender, and what a request costs by part."""

    @property
    def contender(self) -> str: ...

    def parts(self, values: Values) -> dict[str, Number]: ...


@dataclass(frozen=True, slots=True)
class Flow:
    """A plan at some values. USD; ``months`` and ``requests`` (over all of them) are discounted."""

    baseline: Number
    tuned: Number
    worth: Number
    once: Number
    retraining: Number
    hosting: Number
    hosting_baseline: Number
    volume: Number
    months: Number
    growing: Number

    @property
    def saved(self) -> Number:
        """USD a request, the worth of right answers gained included."""
        return self.baseline - self.tuned + self.worth

    @property
    def monthly(self) -> Number:
        """USD that tuning costs a month whatever is asked."""
        return self.hosting + self.retraining - self.hosting_baseline

    @property
    def spent(self) -> Number:
        """USD that must be saved before tuning has paid."""
        return self.months * self.monthly + self.once

    @property
    def npv(self) -> Number:
        """Net present value of tuning, USD."""
        return self.volume * self.growing * self.saved - self.spent

    @property
    def break_even(self) -> Number:
        """Requests a month at the start from which the NPV is not negative; infinite for never."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.maximum(self.spent, 0.0) / (self.growing * self.saved)
        return np.where(np.asarray(self.saved) > 0, found, np.inf)

    def month(self, volume: Number) -> tuple[Number, Number]:
        """USD in a level month at ``volume`` requests a month, (baseline, tuned); right answers gained are taken off."""
        requests = volume * self.growing / self.months
        baseline = requests * self.baseline + self.hosting_baseline
        fixed = self.once / self.months + self.hosting + self.retraining
        return baseline, requests * (self.tuned - self.worth) + fixed


def flow(values: Values, baseline: Side, tuned: Side) -> Flow:
    """The plan at those values."""
    discount = monthly_rate(values["discount_per_year"])
    horizon, growth = values["horizon_months"], values["growth_per_month"]
    return Flow(
        baseline=sum(baseline.parts(values).values()),
        tuned=sum(tuned.parts(values).values()),
        worth=values["value_per_right_answer"] * values["gain"],
        once=sum(once(values).values()),
        retraining=retraining(values),
        hosting=values["hosting_usd_per_month"],
        hosting_baseline=values["baseline_hosting_usd_per_month"],
        volume=values["requests_per_month"],
        months=annuity(discount, horizon),
        growing=growing_annuity(growth, discount, horizon),
    )


def once(values: Values) -> dict[str, Number]:
    """What is paid once, by part."""
    return {
        "labels": values["labels"] * values["label_usd"],
        "engineering": values["engineering_hours"] * values["engineering_usd_per_hour"],
        "training": values["training_runs"] * one_training(values),
        "evaluation": values["evaluation_usd"],
        "other": values["training_usd"],
    }


def one_training(values: Values) -> Number:
    """USD of one training run: it fills its GPU, so utilisation does not enter."""
    return values["training_gpu_hours"] * values["gpu_hour_usd"]


def retraining(values: Values) -> Number:
    """USD a month; 0 where nothing is trained again. Without a price of its own it is one run and one evaluation."""
    if "retrain_months" not in values:
        return 0.0
    again = values.get("retrain_usd")
    return (one_training(values) + values["evaluation_usd"] if again is None else again) / values["retrain_months"]


def monthly_rate(yearly: Number) -> Number:
    """The rate a month that makes the yearly one: (1 + r)^(1/12) - 1."""
    return (1.0 + yearly) ** (1 / 12) - 1.0 if _any(yearly) else 0.0


def annuity(discount: Number, months: Number) -> Number:
    """Present value of 1 at the end of every month."""
    return growing_annuity(0.0, discount, months) if _any(discount) else months


def growing_annuity(growth: Number, discount: Number, months: Number) -> Number:
    """Present value of 1, 1+g, (1+g)², … at the ends of the months."""
    if not _any(growth) and not _any(discount):
        return months
    apart = discount - growth
    same = apart == 0
    step = np.where(same, -1.0, apart)  # q = 1 - (d-g)/(1+d); expm1 and log1p keep its digits where d is near g
    whole = -np.expm1(months * np.log1p(-step / (1.0 + discount))) / step
    return _plain(np.where(same, months / (1.0 + discount), whole))


def payback(values: Values, plan: Flow) -> Number:
    """Months until what was spent has come back, for every draw; infinite beyond ``LONGEST`` months.

    Summed month by month, and linear inside a month, which without growth and discount is exact.
    """
    discount = monthly_rate(values["discount_per_year"])
    fade, swell = _powers(1.0 / (1.0 + discount)), _powers((1.0 + values["growth_per_month"]) / (1.0 + discount))
    earned = _column(plan.volume * plan.saved / (1.0 + values["growth_per_month"])) * swell
    total = np.atleast_2d(np.cumsum(earned - _column(plan.monthly) * fade, axis=-1) - _column(plan.once))
    back = total >= 0
    first = back.argmax(axis=1)
    there = np.take_along_axis(total, first[:, None], axis=1)[:, 0]
    earlier = np.take_along_axis(total, np.maximum(first - 1, 0)[:, None], axis=1)[:, 0]
    before = np.where(first > 0, earlier, -np.atleast_1d(plan.once))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = first + np.where(before < 0, -before / (there - before), 0.0)
    made = np.where(back.any(axis=1), found, np.inf)
    return made if made.size > 1 else float(made[0])


def _powers(factor: Number) -> Floats:
    """The first to the last month's power of a factor, shape (LONGEST,) or (N, LONGEST)."""
    shape = (np.size(factor), LONGEST) if isinstance(factor, np.ndarray) else (LONGEST,)
    return np.cumprod(np.broadcast_to(_column(factor), shape), axis=-1)


def _column(values: Number) -> Number:
    """Draws as a column beside the months."""
    return values[:, None] if isinstance(values, np.ndarray) and values.ndim == 1 else values


def _any(rate: Number) -> bool:
    return isinstance(rate, np.ndarray) or rate != 0


def _plain(values: Floats) -> Number:
    return values if values.ndim else float(values)
