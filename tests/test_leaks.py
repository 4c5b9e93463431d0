"""``harness data leaks``: what it prints, as JSON too, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project, Ran, write_rows

Harness = Callable[..., Ran]
ASKED = "which of the two mills by the river was sold to the baker in spring"
CASES, TRAIN = "suites/sums/cases.jsonl", "suites/sums/train.jsonl"


@pytest.fixture
def suite(project: Project) -> Path:
    """Four test cases, of which one stands in a training row, and a dev case that stands in another."""
    rows = [("t1", ASKED, "test"), ("t2", "1 + 2", "test"), ("t3", "2 + 5", "test"), ("t4", "5 + 9", "test")]
    rows.append(("d1", "is the dog of the baker in the garden behind the mill now", "dev"))
    write_rows(
        project.folder / CASES,
        [{"id": name, "input": text, "reference": "x", "split": split} for name, text, split in rows],
    )
    texts = ("well,\n" + ASKED + "?", rows[-1][1], "7 + 7")
    write_rows(project.folder / TRAIN, [{"prompt": text, "completion": "x"} for text in texts])
    return project.folder / "suites/sums"


def test_too_many(suite: Path, harness: Harness) -> None:
    ran = harness("data", "leaks", suite)
    assert ran.code == 1
    assert ran.out.splitlines() == [
        f"{suite}: 1 of 4 test cases overlaps {suite}/train.jsonl (25.0%, allowed are 10%): TOO MANY",
        f"  t1: verbatim, {suite}/train.jsonl:1",
        f"    case  {ASKED}",
        f"    row   well,\\n{ASKED}?",
    ]


def test_few_enough(suite: Path, harness: Harness) -> None:
    assert harness("data", "leaks", suite, "--max-flagged", 0.25).code == 0
    assert harness("data", "leaks", suite, "--max-flagged", 1.5).code == 4


def test_json(suite: Path, harness: Harness) -> None:
    found = json.loads(harness("data", "leaks", suite, "--json").out)
    assert found["max_flagged"] == 0.1
    assert found["suites"][str(suite)] == {
        "test_cases": 4,
        "flagged": 1,
        "share": 0.25,
        "over": True,
        "training": [f"{suite}/train.jsonl"],
        "matches": [
            {"case": "t1", "where": f"{suite}/train.jsonl:1", "kind": "verbatim", "similarity": 1.0, "bits": None}
        ],
    }


def test_files_and_more_rows(suite: Path, harness: Harness) -> None:
    more = write_rows(suite / "more.jsonl", [{"prompt": "2 + 5", "chosen": "7", "rejected": "6"}])
    ran = harness("data", "leaks", suite / "cases.jsonl", more)
    assert ran.out.startswith(f"{suite / 'cases.jsonl'}: 1 of 4 test cases overlaps {more}")
    assert "2 of 4 test cases overlap" in harness("data", "leaks", suite, more).out


def test_a_few_are_shown_or_all(suite: Path, harness: Harness) -> None:
    texts = [f"{ASKED} {number}" for number in range(5)]
    write_rows(suite / "cases.jsonl", [{"id": t[-1], "input": t, "reference": "x"} for t in texts])
    write_rows(suite / "train.jsonl", [{"prompt": t, "completion": "x"} for t in texts])
    ran = harness("data", "leaks", suite)
    assert ran.out.count("    row ") == 3
    assert ran.out.splitlines()[-1] == "  … and 2 more: --all shows them"
    assert harness("data", "leaks", suite, "--all").out.count("    row ") == 5


def test_what_was_written_cannot_bend_the_terminal(suite: Path, harness: Harness) -> None:
    write_rows(suite / "train.jsonl", [{"prompt": f"\x1b[2J{ASKED} {'and so on ' * 40}", "completion": "x"}])
    out = harness("data", "leaks", suite).out
    assert "\x1b" not in out
    assert "characters)" in out


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["nowhere"], "nowhere: no such file"),
        (["suites/sums/train.jsonl"], "train.jsonl: holds training rows alone: name a suite folder or a file of cases"),
        (["suites/sums/cases.jsonl"], "cases.jsonl: there are no training rows to compare with: name a JSONL file"),
        (["suites/sums", "empty.jsonl"], "empty.jsonl: is empty: give a suite folder, a JSONL file of cases or one of"),
        (["suites/sums", "odd.jsonl"], "odd.jsonl:1: given ['text']: a row needs 'messages', or 'prompt' and 'compl"),
        (["suites"], "suite.toml: no such file"),
        (["dev.jsonl", "suites/sums/train.jsonl"], "dev.jsonl: no case has the split 'test': only test cases can leak"),
    ],
)
def test_bad_input(suite: Path, harness: Harness, given: list[str], said: str) -> None:
    folder = suite.parent.parent
    (folder / "empty.jsonl").touch()
    write_rows(folder / "odd.jsonl", [{"text": "x"}])
    write_rows(folder / "dev.jsonl", [{"id": "a", "input": "x", "reference": "y", "split": "dev"}])
    ran = harness("data", "leaks", *(folder / name for name in given))
    assert (ran.code, ran.out) == (4, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_cases_and_rows_in_other_formats(tmp_path: Path, harness: Harness) -> None:
    (tmp_path / "cases.csv").write_text(f"input,reference\n{ASKED},x\nis the dog in the garden,y\n", encoding="utf-8")
    train = write_rows(tmp_path / "train.jsonl", [{"instruction": ASKED, "input": "", "output": "x"}])
    ran = harness("data", "leaks", tmp_path / "cases.csv", train, "--json")
    (suite,) = json.loads(ran.out)["suites"].values()
    assert (suite["test_cases"], [match["case"] for match in suite["matches"]]) == (2, ["2"])
