"""Shares of likelihood, reckoned by hand; likelihoods themselves are held against transformers in tests/models."""

from __future__ import annotations

import pytest

from harness.metrics.likelihood import right_mass
from harness.suite import Case


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("[-1.0, -1.0, -1.0, -1.0]", 0.5),
        ("[0.0, -2000.0, -1.0, -1e9]", 1 / (1 + 1 / 2.718281828459045)),
        ("[-2000.0, -2000.0, -2001.0, -3000.0]", 2 / (2 + 1 / 2.718281828459045)),
        ("[-1.0, -1.0]", 0.0),
        ("[1, 2, 3, NaN]", 0.0),
        ("a", 0.0),
        ("{}", 0.0),
    ],
)
def test_the_likelihood_that_right_options_have(text: str, share: float) -> None:
    case = Case("c", "Who?", "b", choices=("a", "b", "c", "d"))
    assert right_mass(case, text) == pytest.approx(share)
