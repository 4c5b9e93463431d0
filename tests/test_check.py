"""``harness data check`` finds what was planted, and nothing in data that is good."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.check import Report, check
from harness.data.audit import Finding
from tests.conftest import Ran, write_rows

Harness = Callable[..., Ran]
Row = dict[str, Any]
LABELS = ("late", "broken", "return")


def good(count: int = 600) -> list[Row]:
    """Labelled notes, no two alike."""
    draw = random.Random(1)
    return [{"prompt": f"note {i}: {draw.random()}", "completion": LABELS[i % 3]} for i in range(count)]


def pairs(count: int = 300) -> list[Row]:
    return [
        {"prompt": f"note {i}", "chosen": "yes" * (1 + i % 3), "rejected": "no" * (1 + (i + 1) % 3)}
        for i in range(count)
    ]


@pytest.fixture
def checked(tmp_path: Path) -> Callable[[list[Row]], Report]:
    def run(rows: list[Row]) -> Report:
        (report,) = check([write_rows(tmp_path / "train.jsonl", rows)])
        return report

    return run


def finding(report: Report, name: str) -> Finding | None:
    return next((one for one in report.findings if one.name == name), None)


@pytest.mark.parametrize("rows", [good(), pairs()])
def test_good_data_is_good(rows: list[Row], checked: Callable[[list[Row]], Report]) -> None:
    report = checked(rows)
    assert report.good
    assert {one.level for one in report.findings} == {"note"}


def test_planted_duplicates_and_contradictions_are_found_and_no_others(checked: Callable[[list[Row]], Report]) -> None:
    rows, draw = good(), random.Random(2)
    twice = draw.sample(range(600), 20)
    against = draw.sample([place for place in range(600) if place not in twice], 20)
    rows += [
        {"prompt": f"  {rows[place]['prompt'].upper()} ", "completion": rows[place]["completion"]} for place in twice
    ]
    rows += [{"prompt": rows[place]["prompt"], "completion": "other"} for place in against]
    report = checked(rows)
    duplicates, contradictions = finding(report, "duplicates"), finding(report, "contradictions")
    assert duplicates is not None
    assert contradictions is not None
    assert duplicates.said.startswith("20 of 640 rows say again")
    assert contradictions.said.startswith("20 of 640 rows answer otherwise")
    assert (duplicates.level, contradictions.level) == ("warn", "warn")
    assert f"train.jsonl:{twice[0] + 1}" in duplicates.places[0]
    assert contradictions.places[0].endswith("says 'other'")


@pytest.mark.parametrize(
    ("rows", "level", "name", "said"),
    [
        (good(99), "fail", "volume", "99 examples: under 100, collect more or show examples"),
        (good(499), "warn", "volume", "499 examples: 100 are the least, 500 are good"),
        (pairs(199), "fail", "volume", "199 pairs: DPO needs 200"),
        (good() + good(60), "fail", "duplicates", "60 of 660 rows"),
        ([*good(), {"prompt": "x", "completion": "odd"}], "warn", "rare classes", "under 10 rows each: 'odd'"),
        ([{**row, "completion": '{"a": 1'} for row in good()], "fail", "form", "0.0% of answers are JSON"),
        (
            [{**row, "completion": json.dumps({"a": 1, "b": 2} if i % 9 else {"b": 2, "a": 1})} for i, row in enumerate(good())],
            "warn",
            "schema",
            "533 with a, b; 67 with b, a",
        ),
        ([*pairs(), {"prompt": "x", "chosen": "y ", "rejected": "y"}], "fail", "equal sides", "1 of 301 rows prefer"),
        ([{**row, "chosen": "y" * 99} for row in pairs()], "warn", "length bias", "in 100% of pairs"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(
    rows: list[Row], level: str, name: str, said: str, checked: Callable[[list[Row]], Report]
) -> None:
    report = checked(rows)
    found = finding(report, name)
    assert found is not None
    assert (found.level, said in found.said) == (level, True), found
    assert report.good == (level != "fail")


def test_the_command(tmp_path: Path, harness: Harness) -> None:
    made = write_rows(tmp_path / "few.jsonl", [{"prompt": "\x1b[2Jx", "completion": "y"}, {"prompt": "\x1b[2Jx", "completion": "\x1b[2Jz"}])  # fmt: skip
    ran = harness("data", "check", made)
    assert ran.code == 1
    assert "NOT GOOD ENOUGH" in ran.out
    assert "\x1b" not in ran.out
    said = json.loads(harness("data", "check", made, "--json").out)
    assert said["files"][0]["good"] is False
    assert harness("data", "check", write_rows(tmp_path / "many.jsonl", good())).code == 0
    assert harness("data", "check", write_rows(tmp_path / "none.jsonl", [])).code == 4
    (tmp_path / "suite.toml").write_text('metric = "exact_match"\ntrain = "few.jsonl"\n')
    assert harness("data", "check", tmp_path).code == 1
