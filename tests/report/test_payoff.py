"""The money on the page: everything inside the plot, said in words, and every input with its source."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from harness.report import Gathered, charts, payoff, to_html, to_markdown
from tests.report.report_worlds import HOSTILE, small
from tests.report.test_html import Page
from tests.verdict.economics.plans import count

RANGES: dict[str, Any] = {
    "requests_per_month": {"low": 10_000, "mode": 20_000, "high": 60_000, "source": "the sales plan"},
    "model": "gpt-5.4-mini",
    "tuned_gpu": "L40S",
    "engineering_hours": [10, 20, 80],
    "engineering_usd_per_hour": 90,
    "value_per_right_answer": [0.0, 0.01, 0.04],
}
KNOWN = {"requests_per_month": 20_000, "training_usd": 1000}
PLANS = {
    "ranges": count(RANGES),
    "known": count(KNOWN, base={"cost": 0.01}, tuned={"cost": 0.002}),
    "never": count(KNOWN, base={"cost": 0.001}, tuned={"cost": 0.002}),
    "free": count({"requests_per_month": 5}, base={"cost": 0.0}, tuned={"cost": 0.0}),
}


def page_with(economics: dict[str, Any]) -> Gathered:
    base = small().models[0]
    triage = replace(base.suites[0], economics=economics)
    return small(models=(replace(base, suites=(triage, *base.suites[1:])),))


@pytest.mark.parametrize("plan", PLANS)
def test_the_page_with_money_is_well_formed(plan: str) -> None:
    text = to_html(page_with(PLANS[plan]))
    page = Page(text)
    assert not page.open
    for drawing in re.findall(r"<svg class=[^>]*>", text):
        assert "aria-label=" in drawing or "aria-hidden=" in drawing


@pytest.mark.parametrize("plan", PLANS)
def test_nothing_leaves_the_plot(plan: str) -> None:
    chart = payoff.crossing(PLANS[plan], layer="prompt")
    points = re.findall(r'points="([^"]+)"', chart.svg)
    assert len(points) == 4
    for pair in " ".join(points).split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= 100
        assert 0 <= y <= 100
    for place in re.findall(r'x[12]?="(-?[\d.]+)%"', chart.svg):
        assert 0 <= float(place) <= 100


def test_the_crossing_is_said_and_marked() -> None:
    known, never = (payoff.crossing(PLANS[plan], layer="context") for plan in ("known", "never"))
    assert "sft crosses at 10,417 requests a month that of bm25; 20,000 are expected" in known.svg
    assert ">pays from here<" in known.svg
    assert known.legend == (("bm25", "context"), ("sft", "tuned"))
    assert "sft never crosses that of bm25" in never.svg
    assert ">pays from here<" not in never.svg
    assert ">expected<" in never.svg


def test_a_bar_runs_from_the_low_to_the_high_end_through_the_likeliest() -> None:
    found = PLANS["ranges"]
    rows, axis = payoff.tornado(found)
    assert [row.name for row in rows][:2] == ["engineering", "requests"]
    assert rows[0].note == "10 to 80 hours"
    first = found["tornado"][0]
    assert first["npv_low_usd"] > first["npv_high_usd"]
    halves = re.findall(r'<rect class="swing (\w+)" x="([\d.]+)%" y="25%" width="([\d.]+)%"', rows[0].svg)
    (low, at_low, wide_low), (high, at_high, wide_high) = halves
    assert (low, high) == ("low", "high")
    assert float(at_high) + float(wide_high) == pytest.approx(float(at_low), abs=0.02)
    assert float(at_low) + float(wide_low) <= 100
    assert "$0" in axis


def test_inputs_are_shown_with_their_sources() -> None:
    text = to_html(page_with(PLANS["ranges"]))
    for expected in (
        "10,000 to 60,000 a month, likely 20,000", "the sales plan", "litellm 1.109.1", "2026-11-22", "arXiv 2606.11690",
        "When tuning pays", "What it hangs on", "What would turn it", "Inputs and where they come from",
    ):  # fmt: skip
        assert expected in text
    assert "What it hangs on" not in to_html(page_with(PLANS["known"]))


def test_what_a_user_wrote_is_text() -> None:
    hostile = "".join(HOSTILE)
    given = {**RANGES, "requests_per_month": {"value": 100, "source": hostile, "unit": hostile, "date": hostile}}
    found = count(given)
    found["baseline"] = found["request"]["tuned"]["contender"] = hostile
    text = to_html(page_with(found))
    page = Page(text)
    assert len(page.scripts) == 2
    assert not {key for _, key, _ in page.attributes if key.startswith("on")}
    assert not re.search("[\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)


def test_markdown_has_the_memo() -> None:
    text = to_markdown(page_with(PLANS["known"]))
    assert r"Money: a request costs \$0.002 tuned and \$0.01 with bm25; \$1,000 once. Over 12 months" in text


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.0, 1450.0], (0.0, 500.0, 1000.0, 1500.0)),
        ([-16_644.0, 0.0], (-20_000.0, -15_000.0, -10_000.0, -5_000.0, 0.0)),
        ([0.0, 0.0], (0.0, 1.0)),
        ([-3.0, 4.0], (-4.0, -2.0, 0.0, 2.0, 4.0)),
    ],
)
def test_ticks_are_round(values: list[float], ticks: tuple[float, ...]) -> None:
    made = payoff._scale(values, ticks=5)
    assert isinstance(made, charts.Scale)
    assert made.ticks == ticks
