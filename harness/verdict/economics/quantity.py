"""A number of an economic plan: known, or a range with its likeliest value, and where it comes from.

    requests_per_month = 50_000
    gpu_hour_usd = [2.7, 3.9, 6.9]
    engineering_hours = { low = 20, mode = 40, high = 120, source = "two colleagues' guesses", date = "2026-11-02" }
    label_usd = { value = 1.2, source = "contract 17" }

A range is drawn from the triangular distribution: density 0 at both ends, highest at the mode (Johnson, The triangular
distribution as a proxy for the beta distribution in risk analysis, The Statistician 46(3), 1997). Of the distributions
that three numbers give, it claims the least: PERT's beta pulls the mass to the mode by a fixed 4:1 that nobody asked
the user for, and so makes the intervals narrower.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import isfinite
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from harness.declaration import Declaration

Floats = NDArray[np.float64]


def _text(given: Any) -> Any:
    return given.isoformat() if isinstance(given, date) else given


Day = Annotated[str | None, BeforeValidator(_text)]
"""A day as text, which a TOML file may also say without quotes."""


class Quantity(Declaration):
    """``low`` ≤ ``mode`` ≤ ``high``, all equal for a known number; ``unit``, ``source`` and ``date`` are shown, not used."""

    low: float
    mode: float
    high: float
    unit: str | None = None
    source: str | None = None
    date: Day = None

    @model_validator(mode="before")
    @classmethod
    def _shorter_forms(cls, given: Any) -> Any:
        if isinstance(given, bool | str):
            raise ValueError(f"given {given!r}: a number, [low, mode, high] or a table with these keys is asked")
        if isinstance(given, int | float):
            return {"low": given, "mode": given, "high": given}
        if isinstance(given, list | tuple):
            if len(given) != 3:
                raise ValueError(f"given {given!r}: a range has three numbers, [low, mode, high]")
            return dict(zip(("low", "mode", "high"), given, strict=True))
        return _table(given) if isinstance(given, Mapping) else given

    @model_validator(mode="after")
    def _in_order(self) -> Quantity:
        if not all(isfinite(value) for value in (self.low, self.mode, self.high)):
            raise ValueError(f"given {self._said}: every number must be finite")
        if not self.low <= self.mode <= self.high:
            raise ValueError(f"given {self._said}: low ≤ mode ≤ high is asked")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The three ways of writing one, so that a schema of the policy accepts what this class does."""
        full = handler.resolve_ref_schema(handler(core))
        notes = {name: full["properties"][name] for name in ("unit", "source", "date")}
        known = {"type": "object", "properties": {"value": {"type": "number"}, **notes}, "required": ["value"]}
        triple = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
        return {"anyOf": [{"type": "number"}, triple, full, {**known, "additionalProperties": False}]}

    @property
    def known(self) -> bool:
        """Whether it is one number."""
        return self.low == self.high

    @property
    def _said(self) -> str:
        return f"[{self.low:g}, {self.mode:g}, {self.high:g}]"

    def at(self, shares: Floats) -> Floats:
        """Quantiles of the triangular distribution at ascending ``shares`` in (0, 1); same shape."""
        low, mode, high = self.low, self.mode, self.high
        split = int(np.searchsorted(shares, (mode - low) / (high - low)))
        left = low + np.sqrt(shares[:split] * ((high - low) * (mode - low)))
        right = high - np.sqrt((1 - shares[split:]) * ((high - low) * (high - mode)))
        return np.concatenate([left, right])


def quantity(number: float, **notes: str | None) -> Quantity:
    """A known number with its notes."""
    return Quantity(low=number, mode=number, high=number, **notes)


def _table(given: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` is short for three times the same."""
    made = dict(given)
    if "value" in made and not {"low", "mode", "high"} & set(made):
        value = made.pop("value")
        if isinstance(value, bool | str):
            raise ValueError(f"given value = {value!r}: a number is asked")
        made |= {"low": value, "mode": value, "high": value}
    return made
