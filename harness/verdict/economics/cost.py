"""The ``[cost]`` table of a policy: what a plan costs, each number known or a range, with where it comes from.

    [cost]
    requests_per_month = [20_000, 50_000, 120_000]
    model = "gpt-5.4-mini"                      # who answers today: prices from the snapshot
    tuned_gpu = "L40S"                          # where the tuned model would run
    labels = 1_200
    label_usd = { low = 0.8, mode = 1.2, high = 2.0, source = "offer of 3 November" }
    engineering_hours = [40, 80, 200]
    engineering_usd_per_hour = 95

Tokens, seconds and the cost of an answer come from the rows. A key with ``tuned_`` is the tuned side's own; without it
both sides share the number and, where it is a range, its draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.declaration import Declaration
from harness.verdict.economics.prices import NotNegative, Prices, TokenPrice, load_prices, unlisted
from harness.verdict.economics.quantity import Quantity, quantity

Serving = Literal["tokens", "gpu", "measured", "hosted"]
SIDES = ("", "tuned_")


def _positive(given: Quantity) -> Quantity:
    if given.low <= 0:
        raise ValueError(f"given {given.low:g}: more than 0 is asked")
    return given


def _share(given: Quantity) -> Quantity:
    if not 0 < given.low <= given.high <= 1:
        raise ValueError(f"given {given.low:g} to {given.high:g}: a share in (0, 1] is asked, 0.3 for 30 %")
    return given


def _rate(given: Quantity) -> Quantity:
    if given.low <= -1 or given.high > 1:
        raise ValueError(f"given {given.low:g} to {given.high:g}: a share over -1 and up to 1 is asked, 0.02 for 2 %")
    return given


Positive = Annotated[Quantity, AfterValidator(_positive)]
Share = Annotated[Quantity, AfterValidator(_share)]
Rate = Annotated[Quantity, AfterValidator(_rate)]
NOTHING = quantity(0.0)
YEAR = quantity(12.0)


class CostPolicy(Declaration):
    """What a plan costs; USD, months, requests, tokens, seconds. Every key but ``requests_per_month`` is optional.

    ``hosting_usd_per_month`` is what tuning needs a month whatever is asked, ``baseline_hosting_usd_per_month`` what the
    baseline does. ``training_usd`` is paid once, beside labels, engineering, training runs (with the search and every
    seed) and evaluation. ``retrain_usd`` is paid every ``retrain_months``; without it, one run and one evaluation are.
    ``serving`` says what prices a request: ``tokens``, ``gpu`` time, the ``measured`` cost of the rows, or ``hosted``:
    a machine that is kept running and paid with hosting. ``prices``, the path of a list, is left out of a dump and so of
    the policy's hash: the prices that it gave are there.
    """

    requests_per_month: Positive
    growth_per_month: Rate = NOTHING
    horizon_months: Positive = YEAR
    discount_per_year: Rate = NOTHING
    value_per_right_answer: NotNegative | None = None

    model: str | None = None
    tuned_model: str | None = None
    gpu: str | None = None
    tuned_gpu: str | None = None
    prices: Annotated[str | None, Field(exclude=True)] = None
    serving: Serving | None = None
    tuned_serving: Serving | None = None

    input_cost_per_token: TokenPrice | None = None
    output_cost_per_token: TokenPrice | None = None
    tuned_input_cost_per_token: TokenPrice | None = None
    tuned_output_cost_per_token: TokenPrice | None = None
    gpu_hour_usd: NotNegative | None = None
    tuned_gpu_hour_usd: NotNegative | None = None
    utilisation: Share | None = None
    tuned_utilisation: Share | None = None
    throughput_tokens_per_second: Positive | None = None
    tuned_throughput_tokens_per_second: Positive | None = None

    labels: NotNegative = NOTHING
    label_usd: NotNegative | None = None
    engineering_hours: NotNegative = NOTHING
    engineering_usd_per_hour: NotNegative | None = None
    training_runs: NotNegative = NOTHING
    training_gpu_hours: NotNegative | None = None
    evaluation_usd: NotNegative = NOTHING
    training_usd: NotNegative = NOTHING
    retrain_months: Positive | None = None
    retrain_usd: NotNegative | None = None
    hosting_usd_per_month: NotNegative = NOTHING
    baseline_hosting_usd_per_month: NotNegative = NOTHING

    @model_validator(mode="before")
    @classmethod
    def _from_the_list(cls, given: Any) -> Any:
        """Prices of the named models and GPUs as numbers, so that the policy's hash covers them.

        What the policy says itself wins, and then the list is not asked.
        """
        if not isinstance(given, Mapping):
            return given
        made, prices = dict(given), None
        for side in SIDES:
            for key, keys in ((f"{side}model", _token_keys(side)), (f"{side}gpu", (f"{side}gpu_hour_usd",))):
                if isinstance(made.get(key), str) and any(made.get(name) is None for name in keys):
                    prices = prices or load_prices(Path(made["prices"]) if made.get("prices") else None)
                    found = _model(prices, key, made[key]) if "model" in key else _gpu(prices, key, made[key])
                    made |= {n: q for n, q in zip(keys, found, strict=True) if made.get(n) is None}
        return made

    @model_validator(mode="after")
    def _together(self) -> CostPolicy:
        for side in SIDES:
            first, second = _token_keys(side)
            _both(self, first, second)
        for count, each in (("labels", "label_usd"), ("engineering_hours", "engineering_usd_per_hour")):
            _needs(self, count, each)
        _needs(self, "training_runs", "training_gpu_hours")
        if self.training_runs.high and self.gpu_hour_usd is None:
            raise ValueError("training_runs needs gpu_hour_usd or gpu; a sum paid to a vendor goes into training_usd")
        if self.retrain_usd is not None and self.retrain_usd.high and self.retrain_months is None:
            raise ValueError("retrain_usd needs retrain_months, how often it is paid")
        if self.tuned_serving == "hosted" and not self.hosting_usd_per_month.high:
            raise ValueError("tuned_serving 'hosted' needs hosting_usd_per_month, what the machine costs")
        if self.serving == "hosted" and not self.baseline_hosting_usd_per_month.high:
            raise ValueError("serving 'hosted' needs baseline_hosting_usd_per_month, what the machine costs")
        return self


NAMES = tuple(
    name
    for name in CostPolicy.model_fields
    if name not in ("model", "tuned_model", "gpu", "tuned_gpu", "prices", "serving", "tuned_serving")
)
"""The numbers, in an order that never changes: it says which coordinate of the lattice draws which."""
UNITS: Mapping[str, str] = {
    "requests_per_month": "requests/month",
    "growth_per_month": "share/month",
    "horizon_months": "months",
    "discount_per_year": "share/year",
    "value_per_right_answer": "USD/answer",
    "utilisation": "share",
    "tuned_utilisation": "share",
    "throughput_tokens_per_second": "tokens/second",
    "tuned_throughput_tokens_per_second": "tokens/second",
    "labels": "labels",
    "label_usd": "USD/label",
    "engineering_hours": "hours",
    "engineering_usd_per_hour": "USD/hour",
    "gpu_hour_usd": "USD/hour",
    "tuned_gpu_hour_usd": "USD/hour",
    "training_runs": "runs",
    "training_gpu_hours": "hours/run",
    "retrain_months": "months",
    "hosting_usd_per_month": "USD/month",
    "baseline_hosting_usd_per_month": "USD/month",
    **{name: "USD/token" for name in NAMES if name.endswith("cost_per_token")},
}
"""The unit that each number is read in; ``USD`` for the rest."""


def located(policy: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """A policy as read from a file, with ``[cost] prices`` looked for beside that file."""
    cost = policy.get("cost")
    if not isinstance(cost, Mapping) or not isinstance(cost.get("prices"), str):
        return dict(policy)
    return {**policy, "cost": {**cost, "prices": str(folder / cost["prices"])}}


def _token_keys(side: str) -> tuple[str, str]:
    return f"{side}input_cost_per_token", f"{side}output_cost_per_token"


def _model(prices: Prices, key: str, name: str) -> tuple[Quantity, Quantity]:
    row = prices.model(name)
    if row is None:
        instead = f"give {' and '.join(_token_keys(key.removesuffix('model')))}, or a list of your own with prices"
        raise ValueError(f"{key}: {unlisted('model', name, prices.models, instead)}")
    return row.input, row.output


def _gpu(prices: Prices, key: str, name: str) -> tuple[Quantity]:
    row = prices.gpu(name)
    if row is None:
        raise ValueError(f"{key}: {unlisted('GPU', name, prices.gpus, f'give {key}_hour_usd')}")
    return (row.hour,)


def _both(cost: CostPolicy, first: str, second: str) -> None:
    if (getattr(cost, first) is None) != (getattr(cost, second) is None):
        raise ValueError(f"{first} and {second} are given together or not at all")


def _needs(cost: CostPolicy, count: str, each: str) -> None:
    if getattr(cost, count).high and getattr(cost, each) is None:
        raise ValueError(f"{count} needs {each}")
