"""`harness import` from the logs to the verdict: a dozen runs in one command, files of every kind, nothing half written."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from harness.importers.plan import load_plan
from harness.verdict import load_rows
from tests.importers.conftest import LOGS

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "your-own-scores.md"
ZERO = LOGS / "inspect" / "zero_shot"
ONE = ("--contender", "zero_shot", "--technique", "prompt", "--split", "test", "--metric", "match")
TUNED = ("--contender", "sft", "--technique", "tune", "--split", "test", "--metric", "match", "--training-seed")


def blocks(kind: str) -> list[str]:
    """The documentation's examples of one kind."""
    return [part.split("```")[0] for part in DOCUMENTATION.read_text().split(f"```{kind}\n")[1:]]


@pytest.fixture
def twelve(tmp_path: Path) -> Path:
    """Five prompts, RAG and five trainings by lm-eval; the tuned model is right where the others are not."""
    draw = random.Random(0)
    levels = {f"prompt-{name}": 0.5 for name in ("plain", "terse", "polite", "long", "examples")} | {"rag": 0.55}
    for run, level in (levels | {f"sft-{seed}": 0.85 for seed in range(5)}).items():
        folder = tmp_path / "runs" / run / "org__model"
        folder.mkdir(parents=True)
        lines = (
            {
                "doc_id": i,
                "doc": {"id": i},
                "doc_hash": sha256(str(i).encode()).hexdigest(),
                "filter": "none",
                "metrics": ["exact_match"],
            }
            | {"exact_match": float(draw.random() < level)}
            for i in range(400)
        )
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"samples_task_{run}_2026-11-22T12-10-47.373086.jsonl").write_text(text)
    return tmp_path / "runs"


def test_a_dozen_runs_in_one_command_to_a_verdict(harness: Callable, twelve: Path, tmp_path: Path) -> None:
    (tmp_path / "runs.toml").write_text(blocks("toml")[1])
    done = harness("import", "lm-eval", twelve, "--map", tmp_path / "runs.toml", "--out", tmp_path / "rows.parquet")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].split() == [
        "suite",
        "metric",
        "contender",
        "technique",
        "seeds",
        "dev",
        "test",
        "errors",
    ]
    assert [line.split() for line in done.out.splitlines()[1:8]] == [
        ["triage", "exact_match", name, technique, seeds, "109", "291", "-"]
        for name, technique, seeds in [
            *((name, "prompt", "-") for name in ("examples", "long", "plain", "polite")),
            ("rag", "rag", "-"),
            ("sft", "tune", "5"),
            ("terse", "prompt", "-"),
        ]
    ]
    assert "note" not in done.out
    found = harness("verdict", "--scores", tmp_path / "rows.parquet", "--require", "triage=JUSTIFIED")
    assert found.code == 0, found.out + found.err


def test_the_documentations_csv_and_policy_give_an_answer(harness: Callable, tmp_path: Path) -> None:
    (csv,) = blocks("csv")
    (tmp_path / "scores.csv").write_text(csv)
    found = harness("verdict", "--scores", tmp_path / "scores.csv")
    assert found.code == 3
    assert found.out.startswith("triage: ")
    (tmp_path / "policy.toml").write_text(blocks("toml")[0])
    assert harness("verdict", "--scores", tmp_path / "scores.csv", "--policy", tmp_path / "policy.toml").code == 3


@pytest.mark.parametrize("text", blocks("toml")[1:])
def test_the_documentations_maps_are_maps(tmp_path: Path, text: str) -> None:
    (tmp_path / "runs.toml").write_text(text)
    assert set(load_plan(tmp_path / "runs.toml")[0].runs) >= {"prompts", "sft"}


