"""What counts as worth having, and how sure one must be: declared before the test scores are seen.

A policy file (TOML), every key optional::

    alpha = 0.05
    margin = 0.03

    [suites.triage]
    metric = "exact_match"

    [suites.general]
    role = "guard"
    noninferiority = 0.02

    [cost]
    requests_per_month = 50_000

``harness verdict --scores FILE --policy FILE`` reads one; `load_policy` is what it calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.declaration import Declaration, declare, load_toml

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Gain = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Bound = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SuitePolicy(Declaration):
    """One suite's part: ``None`` means the policy's own value, or the suite's only metric."""

    metric: str | None = None
    role: Literal["decide", "guard", "watch"] = "decide"
    margin: Gain | None = None
    noninferiority: Bound | None = None
    max_relative_drop: Bound | None = None


class CostPolicy(Declaration):
    """What a month costs; USD, months, requests. Tokens and the cost of an answer come from the rows.

    ``training_usd`` is all that is paid once (labels, engineering, runs with the search, evaluation), ``retrain_usd``
    what is paid again every ``retrain_months``, ``hosting_usd_per_month`` what the adapter costs beyond the base.
    Prices per token have litellm's names; the ``tuned_`` ones, when absent, equal the base's.
    """

    requests_per_month: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    horizon_months: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 12.0
    training_usd: Dollars = 0.0
    retrain_usd: Dollars = 0.0
    retrain_months: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    hosting_usd_per_month: Dollars = 0.0
    value_per_right_answer: Dollars | None = None
    input_cost_per_token: Dollars | None = None
    output_cost_per_token: Dollars | None = None
    tuned_input_cost_per_token: Dollars | None = None
    tuned_output_cost_per_token: Dollars | None = None

    @model_validator(mode="after")
    def _whole_prices(self) -> CostPolicy:
        if (self.input_cost_per_token is None) != (self.output_cost_per_token is None):
            raise ValueError("input_cost_per_token and output_cost_per_token are given together or not at all")
        if self.retrain_usd and self.retrain_months is None:
            raise ValueError("retrain_usd needs retrain_months, how often it is paid")
        return self


class Policy(Declaration):
    """All that `decide` needs beside the rows; the defaults' sources are in ``docs/statistics.md``.

    ``margin`` is the least gain worth having and ``noninferiority`` the loss no longer tolerable, in score units;
    ``alpha`` is the one-sided error of a claim. ``judge_agreement`` is Lin's concordance of judge and people, which for
    labels is the quadratically weighted kappa. ``looks`` above 1 needs ``n_max``, the cases at the last look.
    """

    alpha: Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False)] = 0.05
    margin: Gain = 0.03
    noninferiority: Bound = 0.03
    estimand: Literal["recipe", "artefact"] = "recipe"
    route: Literal["quality", "cost"] = "quality"
    suites: Mapping[str, SuitePolicy] = Field(default_factory=dict)
    min_clusters: Annotated[int, Field(ge=2)] = 10
    min_seeds: Annotated[int, Field(ge=2)] = 3
    max_flagged: Share = 0.10
    min_prompt_variants: Annotated[int, Field(ge=0)] = 5
    judge_agreement: Share = 0.6
    min_human_labels: Annotated[int, Field(ge=2)] = 50
    looks: Annotated[int, Field(ge=1, le=20)] = 1
    n_max: Annotated[int, Field(ge=2)] | None = None
    cost: CostPolicy | None = None

    @model_validator(mode="after")
    def _together(self) -> Policy:
        if self.looks > 1 and self.n_max is None:
            raise ValueError("looks above 1 needs n_max, the number of cases at the last look")
        if self.route == "cost" and self.cost is None:
            raise ValueError("route 'cost' needs a [cost] table")
        if self.suites and all(suite.role == "watch" for suite in self.suites.values()):
            raise ValueError("suites: every listed suite only watches; give one role 'decide' or list none")
        return self

    def margin_of(self, suite: str) -> float:
        """The least gain worth having on that suite."""
        own = self.suites[suite].margin if suite in self.suites else None
        return self.margin if own is None else own

    def noninferiority_of(self, suite: str) -> float:
        """The loss no longer tolerable on that suite."""
        own = self.suites[suite].noninferiority if suite in self.suites else None
        return self.noninferiority if own is None else own


def load_policy(source: Path | str | Mapping[str, Any] | Policy | None) -> Policy:
    """A policy from a TOML file or a mapping; None gives the defaults.

    Raises:
        BadInput: with every problem of the file, one a line, as ``path: key: what is wrong``.
    """
    if isinstance(source, Policy):
        return source
    if source is None or isinstance(source, Mapping):
        return declare(Policy, dict(source or {}), where="policy")
    return load_toml(Policy, Path(source))
