"""List prices: a dated snapshot in the package, and whatever a user's own file says instead.

    >>> load_prices().model("gpt-5.4-mini").output_cost_per_token.mode
    4.5e-06

Nothing is fetched: a verdict of today and of next year, on the same files, counts the same dollars.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from harness.declaration import Declaration, load_toml
from harness.errors import suggest
from harness.verdict.economics.quantity import Day, Quantity

SNAPSHOT = Path(__file__).with_name("prices.toml")
SCHEMES = ("openai:", "anthropic:")
"""Prefixes of a served model in an experiment that are no part of its name in a price list."""
DEAREST = 0.01
"""USD per token: forty times the dearest model of the snapshot's years, so more is a price per 1,000 or per million."""


def _price(given: Quantity) -> Quantity:
    if given.low < 0:
        raise ValueError(f"given {given.low:g}: 0 or more USD per token is asked")
    if given.high >= DEAREST:
        raise ValueError(
            f"given {given.high:g} USD per token, under {DEAREST:g} is allowed: "
            f"for {given.high:g} USD a million tokens write {given.high / 1e6:g}"
        )
    return given


def _not_negative(given: Quantity) -> Quantity:
    if given.low < 0:
        raise ValueError(f"given {given.low:g}: 0 or more is asked")
    return given


TokenPrice = Annotated[Quantity, AfterValidator(_price)]
NotNegative = Annotated[Quantity, AfterValidator(_not_negative)]


class _Sourced(Declaration):
    """A row of the list; its source and date belong to every number in it that names none of its own."""

    source: str | None = None
    date: Day = None

    def _noted(self, number: Quantity, unit: str) -> Quantity:
        notes = {"unit": unit, "source": number.source or self.source, "date": number.date or self.date}
        return number.model_copy(update=notes)


class ModelPrice(_Sourced):
    """USD per token of a hosted model, under litellm's names; ``until`` is the day on which it is retired."""

    input_cost_per_token: TokenPrice
    output_cost_per_token: TokenPrice
    until: str | None = None

    @property
    def input(self) -> Quantity:
        """Price of a prompt token with its notes."""
        return self._until(self._noted(self.input_cost_per_token, "USD/token"))

    @property
    def output(self) -> Quantity:
        """Price of an output token with its notes."""
        return self._until(self._noted(self.output_cost_per_token, "USD/token"))

    def _until(self, number: Quantity) -> Quantity:
        if self.until is None:
            return number
        said = ", ".join(filter(None, (number.source, f"retired on {self.until}")))
        return number.model_copy(update={"source": said})


class GpuPrice(_Sourced):
    """USD for one GPU-hour."""

    usd_per_hour: NotNegative

    @property
    def hour(self) -> Quantity:
        """The price with its notes."""
        return self._noted(self.usd_per_hour, "USD/hour")


class Prices(Declaration):
    """A price list. ``name`` and ``date`` say which one."""

    name: str = "own prices"
    date: Day = None
    models: dict[str, ModelPrice] = Field(default_factory=dict)
    gpus: dict[str, GpuPrice] = Field(default_factory=dict)

    def model(self, name: str) -> ModelPrice | None:
        """That model's row; an experiment's ``openai:NAME`` and ``anthropic:NAME`` are found as NAME."""
        bare = next((name.removeprefix(scheme) for scheme in SCHEMES if name.startswith(scheme)), name)
        found = self.models.get(name) or self.models.get(bare)
        return found and found.model_copy(update={"date": found.date or self.date})

    def gpu(self, name: str) -> GpuPrice | None:
        """That GPU's row, whatever the case of its letters."""
        found = next((row for key, row in self.gpus.items() if key.lower() == name.lower()), None)
        return found and found.model_copy(update={"date": found.date or self.date})


def load_prices(own: Path | None = None) -> Prices:
    """The snapshot, with the rows of a user's own file before it.

    Raises:
        BadInput: for a file that is missing, no TOML, or says something impossible.
    """
    snapshot = _load(SNAPSHOT)
    if own is None:
        return snapshot
    mine = load_toml(Prices, own)
    dated = {name: row.model_copy(update={"date": row.date or snapshot.date}) for name, row in snapshot.models.items()}
    gpus = {name: row.model_copy(update={"date": row.date or snapshot.date}) for name, row in snapshot.gpus.items()}
    return mine.model_copy(update={"models": {**dated, **mine.models}, "gpus": {**gpus, **mine.gpus}})


def unlisted(what: str, name: str, rows: Iterable[str], instead: str) -> str:
    """The sentence on a name that the list lacks: the nearest one, or what to write instead."""
    hint = suggest(name, rows)
    return (
        f"unknown {what} {name!r}: {hint if hint.startswith('did you mean') else f'not in the price list: {instead}'}"
    )


@cache
def _load(path: Path) -> Prices:
    return load_toml(Prices, path)
