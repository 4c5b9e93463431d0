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

    [data]
    secrets = 0.001

``harness verdict --scores FILE --policy FILE`` reads one; `load_policy` is what it calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.data.limits import Limits
from harness.declaration import Declaration, declare, read_toml
from harness.verdict.economics.cost import CostPolicy, located
from harness.verdict.kinship import Kinship
from harness.verdict.merges import MergePolicy

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Gain = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Bound = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class SuitePolicy(Declaration):
    """One suite's part: ``None`` means the policy's own value, or the suite's only metric.

    ``lenient`` names a metric among the rows that reads what ``metric`` refuses for its form alone: the diagnosis tells the
    two apart.
    """

    metric: str | None = None
    lenient: str | None = None
    role: Literal["decide", "guard", "watch"] = "decide"
    margin: Gain | None = None
    noninferiority: Bound | None = None
    max_relative_drop: Bound | None = None


class Policy(Declaration):
    """All that `decide` needs beside the rows; the defaults' sources are in ``docs/verdict.md``.

    ``margin`` is the least gain worth having and ``noninferiority`` the loss no longer tolerable, in score units;
    ``alpha`` is the one-sided error of a claim. ``judge_agreement`` is Lin's concordance of judge and people, which for
    labels is the quadratically weighted kappa. ``looks`` above 1 needs ``n_max``, the cases at the last look;
    ``require_lock`` refuses an answer to a question that was not frozen before its test answers were seen. ``planned_gain``
    (8 points when not given) and ``power`` are what an undecided verdict and ``harness plan`` reckon with. ``kinship`` says
    who judged and who is behind the contenders, and ``merge`` what merged adapters were made from, which rows do not. ``data``
    is what ``harness data check`` allows, and no verdict.
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
    require_lock: bool = False
    planned_gain: Gain | None = None
    power: Bound = 0.8
    kinship: Kinship = Kinship()
    merge: MergePolicy = MergePolicy()
    cost: CostPolicy | None = None
    data: Limits = Limits()

    @model_validator(mode="after")
    def _together(self) -> Policy:
        if self.looks > 1 and self.n_max is None:
            raise ValueError("looks above 1 needs n_max, the number of cases at the last look")
        if self.planned_gain is not None and self.planned_gain <= self.margin:
            raise ValueError(
                f"planned_gain {self.planned_gain:g} is no more than the margin, {self.margin:g}: plan for more"
            )
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
    path = Path(source)
    return declare(Policy, located(read_toml(path), path.parent), where=str(path))
