"""Which settings of a recipe are tried on dev before it is trained for good, and which of them go on.

    [candidates.sft.search]
    learning_rate = [1e-4, 2e-4, 5e-4]
    lora_rank = [16, 64]
    epochs = { low = 1, high = 5 }
    trials = 9
    rungs = [0.25, 1.0]

``search = true`` asks for a few settings around the recipe's own. Halving is synchronous (Karnin, Koren and Somekh 2013; Jamieson
and Talwalkar, arXiv 1502.07943): all that stand on a rung are compared at once, so what a search takes is known before it is
paid for.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from math import ceil, inf
from typing import Annotated, Any, Protocol

from pydantic import Field, field_validator, model_validator

from harness.declaration import Declaration
from harness.recipe import ELSEWHERE, Recipe

Number = int | float
Settings = Mapping[str, Number]
"""What a recipe is tried with: ``{"learning_rate": 2e-4, "lora_rank": 16}``."""

WHOLE = ("lora_rank", "batch_size")
"""Settings that are whole numbers."""
SPACE = ("learning_rate", "lora_rank", "epochs", "batch_size", "beta")
RATES = (0.5, 1.0, 2.5)
"""Of the recipe's learning rate, what ``search = true`` tries: 1e-4, 2e-4 and 5e-4 of the usual one."""
RANKS = (1.0, 4.0)
EPOCHS = (1 / 3, 1.0)
TRIALS = 9
RANKLESS = ("ia3", "full")
"""Kinds of adapters that have no rank."""


class Range(Declaration):
    """Numbers from ``low`` to ``high``; with ``log`` each factor of ten is as likely as any other."""

    low: float = Field(gt=0)
    high: float = Field(gt=0)
    log: bool = False

    @model_validator(mode="after")
    def _wide(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"low is {self.low:g} and high is {self.high:g}: low must be below high")
        return self


Values = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
Share = Annotated[float, Field(gt=0, le=1)]


class Search(Declaration):
    """A search over settings of a candidate's recipe, each a list of values or a range; what is left out stays as it is.

    ``trials`` settings (all of the lists when left out) are trained on the first share of the data in ``rungs``; the best of
    every ``factor`` go on to the next, and the best on the last is the candidate's. ``seeds`` trainings are made of each. In
    several ``waves`` the later ones are proposed by what the earlier ones scored.
    """

    learning_rate: Values | Range | None = None
    lora_rank: Values | Range | None = None
    epochs: Values | Range | None = None
    batch_size: Values | Range | None = None
    beta: Values | Range | None = None
    trials: int | None = Field(default=None, gt=1, le=1000)
    rungs: tuple[Share, ...] = Field(default=(0.25, 1.0), min_length=1)
    factor: int = Field(default=3, gt=1, le=10)
    seeds: int = Field(default=1, gt=0, le=10)
    waves: int = Field(default=1, gt=0, le=20)

    @field_validator("rungs")
    @classmethod
    def _rising(cls, rungs: tuple[float, ...]) -> tuple[float, ...]:
        if list(rungs) != sorted(set(rungs)):
            raise ValueError(f"given {list(rungs)}: shares of the data must rise, as in [0.25, 1.0]")
        return rungs

    @model_validator(mode="after")
    def _possible(self) -> Search:
        for name in WHOLE:
            wrong = [value for value in _values(getattr(self, name)) if value != int(value)]
            if wrong:
                raise ValueError(f"{name}: given {wrong[0]:g}: it is a whole number")
        for name, values in self.space.items():
            if not isinstance(values, Range) and len(set(values)) < len(values):
                raise ValueError(f"{name}: given {list(values)}: each value once is enough")
        if not self.space:
            return self
        if self.trials is None and not self.listed:
            raise ValueError("trials: missing: a range has no end of values, so say how many settings are tried")
        if self.waves > (self.trials or 1):
            raise ValueError(
                f"waves: given {self.waves} for {self.trials or 'all'} trials: every wave tries one at least, so say how many"
            )
        if self.count < 2:
            raise ValueError("one setting alone is nothing to choose from: list two values, or leave the search out")
        return self

    @property
    def space(self) -> dict[str, tuple[float, ...] | Range]:
        """What is searched, by name."""
        return {name: getattr(self, name) for name in SPACE if getattr(self, name) is not None}

    @property
    def listed(self) -> bool:
        """Whether every setting is a list, so that all of them can be had."""
        return not any(isinstance(values, Range) for values in self.space.values())

    @property
    def count(self) -> int:
        """How many settings are tried."""
        size = len(self.grid) if self.listed else self.trials or 0
        return min(size, self.trials or size)

    @property
    def grid(self) -> list[Settings]:
        """All settings of the lists."""
        lists = {name: values for name, values in self.space.items() if not isinstance(values, Range)}
        return [
            {name: whole(name, value) for name, value in zip(lists, values, strict=True)}
            for values in product(*lists.values())
        ]

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many settings each wave tries."""
        each, more = divmod(self.count, self.waves)
        return tuple(each + (wave < more) for wave in range(self.waves))

    @property
    def stages(self) -> list[tuple[float, int]]:
        """Each share of the data in ``rungs``, and how many settings are trained on it."""
        found, alive = [], list(self.sizes)
        for share in self.rungs:
            found.append((share, sum(alive)))
            alive = [ceil(size / self.factor) for size in alive]
        return found

    @property
    def needs_proposals(self) -> bool:
        """Whether settings are proposed by a library: of ranges, and of what earlier waves have shown."""
        return not self.listed or (self.waves > 1 and self.count < len(self.grid))

    def shuffled(self, seed: int) -> list[Settings]:
        """Of the lists, as many settings as are tried: a larger number of trials has those of a smaller one among them."""
        return random.Random(seed).sample(self.grid, len(self.grid))[: self.count]

    def around(self, recipe: Recipe) -> Search:
        """The search with settings around the recipe's own, where none is named."""
        if self.space:
            return self
        near = {"learning_rate": _times(recipe.rate, RATES), "epochs": _times(recipe.epochs, EPOCHS)}
        if recipe.adapter.kind not in RANKLESS:
            near["lora_rank"] = _times(recipe.adapter.rank, RANKS)
        return Search.model_validate(self.model_dump(exclude=set(SPACE)) | {"trials": self.trials or TRIALS} | near)


