from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.metrics import load_metric
from harness.suite import Case, Suite

SUITE = Suite(name="t", folder=Path("suites/t"), metric="exact_match")


def score(name: str, reference: str, text: str) -> float:
    return load_metric(name, SUITE)(Case(id="c1", input="?", reference=reference), text)


@pytest.mark.parametrize(
    ("name", "reference", "text", "expected"),
    [
        ("exact_match", "Paris", " Paris\n", 1),
        ("exact_match", "Paris", "paris", 0),
        ("exact_match", "", " ", 1),
        ("contains", "Paris", "It is  PARIS, of course.", 1),
        ("contains", "Paris", "A Parisian", 0),
        ("contains", "blue  sky", "a Blue\nsky.", 1),
        ("contains", "R2", "R21", 0),
        ("contains", "(a) [b]", "see (a) [b]!", 1),
        ("contains", "", "x", 0),
        ("contains", "", " ", 1),
        ("accuracy", "Straße", " STRASSE\n", 1),
        ("accuracy", "billing", "billing.", 0),
        ("regex", r"\b30 days\b", "It takes 30 days.", 1),
        ("regex", r"^30 days$", "It takes 30 days.", 0),
        ("regex", r"(?i)PAID", "paid", 1),
        ("numeric", "1200", "1,200.0", 1),
        ("numeric", "0.3", "0.30000000000000004", 1),
        ("numeric", "1200", "1,20", 0),
        ("numeric", "1200", "1200 EUR", 0),
        ("numeric", "1200", "It is 1200", 0),
        ("numeric", "1e3", "1000", 1),
        ("numeric", "0", "-0.0", 1),
        ("numeric", "0", "1e-12", 0),
        ("numeric:0.5", "10", "10.5", 1),
        ("numeric:0.5", "10", "10.6", 0),
        ("numeric:1%", "-200", "-202", 1),
        ("numeric:1%", "-200", "-202.1", 0),
        ("numeric", "10", "nan", 0),
        ("numeric", "10", "inf", 0),
    ],
)
def test_scores(name: str, reference: str, text: str, expected: float) -> None:
    assert score(name, reference, text) == expected


@pytest.mark.parametrize(("name", "reference"), [("regex", "(unclosed"), ("numeric", "ten"), ("numeric", "")])
def test_references_that_can_never_be_met(name: str, reference: str) -> None:
    with pytest.raises(BadInput, match=rf"suites/t/suite.toml: metric '{name}' on case 'c1': reference: given"):
        score(name, reference, "x")
