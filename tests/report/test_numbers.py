"""No digit that the interval does not support."""

from __future__ import annotations

import pytest

from harness.report.beside import amounts
from harness.report.gathered import Span
from harness.report.numbers import beside, count, duration, gain, money, points, score
from harness.stats.crossed import Interval
from harness.verdict import Summary

INF = float("inf")


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (Span(0.0834, 0.0512, 0.1147), "+8.3 (5.1 to 11.5)"),
        (Span(-0.0012, -0.031, 0.028), "−0.1 (−3.1 to 2.8)"),
        (Span(0.1234, -0.1, 0.35), "+12 (−10 to 35)"),
        (Span(0.0, -0.0001, 0.0001), "0.0 (0.0 to 0.0)"),
        (Span(0.02, -INF, INF), "+2 (no interval)"),
    ],
)
def test_gains(span: Span, shown: str) -> None:
    assert gain(span) == shown


def test_scores_have_no_sign() -> None:
    assert score(Span(0.8354, 0.801, 0.866)) == "83.5 (80.1 to 86.6)"
    assert points(-INF) == "−∞"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (0.0123, "0.012 s"), (5.0, "5 s"), (59.7, "1 min 00 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(None, "–"), (0, "$0"), (0.00042, "$0.00042"), (0.5, "$0.50"), (1234.5, "$1,234"), (-12.3, "−$12.30")],
)
def test_money(usd: float | None, shown: str) -> None:
    assert money(usd) == shown


def test_counts() -> None:
    assert [count(value) for value in (None, 3.25, 4.0, 1240.4)] == ["–", "3.2", "4", "1,240"]


def test_an_amount_of_nothing_has_no_sign() -> None:
    """Amounts are kept negative, so that more is better, and shown as people say them."""
    none = Interval(estimate=0.0, lower=-0.5, upper=0.0, alpha=0.05, df=3, n=4, seeds=0, clusters=4)
    found = {("s", "latency"): [Summary("s", "latency", "keys", "prompt", "program", none, 0)]}
    (shown,) = amounts(found, "s")
    assert beside(shown, "keys") == "0 (0 to 0.5)"
    assert beside(shown, "other") == "–"
