"""Numbers and ranges: every way of writing one, what is refused, and the distribution that a range stands for."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from scipy.stats import triang

from harness.declaration import Declaration, declare
from harness.errors import BadInput
from harness.verdict.economics import Quantity
from harness.verdict.economics.lattice import shares


class Plan(Declaration):
    hours: Quantity


@pytest.mark.parametrize(
    ("given", "low", "mode", "high"),
    [
        (3, 3.0, 3.0, 3.0),
        (0.5, 0.5, 0.5, 0.5),
        ([1, 2, 4], 1.0, 2.0, 4.0),
        ({"low": 1, "mode": 2, "high": 4}, 1.0, 2.0, 4.0),
        ({"value": 7, "source": "contract 17"}, 7.0, 7.0, 7.0),
    ],
)
def test_every_way_of_writing_one(given: Any, low: float, mode: float, high: float) -> None:
    made = Quantity.model_validate(given)
    assert (made.low, made.mode, made.high) == (low, mode, high)
    assert made.known == (low == high)
    assert Quantity.model_validate(made.model_dump()) == made
    Draft202012Validator(Quantity.model_json_schema()).validate(given)


def test_notes_are_kept_and_a_toml_date_is_text() -> None:
    given = tomllib.loads('x = { low = 1, mode = 2, high = 3, unit = "h", source = "a guess", date = 2026-11-02 }')["x"]
    made = Quantity.model_validate(given)
    assert (made.unit, made.source, made.date) == ("h", "a guess", "2026-11-02")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([3, 2, 1], "given [3, 2, 1]: low ≤ mode ≤ high is asked"),
        ([1, 2], "given [1, 2]: a range has three numbers, [low, mode, high]"),
        ("5", "given '5': a number, [low, mode, high] or a table with these keys is asked"),
        (True, "given True: a number"),
        (float("nan"), "every number must be finite"),
        ([0, 1, float("inf")], "every number must be finite"),
        ({"low": 1, "high": 2}, "mode: missing"),
        ({"low": 1, "mode": 1, "hihg": 2, "high": 2}, "hihg: unknown key: did you mean 'high'?"),
        ({"value": "3"}, "given value = '3': a number is asked"),
    ],
)
def test_what_is_no_number(given: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        declare(Plan, {"hours": given}, where="policy")
    assert "policy: hours" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize("ends", [(0.0, 0.0, 1.0), (2.0, 3.0, 10.0), (-1.0, 4.0, 4.0)])
def test_a_range_is_the_triangular_distribution(ends: tuple[float, float, float]) -> None:
    low, mode, high = ends
    exact = triang((mode - low) / (high - low), loc=low, scale=high - low)
    drawn = Quantity(low=low, mode=mode, high=high).at(shares())
    np.testing.assert_allclose(drawn, exact.ppf(shares()), rtol=1e-12, atol=1e-12)
    assert drawn.mean() == pytest.approx(exact.mean(), abs=1e-6)
    assert drawn.std() == pytest.approx(exact.std(), rel=1e-4)
