"""``harness data split``: clusters stay whole, strata keep their shares, locked cases stay where they are."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.data.split import SPLITS, Shares, clusters, deal
from harness.errors import BadInput
from harness.suite import load_task
from harness.training.rows import demonstrations, preferences, read_rows
from tests.conftest import Project, Ran, cases, write_rows

Harness = Callable[..., Ran]
Row = dict[str, Any]


def read(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def rows(count: int = 60) -> list[Row]:
    """Rows of ``count // 3`` pages, a third of them about returns."""
    return [
        {"prompt": f"question {i}", "completion": f"answer {i}", "page": i // 3, "topic": ("late", "return")[i % 9 < 3]}
        for i in range(count)
    ]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "all.jsonl", rows())


# the pure part


@given(
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from("ab")), min_size=1, max_size=60),
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)).filter(any),
    st.integers(0, 3),
)
@settings(deadline=None)
def test_what_holds_of_every_deal(said: list[tuple[int, str]], parts: tuple[int, ...], seed: int) -> None:
    cluster = clusters([[key] for key, _ in said])
    shares = Shares.read("/".join(map(str, parts)))
    placed = deal(cluster, [stratum for _, stratum in said], shares, seed=seed)
    assert placed == deal(cluster, [stratum for _, stratum in said], shares, seed=seed)
    assert len(set(zip(cluster, placed, strict=True))) == len(set(cluster)), "a cluster is in one split"
    largest = max(Counter(cluster).values())
    for part, share in zip(SPLITS, shares, strict=True):
        assert (part in placed) <= (share > 0)
        assert abs(placed.count(part) - share * len(said)) <= 2 * largest


def test_single_rows_keep_every_share_of_every_stratum() -> None:
    strata = [str(number % 7) for number in range(700)]
    placed = deal(range(700), strata, Shares.read("80/10/10"), seed=5)
    assert Counter(placed) == {"train": 560, "dev": 70, "test": 70}
    counted = Counter(zip(strata, placed, strict=True))
    assert all(abs(counted[name, "test"] - 10) <= 1 and abs(counted[name, "train"] - 80) <= 2 for name in set(strata))


def test_seeds_deal_otherwise() -> None:
    first, second = (deal(range(100), ["a"] * 100, Shares.read("50/0/50"), seed=seed) for seed in (1, 2))
    assert first != second


def test_rows_are_tied_by_way_of_others() -> None:
    assert clusters([["a"], ["b"], ["c"], ["a", "b"], []]) == [0, 0, 2, 0, 4]


@pytest.mark.parametrize("said", ["80/20", "a/b/c", "0/0/0", "-1/1/1", "80/10/10/0", "", "inf/1/1"])
def test_shares_are_three_parts(said: str) -> None:
    with pytest.raises(BadInput, match="write three parts"):
        Shares.read(said)


# the command


