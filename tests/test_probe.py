"""Probes say why: chosen on dev, asked on test, never chosen themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.evidence import Evidence, evidence
from harness.experiment import load_experiment
from harness.matrix import expand
from harness.progress import Console
from harness.run import Outcome, run
from harness.store import open_store
from harness.verdict import load_rows
from harness.verdict.board import load_board
from harness.verdict.diagnosis import diagnose
from harness.verdict.learning import learning_curve
from tests.conftest import Project, Ran, write_rows
from tests.local_project import make

Harness = Callable[..., Ran]


def fill(project: Project) -> Outcome:
    return run(load_experiment(project.experiment), progress=Console(quiet=True))


@pytest.fixture
def asked(project: Project) -> Project:
    """The model echoes its prompt: retrieval finds the wrong page, so only the gold passage holds the answer."""
    project.replace("experiment.toml", "scripted:constant=4", "scripted:echo")
    project.write("experiment.toml", f"probes = true\n{project.experiment.read_text(encoding='utf-8')}")
    project.write("suites/sums/suite.toml", 'metric = "exact_match"\nlenient = "contains"\ndocuments = "pages.jsonl"\n')
    project.write("baselines/few_shot.toml", 'technique = "prompt"\nthink = true\n')
    project.write("baselines/rag.toml", 'technique = "rag"\nretrieve = { retriever = "bm25", k = 1 }\n')
    pages = [{"id": f"p{i}", "text": f"page {i} holds {1000 + i}"} for i in range(36)]
    write_rows(project.folder / "suites/sums/pages.jsonl", pages)
    rows = [
        {
            "id": f"s{i}",
            "input": f"page {(i + 1) % 36}?",
            "reference": str(1000 + i),
            "split": "dev" if i % 3 == 0 else "test",
            "documents": [f"p{i}"],
        }
        for i in range(36)
    ]
    write_rows(project.folder / "suites/sums/cases.jsonl", rows)
    return project


def rows(found: Evidence) -> list[dict[str, Any]]:
    return list(found.rows(found.models[0]).to_pylist())


def test_one_word_adds_them_in_a_second_round(asked: Project) -> None:
    assert {cell.contender.name for cell in expand(load_experiment(asked.experiment)).cells} == {
        "zero_shot",
        "few_shot",
        "rag",
    }
    outcome = fill(asked)
    probes = {cell.contender.name: cell for cell in outcome.matrix.cells if cell.contender.probes}
    assert sorted(probes) == ["gold_passage", "pass@1", "pass@8"]
    assert (probes["gold_passage"].size, probes["pass@8"].size) == (24, 192), "test cases alone, eight samples"
    assert outcome.generated == 3 * 36 + 24 + 192, "pass@1 and pass@8 share their samples"
    assert fill(asked).generated == 0


def test_they_say_why(asked: Project) -> None:
    fill(asked)
    with evidence(load_experiment(asked.experiment)) as found:
        board = load_board(load_rows(found.rows("scripted:echo")), "sums", "contains")
        lenient = board.test
        assert (lenient["rag"].mean, lenient["gold_passage"].mean, lenient["zero_shot"].mean) == (0.0, 1.0, 0.0)
        diagnosis = diagnose(board, None, ("zero_shot", "rag"), 0.05, lenient=board)
    assert diagnosis["knowledge_gap"].contrast == "gold_passage - zero_shot"
    assert (diagnosis["knowledge_gap"].estimate, diagnosis["retrieval_gap"].estimate) == (1.0, 1.0)
    assert diagnosis["latent_ability"].contrast == "pass@8 - pass@1"
    assert (diagnosis["format_loss"].estimate, diagnosis["skill_residual"].estimate) == (0.0, 0.0)


def test_dry_run_and_verdict_know_them(asked: Project, harness: Harness) -> None:
    fresh = json.loads(harness("run", asked.experiment, "--dry-run", "--json").out)
    assert "not counted: the probes of sums, whom dev chooses" in harness("run", asked.experiment, "--dry-run").out
    assert not [cell for cell in fresh["cells"] if "pass" in cell["contender"]], "nobody was chosen yet"
    fill(asked)
    planned = json.loads(harness("run", asked.experiment, "--dry-run", "--json").out)
    named = [cell["contender"] for cell in planned["cells"]]
    assert "not counted: the probes of sums" not in harness("run", asked.experiment, "--dry-run").out
    assert named[-3:] == ["gold_passage", "pass@1", "pass@8"]
    assert planned["answers"] == 0
    said = json.loads(harness("verdict", asked.experiment, "--json").out)
    assert said["suites"]["sums"]["verdict"] == "INCONCLUSIVE", "no candidate, and probes are none"


def test_another_favourite_of_dev_is_probed_anew(asked: Project) -> None:
    fill(asked)
    with open_store(asked.folder / ".harness", write=False) as store:
        before = {cell.contender for cell in store.cells("sums")}
    asked.write("baselines/few_shot.toml", 'technique = "prompt"\nthink = true\nname = "aloud"\n')
    assert fill(asked).generated == 0, "a new name is no new question"
    with open_store(asked.folder / ".harness", write=False) as store:
        assert {cell.contender for cell in store.cells("sums")} == before - {"few_shot"} | {"aloud"}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("probes = { samples = 1 }", "one sample cannot tell pass@1 from pass@k"),
        ("probes = { fractions = [1.0] }", "less than 1"),
        ("probes = { sample = 8 }", "samples"),
        ('probes = "yes"', "probes"),
    ],
)
def test_wrong_words_are_refused(asked: Project, harness: Harness, said: str, message: str) -> None:
    asked.replace("experiment.toml", "probes = true", said)
    ran = harness("run", asked.experiment, "--dry-run")
    assert ran.code == 4
    assert message in ran.err


def test_a_gold_document_that_is_not_there(asked: Project, harness: Harness) -> None:
    path = asked.folder / "suites/sums/cases.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('["p4"]', '["p44"]'), encoding="utf-8")
    ran = harness("run", asked.experiment)
    assert ran.code == 4
    assert "case 's4': documents: no document 'p44'" in ran.err
    path.write_text(path.read_text(encoding="utf-8").replace('["p44"]', '"p4"'), encoding="utf-8")
    ran = harness("run", asked.experiment)
    assert ran.code == 4
    assert "documents: given 'p4': write the ids of documents as a list" in ran.err


def test_learning_curve_trains_on_shares(tmp_path: Path) -> None:
    project = make(tmp_path / "small", workers=2)
    text = project.experiment.read_text(encoding="utf-8").replace("training_seeds = 2", "training_seeds = 1")
    project.write("experiment.toml", f"probes = {{ samples = 3, fractions = [0.5] }}\n{text}")
    outcome = fill(project)
    parts = {job.adapter: job for job in outcome.matrix.jobs if "0.5" in job.recipe_name}
    assert sorted(job.recipe_name for job in parts.values()) in (
        ["sft on 0.5"],
        ["dpo on 0.5", "sft on 0.5"],
    )
    whole = next(job for job in outcome.matrix.jobs if job.recipe_name == "sft")
    half = next(job for job in parts.values() if job.recipe_name.startswith("sft"))
    lines = (project.folder / "suites/label/train.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(half.rows) == len(lines) // 2  # type: ignore[arg-type]
    assert all(json.dumps(row) in lines for row in half.rows)  # type: ignore[union-attr]
    assert half.adapter != whole.adapter
    with evidence(load_experiment(project.experiment)) as found:
        board = load_board(load_rows(found.rows(found.models[0])), "label", "exact_match")
        assert set(board.fractions) == {(name, 0.5) for name in ("sft+rag", board_finalist(board))}
        curve = learning_curve(board, board.test["sft+rag"], 0.05, 0.03)
        assert [point["fraction"] for point in curve["points"]] == [0.5, 1.0]
        assert "pass@3" in board.test
        assert not [a for a in found.store.answers("small", "label", "sft+rag") if a["repeat"]], "whole trainings alone"
    assert fill(project).generated == 0


def board_finalist(board: Any) -> str:
    """The tuned contender that dev chose, without retrieval."""
    return max(("sft", "dpo"), key=lambda name: (board.dev[name].mean, name == "dpo"))
