"""Economics in a person's words and amounts: the memo's lines, and what tables and charts call an input.

Money: a request costs $0.00042 tuned and $0.0011 with bm25; $9,120 once. Break-even lies between 9,100 and 44,000 …
The sum changes its sign with requests a month under 18,200, or GPU hour over $9.31 an hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.verdict.economics.cost import UNITS
from harness.verdict.economics.plan import GAIN

NEAREST = 3
"""Reversal values that a memo names."""
MILLION = 1_000_000
AN = ("hour", "answer")
COUNTED = ("requests", "labels", "runs")
"""Units that the input's own name says already."""
LABELS: Mapping[str, str] = {
    "requests_per_month": "requests",
    "growth_per_month": "growth of requests",
    "horizon_months": "horizon",
    "discount_per_year": "discount",
    "value_per_right_answer": "worth of a right answer",
    "input_cost_per_token": "prompt tokens",
    "output_cost_per_token": "output tokens",
    "tuned_input_cost_per_token": "prompt tokens, tuned",
    "tuned_output_cost_per_token": "output tokens, tuned",
    "gpu_hour_usd": "GPU hour",
    "tuned_gpu_hour_usd": "GPU hour, tuned",
    "utilisation": "utilisation",
    "tuned_utilisation": "utilisation, tuned",
    "throughput_tokens_per_second": "throughput",
    "tuned_throughput_tokens_per_second": "throughput, tuned",
    "labels": "labels",
    "label_usd": "price of a label",
    "engineering_hours": "engineering",
    "engineering_usd_per_hour": "engineering hour",
    "training_runs": "training runs",
    "training_gpu_hours": "GPU time of a run",
    "evaluation_usd": "evaluation",
    "training_usd": "other costs once",
    "retrain_months": "months between trainings",
    "retrain_usd": "retraining",
    "hosting_usd_per_month": "hosting",
    "baseline_hosting_usd_per_month": "hosting, baseline",
    "margin": "margin",
    "noninferiority": "loss tolerated",
    "judge_error": "error of the judge",
    GAIN: "gain",
}


def label(name: str) -> str:
    """An input's name as a table shows it."""
    return LABELS.get(name, name.replace("_", " "))


def amount(name: str, value: float, unit: str | None = None) -> str:
    """A value of an input with its unit, in three digits: ``$0.75 a million tokens``, ``13 %``, ``18,200 a month``."""
    return "".join(_parts(name, value, unit))


def reach(name: str, low: float, high: float, unit: str | None = None) -> str:
    """A range with its unit said once: ``40 to 200 hours``; a number alone where both ends are one."""
    number, tail = _parts(name, high, unit)
    return number + tail if low == high else f"{bare(name, low, unit)} to {number}{tail}"


def bare(name: str, value: float, unit: str | None = None) -> str:
    """A value of an input without its unit."""
    return _parts(name, value, unit)[0]


def _parts(name: str, value: float, unit: str | None) -> tuple[str, str]:
    """The number and what follows it."""
    kind = unit or UNITS.get(name, "USD")
    if name in (GAIN, "margin", "noninferiority", "judge_error"):
        return _short(100 * value), " points"
    if kind == "USD/token":
        return usd(value * MILLION), " a million tokens"
    first, _, per = kind.partition("/")
    tail = f" {'an' if per in AN else 'a'} {per}" if per else ""
    if first == "share":
        return _short(100 * value), f" %{tail}"
    if first == "USD":
        return usd(value), tail
    return _short(value), tail if first in COUNTED else f" {first}{tail}"


def usd(value: float) -> str:
    """``$18,200``, ``-$0.0042``: three digits, whole dollars from 1,000 on."""
    size = f"{abs(value):,.0f}" if abs(value) >= 1000 else _short(abs(value))
    return f"{'-' if value < 0 else ''}${size}"


def memo(found: Mapping[str, Any]) -> Iterator[str]:
    """Two lines at most: what it costs and is worth, and what that hangs on. The break-even itself is a reason's."""
    if not found:
        return
    once = f"; {usd(found['usd_once'])} once" if found["usd_once"] else ""
    yield (
        f"Money: a request costs {usd(found['usd_per_request_tuned'])} tuned and "
        f"{usd(found['usd_per_request_baseline'])} with {found['baseline']}{once}. {_between(found)}{_worth(found)}"
    )
    turns = [_turn(turn) for turn in found["reversals"] if turn["about"] == "npv"][:NEAREST]
    if turns:
        yield f"The sum changes its sign with {', or '.join(turns)}."


def _between(found: Mapping[str, Any]) -> str:
    """The interval of the break-even, where anything is a range and it comes at all."""
    low, high = found["break_even_low"], found["break_even_high"]
    if found["draws"] == 1 or low is None:
        return ""
    if high is None:
        never = f"in {100 * found['break_even_never']:.0f} % of the draws never"
        return f"Break-even lies at {_short(low)} requests a month or more, {never}. "
    return f"Break-even lies between {_short(low)} and {_short(high)} requests a month. "


def _worth(found: Mapping[str, Any]) -> str:
    worth = f"Over {_short(found['horizon_months'])} months tuning is worth {usd(found['npv_usd'])}"
    if found["draws"] == 1:
        return f"{worth}."
    span = f"{usd(found['npv_low_usd'])} to {usd(found['npv_high_usd'])}"
    return f"{worth} ({span}), more than nothing in {100 * found['p_npv_positive']:.0f} % of the draws."


def _turn(turn: Mapping[str, Any]) -> str:
    return f"{label(turn['input'])} {turn['flips']} {amount(turn['input'], turn['value'])}"


def _short(value: float) -> str:
    """Three significant digits, thousands separated, no exponent."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:.10f}".rstrip("0").rstrip(".")