def test_a_suite_out_of_rows(made: Path, harness: Harness) -> None:
    out = made.parent / "suites/new"
    ran = harness("data", "split", made, out, "--cluster", "page", "--stratify", "topic", "--seed", 4)
    assert ran.code == 0, ran.err
    assert "60 rows in 20 clusters, seed 4" in ran.out
    (out / "suite.toml").write_text('metric = "exact_match"\ntrain = "train.jsonl"\n')
    task = load_task(out)
    trained = read(out / "train.jsonl")
    assert set(map(str, (row["page"] for row in trained))).isdisjoint(case.cluster for case in task.cases)
    assert len(trained) + len(task.cases) == 60
    assert all(row in rows() for row in trained), "rows go through as they are"
    case = next(iter(task.cases))
    number = int(case.input.split()[1])
    assert (case.id, case.cluster, case.reference) == (f"all-{number + 1}", str(number // 3), f"answer {number}")
    assert case.tags["topic"] == ("late", "return")[number % 9 < 3]
    said = json.loads(harness("data", "split", made, out, "--cluster", "page", "--stratify", "topic", "--seed", 4, "--json", "--replace").out)  # fmt: skip
    assert sum(said["counts"]["return"].values()) == 21
    assert said["counts"]["all"]["train"] == len(trained)


def test_the_same_question_is_never_on_both_sides(tmp_path: Path, harness: Harness) -> None:
    asked = [f"Question {i // 2}?" if i % 2 else f"question  {i // 2}" for i in range(40)]
    answers = [{"prompt": text, "completion": str(i)} for i, text in enumerate(asked)]
    pairs = [{"prompt": text, "chosen": "a", "rejected": "b"} for text in asked]
    out = tmp_path / "out"
    files = [write_rows(tmp_path / f"{name}.jsonl", some) for name, some in (("sft", answers), ("pairs", pairs))]
    ran = harness("data", "split", *files, out, "--golden", write_rows(tmp_path / "golden.jsonl", answers[:10]))
    assert ran.code == 0, ran.err
    tested = {case["input"].split()[1].strip("?") for case in read(out / "cases.jsonl")}
    assert tested
    for name in ("train", "preferences", "golden"):
        some = read(out / f"{name}.jsonl")
        assert some
        assert tested.isdisjoint(row["prompt"].split()[1].strip("?") for row in some), name
    held = read(out / "preferences.dev.jsonl") + read(out / "preferences.test.jsonl")
    assert {row["prompt"].split()[1].strip("?") for row in held} == tested
    assert len(list(preferences(read_rows(out / "preferences.jsonl")))) + len(held) == 40


def test_rows_that_are_no_cases(tmp_path: Path, harness: Harness) -> None:
    talk = [{"role": role, "content": role} for role in ("system", "user", "assistant")]
    made = write_rows(tmp_path / "talks.jsonl", [{"messages": [*talk, {"role": "user", "content": str(i)}, talk[-1]]} for i in range(20)])  # fmt: skip
    ran = harness("data", "split", made, tmp_path / "out")
    assert ran.code == 4
    assert "and a case is one question of the user's and its answer" in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["talks.jsonl"]
    assert harness("data", "split", made, tmp_path / "out", "--rows").code == 0
    assert [len(read(tmp_path / f"out/{name}.jsonl")) for name in SPLITS] == [16, 2, 2]


def test_cases_are_dealt_too(tmp_path: Path, harness: Harness) -> None:
    made = write_rows(tmp_path / "cases.jsonl", cases(40))
    assert harness("data", "split", made, tmp_path / "out", "--shares", "50/25/25").code == 0
    (tmp_path / "out/suite.toml").write_text('metric = "exact_match"\n')
    task = load_task(tmp_path / "out")
    assert task.counts == {"dev": 10, "test": 10}
    trained = list(demonstrations(read_rows(tmp_path / "out/train.jsonl")))
    assert len(trained) == 20
    assert {case.input for case in task.cases}.isdisjoint(example.messages[0]["content"] for example in trained)


def lock(project: Project, harness: Harness) -> None:
    assert harness("lock", project.experiment).code == 0


def test_a_locked_suite_is_not_dealt_again(project: Project, harness: Harness, made: Path) -> None:
    assert harness("data", "split", made, project.folder / "suites/sums", "--replace").code == 0
    lock(project, harness)
    before = (project.folder / "suites/sums/cases.jsonl").read_bytes()
    ran = harness("data", "split", made, project.folder / "suites/sums", "--replace")
    assert ran.code == 4
    assert "suite 'sums' is locked: another split would be another exam" in ran.err
    assert (project.folder / "suites/sums/cases.jsonl").read_bytes() == before


def test_locked_test_cases_are_dealt_to_nobody(project: Project, harness: Harness) -> None:
    lock(project, harness)
    held = project.folder / "suites/sums/cases.jsonl"
    ran = harness("data", "split", held, project.folder / "suites/other", "--shares", "50/0/50")
    assert ran.code == 4
    assert "cases.jsonl:2: is a locked test case of suite 'sums'" in ran.err
    elsewhere = project.folder.parent / "elsewhere"
    assert harness("data", "split", held, elsewhere, "--experiment", project.experiment).code == 4
    assert not elsewhere.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cluster", "pages"), "all.jsonl:1: no text or number in a column 'pages': did you mean 'page'?"),
        (("--stratify", "topics"), "did you mean 'topic'?"),
        (("--cluster", "topic"), "2 clusters: nothing is left for"),
        (("--from", "kto"), "kto needs completion, label, prompt"),
        (("--shares", "8/1"), "write three parts"),
    ],
)
def test_one_clear_error(options: tuple[str, ...], said: str, made: Path, harness: Harness) -> None:
    ran = harness("data", "split", made, made.parent / "out", *options)
    assert ran.code == 4
    assert said in ran.err
    assert not (made.parent / "out").exists()


def test_what_is_there_is_kept_unless_told(made: Path, harness: Harness) -> None:
    out = made.parent / "out"
    write_rows(out / "cases.jsonl", cases(3))
    ran = harness("data", "split", made, out)
    assert ran.code == 4
    assert "is there already" in ran.err
    assert [path.name for path in out.iterdir()] == ["cases.jsonl"]