@dataclass(frozen=True, slots=True)
class Try:
    """One setting of a search; numbers count from 1."""

    number: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class Course:
    """How far a search is: ``asked`` are its tries by the share of the data that each is trained on, ``scores`` what is known of
    them (minus infinity where a training diverged), and ``winner`` the best on the last rung, once
    it is ``over``: none where all have diverged.
    """

    tries: tuple[Try, ...]
    asked: tuple[tuple[Try, float], ...]
    scores: Mapping[tuple[int, float], float] = field(default_factory=dict)
    over: bool = False
    winner: Try | None = None

    def best(self, share: float) -> float | None:
        """The winner's score on a share of the data."""
        return None if self.winner is None else self.scores.get((self.winner.number, share))


class Propose(Protocol):
    def __call__(self, wave: int, course: Course, /) -> list[Settings]:
        """The settings of a wave, from what came of those before it."""
        ...


class Known(Protocol):
    def __call__(self, one: Try, share: float, /) -> float | None:
        """The score of a try on a rung, more is better; None while it is not known."""
        ...


class Loss(Protocol):
    def __call__(self, one: Try, share: float, /) -> float:
        """What a try's trainings came to on a rung, less is better."""
        ...


def _unknown(one: Try, share: float, /) -> float:
    return 0.0


def course(search: Search, propose: Propose, score: Known, loss: Loss = _unknown) -> Course:
    """A search as far as its scores lead: the same scores lead to the same end. Of equal scores the lower loss goes on, then the
    lower number: where little data teaches nobody to answer, all scores are 0, and the losses are not.
    """
    tries: list[Try] = []
    asked: list[tuple[Try, float]] = []
    known: dict[tuple[int, float], float] = {}
    for wave in range(search.waves):
        fresh = propose(wave, Course(tuple(tries), tuple(asked), known))
        alive = [Try(len(tries) + place, settings) for place, settings in enumerate(fresh, 1)]
        tries += alive
        for share in search.rungs:
            asked += [(one, share) for one in alive]
            found = {one.number: score(one, share) for one in alive}
            known |= {(number, share): value for number, value in found.items() if value is not None}
            if None in found.values():
                return Course(tuple(tries), tuple(asked), known)
            if share != search.rungs[-1]:
                alive = _onwards(_ranked(alive, share, known, loss), search.factor)
    last = search.rungs[-1]
    done = [one for one in tries if (one.number, last) in known]
    winner = next(iter(_ranked(done, last, known, loss)), None)
    return Course(tuple(tries), tuple(asked), known, over=True, winner=winner)


def _ranked(some: list[Try], share: float, known: Mapping[tuple[int, float], float], loss: Loss) -> list[Try | None]:
    """The best first; None for those that diverged, so that they take places and go nowhere."""
    ranked = sorted(some, key=lambda one: (-known[one.number, share], loss(one, share), one.number))
    return [one if known[one.number, share] > -inf else None for one in ranked]


def _onwards(ranked: list[Try | None], factor: int) -> list[Try]:
    """The best of every ``factor``, in the order of their numbers."""
    best = ranked[: ceil(len(ranked) / factor)]
    return sorted((one for one in best if one is not None), key=lambda one: one.number)


def refuse_impossible(search: Search, recipe: Recipe) -> None:
    """Raises:
    ValueError: for a search over what the recipe does not have.
    """
    if recipe.method in ELSEWHERE:
        raise ValueError(f"search: method {recipe.method!r} does not train here, so nothing can be tried: leave it out")
    if recipe.adapter.kind in RANKLESS and "lora_rank" in search.space:
        raise ValueError(f"search.lora_rank: adapter.kind {recipe.adapter.kind!r} has no rank: leave it out")
    if "beta" in search.space and recipe.method == "sft":
        raise ValueError("search.beta: method 'sft' has no beta: leave it out")


def apply(settings: Settings, declared: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's declaration with the settings in it."""
    given = dict(settings)
    rank = given.pop("lora_rank", None)
    adapter = dict(declared["adapter"]) | ({"rank": rank} if rank is not None else {})
    return {**declared, **given, "adapter": adapter}


def whole(name: str, value: float) -> Number:
    """A setting's value as the number that it is."""
    return int(value) if name in WHOLE else value


def said(settings: Settings) -> str:
    """``learning_rate 0.0002, lora_rank 16``."""
    return ", ".join(f"{name} {value:g}" for name, value in settings.items())


def _times(value: float, factors: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(float(f"{value * factor:.4g}") for factor in factors)


def _values(given: tuple[float, ...] | Range | None) -> tuple[float, ...]:
    return (given.low, given.high) if isinstance(given, Range) else given or ()
