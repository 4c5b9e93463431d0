"""What a request costs on one arm: by tokens, by GPU time, as measured, or nothing beside hosting.

    >>> side(cost, scores, tuned=True).parts(values)                      # doctest: +SKIP
    {'input tokens': 0.00012, 'output tokens': 0.00008}

A GPU-hour serves what it serves at full load times the utilisation: seconds / 3600 · USD an hour / utilisation.
Utilisation is never taken as 1 unless the policy says so: measured on H100s under 1 to 10 requests a second, a token
costs 2.5 to 24 times what it does at saturation (arXiv 2606.11690), so 1/24 to 1/2.5 is the default, with its geometric
middle as the likeliest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.verdict.board import Scores
from harness.verdict.economics.cost import CostPolicy, Serving
from harness.verdict.economics.flow import HOUR, HOURS_A_MONTH, Number, Values
from harness.verdict.economics.quantity import Quantity

UTILISATION = Quantity(
    low=0.04,
    mode=0.13,
    high=0.4,
    source="default: 1/24 to 1/2.5 measured at 1 to 10 requests a second, arXiv 2606.11690",
    date="2026-06-10",
)
TOKENS = ("prompt_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Priced by the token; tokens are means of the rows."""

    contender: str
    prompt_tokens: float
    output_tokens: float
    names: tuple[str, str]
    serving: Serving = "tokens"

    def parts(self, values: Values) -> dict[str, Number]:
        """USD a request."""
        first, second = (values[name] for name in self.names)
        return {"input tokens": self.prompt_tokens * first, "output tokens": self.output_tokens * second}


@dataclass(frozen=True, slots=True)
class Gpu:
    """Priced by the time of a GPU: measured ``seconds``, or output tokens at a declared throughput of a full GPU."""

    contender: str
    seconds: float | None
    output_tokens: float | None
    names: tuple[str, str]
    throughput: str | None = None
    serving: Serving = "gpu"

    def busy(self, values: Values) -> Number:
        """Seconds of a full GPU that a request takes."""
        return self.seconds if self.throughput is None else self.output_tokens / values[self.throughput]

    def hours(self, values: Values) -> Number:
        """GPU-hours paid for a month."""
        return values["requests_per_month"] * self.busy(values) / HOUR / values[self.names[1]]

    def parts(self, values: Values) -> dict[str, Number]:
        """USD a request."""
        hour, utilisation = (values[name] for name in self.names)
        return {"GPU time": self.busy(values) / HOUR * hour / utilisation}


@dataclass(frozen=True, slots=True)
class Flat:
    """The mean cost of an answer that the rows carry, or 0 for a machine that is paid with hosting."""

    contender: str
    usd: float
    serving: Serving

    def parts(self, values: Values) -> dict[str, Number]:
        """USD a request."""
        return {self.serving: self.usd}


Arm = Tokens | Gpu | Flat


def side(cost: CostPolicy, scores: Scores, *, tuned: bool) -> Arm | None:
    """How a request of that arm is priced: as declared, else the first way that policy and rows have the numbers for.

    None when there is none.
    """
    arms = (_arm(cost, scores, kind, tuned=tuned) for kind in _kinds(cost, tuned=tuned))
    return next((arm for arm in arms if arm is not None), None)


def like_the_baseline(cost: CostPolicy, arm: Arm) -> bool:
    """Whether the tuned arm is priced with the baseline's token prices although a GPU has a price too."""
    return isinstance(arm, Tokens) and not arm.names[0].startswith("tuned_") and cost.gpu_hour_usd is not None


def whole_gpu(arm: Arm, values: Values) -> float | None:
    """USD a month of one GPU that is kept running, where less than one is used; else None."""
    if not isinstance(arm, Gpu) or arm.hours(values) >= HOURS_A_MONTH:
        return None
    return float(HOURS_A_MONTH * values[arm.names[0]])


def _kinds(cost: CostPolicy, *, tuned: bool) -> Iterator[Serving]:
    said = cost.tuned_serving if tuned else cost.serving
    if said is not None:
        yield said
        return
    if tuned and cost.tuned_input_cost_per_token is not None:
        yield "tokens"
    own = (cost.tuned_gpu_hour_usd, cost.tuned_utilisation, cost.tuned_throughput_tokens_per_second)
    if tuned and any(given is not None for given in own):
        yield "gpu"
    if tuned and cost.serving in ("tokens", "gpu", "measured"):
        yield cost.serving
    yield from ("tokens", "measured", "gpu")


def _arm(cost: CostPolicy, scores: Scores, kind: Serving, *, tuned: bool) -> Arm | None:
    name, usage = scores.contender, scores.usage
    prompt, output = _own(cost, "input_cost_per_token", tuned), _own(cost, "output_cost_per_token", tuned)
    hour, utilisation = _own(cost, "gpu_hour_usd", tuned), _own(cost, "utilisation", tuned)
    throughput = _own(cost, "throughput_tokens_per_second", tuned)
    if kind == "hosted":
        return Flat(name, 0.0, "hosted")
    if kind == "measured":
        return Flat(name, usage["cost"], "measured") if "cost" in usage else None
    if kind == "tokens":
        if getattr(cost, prompt) is None or any(tokens not in usage for tokens in TOKENS):
            return None
        return Tokens(name, usage["prompt_tokens"], usage["output_tokens"], (prompt, output))
    declared = throughput if getattr(cost, throughput) is not None else None
    measured = "output_tokens" if declared else "seconds"
    if getattr(cost, hour) is None or measured not in usage:
        return None
    return Gpu(name, usage.get("seconds"), usage.get("output_tokens"), (hour, utilisation), declared)


def _own(cost: CostPolicy, name: str, tuned: bool) -> str:
    """The tuned side's key where it is given, else the one that both share."""
    own = f"tuned_{name}"
    return own if tuned and getattr(cost, own) is not None else name
