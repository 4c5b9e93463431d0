"""Charts: everything inside the plot, and said in words too."""

from __future__ import annotations

import re

import pytest

from harness.report import charts
from harness.report.gathered import Difference, Learning, Span
from tests.report.report_worlds import HOSTILE, small

INF = float("inf")


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0, 0.114], (0.0, 0.05, 0.1, 0.15)),
        ([-0.081, 0.03], (-0.1, -0.05, 0.0, 0.05)),
        ([0.3, 0.9], (0.2, 0.4, 0.6, 0.8, 1.0)),
        ([0.5, 0.5], (0.5, 0.51)),
        ([INF], (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    ],
)
def test_ticks_are_round_and_few(values: list[float], ticks: tuple[float, ...]) -> None:
    assert charts.scale(values).ticks == ticks


def test_nothing_leaves_the_plot() -> None:
    shared = charts.scale([0.0, 0.1])
    assert shared.at(-INF) == "0.00%"
    assert shared.at(INF) == "100.00%"
    assert shared.at(7.0) == "100.00%"


def test_a_row_says_what_it_draws() -> None:
    rows, _ = charts.ladder(small().models[0].suites[0].ladder)
    assert 'aria-label="sft: 83.5 (80.1 to 86.6); single trainings 83.0, 84.1, 83.5"' in rows[1].svg
    assert rows[1].strong
    assert rows[1].group == "tuned"


def test_an_unknown_interval_is_drawn_as_unknown() -> None:
    rows, _ = charts.forest([Difference("sft", "keys", Span(0.02, -INF, INF), 60, 1)], floor=0.03)
    assert 'class="bar unknown"' in rows[0].svg
    assert rows[0].interval == "no interval"
    assert rows[0].state == "not shown"


def test_names_are_escaped() -> None:
    for text in HOSTILE:
        rows, _ = charts.forest([Difference(text, text, Span(0.02, 0.01, 0.03), 60, 1)], floor=0.0)
        assert not re.search(r"<script|<img|\x1b|\u202e", rows[0].svg)


def test_a_learning_curve_has_a_point_a_share() -> None:
    panel = charts.learning(Learning("sft", ((0.25, 0.6), (0.5, 0.7), (1.0, 0.75)), None))
    assert "25 % 60.0, 50 % 70.0, 100 % 75.0" in panel.svg
    assert panel.left == ("60", "75")


def test_a_curve_that_is_carried_on_goes_to_twice_the_data() -> None:
    points = ((0.125, 0.5), (0.25, 0.6), (0.5, 0.7), (1.0, 0.75))
    fitted = (*points, (2.0, 0.79))
    panel = charts.learning(Learning("sft", points, None, Span(0.04, 0.01, 0.07), fitted, "More data would help."))
    assert "100 % 75.0; twice the data, by the curve, 76.0 to 82.0" in panel.svg
    assert ">200 %</text>" in panel.svg
    assert 'class="reach"' in panel.svg
    assert panel.left == ("50", "90")
