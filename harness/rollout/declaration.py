"""``rollout.toml``: what a candidate must show on production's ratings, and the stages in which it gets traffic.

metric = "thumbs"          # a name, for what is said
baseline = 0.72            # the present model's mean
margin = 0.02              # at most two points worse; or lift = 0.03: better by more than three
users_a_day = 2000         # that give ratings
strata = ["country"]       # columns of the ratings

[[stages]]                 # shadow, 5 %, 25 % where none are given; then everybody
name = "5%"
share = 0.05
days = 2
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.declaration import Declaration, load_toml

RESERVED = ("time", "stage", "arm", "user", "request", "rating")
"""Columns that mean the same in every rollout."""


class Stage(Declaration):
    """A share of the traffic for the candidate. Without a share both answer the same requests, and only the present one's answer
    is shown: raters see both. ``margin`` is what may be lost for the next stage to begin, where it is not what the rollout says.
    """

    name: str = Field(min_length=1)
    share: float | None = Field(default=None, gt=0, lt=1)
    days: float | None = Field(default=None, gt=0)
    ratings_a_day: int | None = Field(default=None, gt=0)
    margin: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @property
    def shadow(self) -> bool:
        return self.share is None


STAGES = (Stage(name="shadow"), Stage(name="5%", share=0.05), Stage(name="25%", share=0.25))


class Guard(Declaration):
    """A column that must not get worse by ``margin`` or more, in its own units."""

    column: str
    margin: float = Field(gt=0, allow_inf_nan=False)
    better: Literal["higher", "lower"] = "lower"


class Rollout(Declaration):
    """The declaration. Ratings, ``baseline``, ``margin`` and ``lift`` are in the units of ``range``."""

    metric: str = "rating"
    range: tuple[float, float] = (0.0, 1.0)
    baseline: float
    sd: float | None = Field(default=None, gt=0)
    margin: float | None = Field(default=None, gt=0)
    lift: float | None = Field(default=None, gt=0)
    alpha: float = Field(default=0.05, gt=0, le=0.5)
    power: float = Field(default=0.8, ge=0.5, lt=1)
    users_a_day: int | None = Field(default=None, gt=0)
    ratings_per_user: float = Field(default=1.0, ge=1)
    icc: float = Field(default=0.3, ge=0, le=1)
    agreement: float = Field(default=0.5, ge=-1, lt=1)
    assigned_by: Literal["user", "request"] = "user"
    control: str = "control"
    candidate: str = "candidate"
    strata: tuple[str, ...] = ()
    least_users: int = Field(default=30, ge=10)
    stages: tuple[Stage, ...] = STAGES
    guards: tuple[Guard, ...] = ()

    @model_validator(mode="after")
    def _sensible(self) -> Rollout:
        low, high = self.range
        if not low < high:
            raise ValueError(f"range: given {list(self.range)}: write the least and the most that a rating can be")
        if not low <= self.baseline <= high:
            raise ValueError(f"baseline: given {self.baseline:g}: it lies in the range from {low:g} to {high:g}")
        if (self.margin is None) == (self.lift is None):
            raise ValueError(
                "give margin (how much worse it may be) or lift (how much better it must be), one of the two"
            )
        if not 0 < abs(self.needed) < high - low:
            raise ValueError(f"margin or lift: given {abs(self.needed):g}: it is less than the range, {high - low:g}")
        if self.sd is None and not low < self.baseline < high:
            raise ValueError(f"sd: missing: at a baseline of {self.baseline:g} it cannot be derived")
        if self.control == self.candidate:
            raise ValueError(f"candidate: given {self.candidate!r}, which is the control: two arms have two names")
        _refuse_names(self)
        return self

    @property
    def needed(self) -> float:
        """What the difference, candidate minus control, must exceed in the end."""
        return -self.margin if self.margin is not None else self.lift or 0.0

    def needed_at(self, stage: Stage) -> float:
        """What it must exceed for the next stage to begin."""
        return self.needed if stage.margin is None else -stage.margin

    @property
    def spread(self) -> float:
        """Standard deviation of one rating: as declared, or the most that there is at this mean, which is that of yes and no."""
        low, high = self.range
        return self.sd or ((self.baseline - low) * (high - self.baseline)) ** 0.5

    def stage(self, name: str) -> Stage | None:
        return next((stage for stage in self.stages if stage.name == name), None)


def _refuse_names(rollout: Rollout) -> None:
    names = [stage.name for stage in rollout.stages]
    columns = [*rollout.strata, *(guard.column for guard in rollout.guards)]
    if not names:
        raise ValueError("stages: none: leave them out for shadow, 5% and 25%, or name at least one")
    for kind, all_ in (("stages", names), ("strata and guards", columns)):
        twice = next((name for name in all_ if all_.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{kind}: {twice!r} stands twice: give one another name")
    taken = next((name for name in columns if name in RESERVED), None)
    if taken is not None:
        raise ValueError(f"strata and guards: given {taken!r}: that column means something else; name another")
    shares = [stage.share for stage in rollout.stages if stage.share is not None]
    if sorted(shares) != shares:
        raise ValueError(f"stages: shares {shares}: they grow from stage to stage")


def load_rollout(path: Path) -> Rollout:
    """The declaration in a file.

    Raises:
        BadInput: naming every wrong key.
    """
    return load_toml(Rollout, path)