def test_every_kind_of_file_holds_the_same_rows(harness: Callable, tmp_path: Path) -> None:
    hashes = set()
    for kind in ("parquet", "csv", "jsonl"):
        out = tmp_path / f"rows.{kind}"
        assert harness("import", "inspect", LOGS / "inspect" / "sft-0", *TUNED, 0, "--out", out).code == 0
        hashes.add(load_rows(out).hash)
    assert len(hashes) == 1


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_runs_are_added(harness: Callable, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"rows.{kind}"
    assert harness("import", "inspect", ZERO, *ONE, "--out", out, "--append").code == 0
    for seed in (0, 1):
        done = harness("import", "inspect", LOGS / "inspect" / f"sft-{seed}", *TUNED, seed, "--out", out, "--append")
        assert done.code == 0, done.err
    assert [(run.contender, run.training_seed) for run in load_rows(out).runs] == [
        ("sft", 0),
        ("sft", 1),
        ("zero_shot", None),
    ]


def test_the_same_logs_twice_are_refused_and_nothing_is_written(harness: Callable, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    harness("import", "inspect", ZERO, *ONE, "--out", out)
    before = out.read_bytes()
    again = harness("import", "inspect", ZERO, *ONE, "--out", out, "--append")
    assert (again.code, again.err.splitlines()[-1]) == (4, "the file may hold these logs already")
    assert out.read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_file_is_not_overwritten_unasked(harness: Callable, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    out.write_text("mine")
    refused = harness("import", "inspect", ZERO, *ONE, "--out", out)
    assert (refused.code, "is there already: --append adds to it" in refused.err) == (4, True)
    assert out.read_text() == "mine"
    assert harness("import", "inspect", ZERO, *ONE, "--out", out, "--replace").code == 0


def test_no_score_is_shown(harness: Callable, tmp_path: Path) -> None:
    done = harness("import", "inspect", ZERO, *ONE, "--out", tmp_path / "rows.csv", "--json")
    assert json.loads(done.out) == {
        "rows": 12,
        "parts": [
            {
                "suite": "towns",
                "metric": "match",
                "contender": "zero_shot",
                "technique": "prompt",
                "seeds": 0,
                "dev": 0,
                "test": 6,
                "errors": 0,
                "judged": False,
            }
        ],
        "notes": [],
    }


def test_notes_say_what_stands_in_the_way(harness: Callable, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    options = ("--technique", "prompt", "--split", "test", "--suite", "s", "--out", out)
    graded = LOGS / "inspect" / "graded"
    harness("import", "inspect", graded, *options, "--contender", "a", "--metric", "model_graded_qa")
    more = (*options, "--contender", "b", "--metric", "model_graded_qa", "--append")
    done = harness("import", "inspect", LOGS / "inspect" / "self-graded", *more)
    assert [line for line in done.out.splitlines() if line.startswith("note")] == [
        "note: suite 's' has 6 cases in all, but not every contender answered them (a 4): if they were asked the same "
        "questions, name a field that all logs share with --case-id",
        "note: graded by a model: a verdict on these scores needs human labels; --source says otherwise",
        "note: answers without a score: 1: run them again, as a suite with errors is incomplete",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "lmeval", "x", "--out", "a.csv"), "no importer 'lmeval': did you mean 'lm-eval'?"),
        (("import", "inspect", ZERO, *ONE, "--out", "a.xlsx"), "--out a.xlsx: unknown kind of file '.xlsx'"),
        (("import", "inspect", ZERO, *ONE, "--out", "/nowhere/a.csv"), "/nowhere/a.csv: cannot be written"),
        (("import", "inspect", ZERO, *ONE[2:], "--out", "a.csv"), "options: contender: missing"),
        (("import", "inspect", ZERO, *ONE, "--map", "no.toml", "--out", "a.csv"), "--contender, --technique"),
        (("import", "inspect", ZERO), "Missing option '--out'"),
    ],
)
def test_wrong_commands(
    harness: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = harness(*arguments)
    assert (ran.code, message in ran.err) == (4, True), ran.err
    assert not list(tmp_path.iterdir())
