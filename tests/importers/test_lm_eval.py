"""lm-eval's sample logs, as lm-eval 0.4.13 wrote them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import BadInput
from tests.importers.conftest import LOGS

RUNS = LOGS / "lm-eval"
TOWNS = next((RUNS / "zero_shot").rglob("samples_towns_*.jsonl"))
REPLIES = next((RUNS / "zero_shot").rglob("samples_replies_*.jsonl"))


def test_scores_are_those_of_lm_evals_own_summary(imported: Callable) -> None:
    rows = imported("lm-eval", TOWNS, metric="acc")
    summary = json.loads(next(TOWNS.parent.glob("results_*.json")).read_text())
    assert sum(row["score"] for row in rows) / len(rows) == summary["results"]["towns"]["acc,none"]
    assert len(rows) == summary["n-samples"]["towns"]["effective"] == 8
    assert {(row["suite"], row["metric"], row["split"], row["source"]) for row in rows} == {
        ("towns", "acc", "test", "program")
    }


def test_the_same_documents_are_the_same_cases_in_every_run(imported: Callable) -> None:
    ours, theirs = (
        {row["case_id"] for row in imported("lm-eval", path, metric="acc")} for path in (TOWNS, RUNS / "sft-1")
    )
    assert ours == theirs
    assert len(ours) == 8


def test_cases_and_clusters_by_fields_of_the_documents(imported: Callable) -> None:
    rows = imported("lm-eval", TOWNS, metric="acc", case_id="id", cluster="region")
    assert [row["case_id"] for row in rows] == [f"town-{i:02d}" for i in range(8)]
    assert [row["cluster"] for row in rows[:4]] == ["north", "south", "east", "north"]


def test_doc_id_is_a_case_id_too(imported: Callable) -> None:
    assert [row["case_id"] for row in imported("lm-eval", TOWNS, metric="acc", case_id="doc_id")][:2] == ["0", "1"]


def test_a_field_that_several_documents_share_is_no_case_id(imported: Callable) -> None:
    with pytest.raises(BadInput, match=r"samples_towns_.*:4: case 'north' is another question at .*:1: choose"):
        imported("lm-eval", TOWNS, metric="acc", case_id="region")


def test_a_field_that_is_not_there_is_said_with_those_that_are(imported: Callable) -> None:
    with pytest.raises(BadInput, match=r":1: no field 'uid' to identify the case by; .*, id, .*question, region"):
        imported("lm-eval", TOWNS, metric="acc", case_id="uid")


def test_several_metrics_are_listed_and_what_is_no_number_is_not(imported: Callable) -> None:
    with pytest.raises(BadInput, match=r"which metric\?.*: acc,none, acc_norm,none$"):
        imported("lm-eval", TOWNS)


def test_a_metric_that_is_a_list_is_refused(imported: Callable) -> None:
    with pytest.raises(BadInput, match=r":1: brier_score,none: given \[0, .* a score must be one number"):
        imported("lm-eval", TOWNS, metric="brier_score", scale="1:0")


def test_filters_are_chosen_with_the_metric(imported: Callable) -> None:
    with pytest.raises(BadInput, match="exact_match,first, exact_match,word"):
        imported("lm-eval", REPLIES, metric="exact_match")
    rows = imported("lm-eval", REPLIES, metric="exact_match,word")
    assert len(rows) == 6
    assert {row["metric"] for row in rows} == {"exact_match,word"}


def test_the_filter_none_is_no_part_of_the_name(imported: Callable) -> None:
    assert imported("lm-eval", TOWNS, metric="acc,none") == imported("lm-eval", TOWNS, metric="acc")


def test_an_unknown_metric_is_corrected(imported: Callable) -> None:
    with pytest.raises(BadInput, match="no metric 'acc_nrom': did you mean 'acc_norm,none'"):
        imported("lm-eval", TOWNS, metric="acc_nrom")


def test_of_a_falling_metric_less_is_better_only_when_said(imported: Callable, tmp_path: Path) -> None:
    shutil.copytree(TOWNS.parent, tmp_path / "run")
    results = next((tmp_path / "run").glob("results_*.json"))
    results.write_text(results.read_text().replace('"acc": true', '"acc": false'))
    path = tmp_path / "run" / TOWNS.name
    before = imported("lm-eval", TOWNS, metric="acc")
    with pytest.raises(BadInput, match=r"of 'acc,none' less is better: turn it round with --scale"):
        imported("lm-eval", path, metric="acc")
    after = imported("lm-eval", path, metric="acc", scale="1:0")
    assert [row["score"] for row in after] == [1 - row["score"] for row in before]


def test_a_document_asked_twice_is_one_case_answered_twice(imported: Callable, tmp_path: Path) -> None:
    lines = TOWNS.read_text().splitlines()
    path = tmp_path / TOWNS.name
    path.write_text("\n".join([*lines, lines[0].replace('"doc_id": 0', '"doc_id": 8')]))
    rows = imported("lm-eval", path, metric="acc")
    assert [row["repeat"] for row in rows] == [0] * 8 + [1]
    assert rows[8]["case_id"] == rows[0]["case_id"]


def test_a_missing_score_is_an_error(imported: Callable, tmp_path: Path) -> None:
    path = tmp_path / TOWNS.name
    path.write_text(TOWNS.read_text().replace('"acc": 0.0', '"acc": NaN', 1))
    row = imported("lm-eval", path, metric="acc")[0]
    assert (row["score"], row["error"]) == (None, "the score in the log is nan")


def test_seeds_come_from_the_path(imported: Callable) -> None:
    rows = imported(
        "lm-eval",
        RUNS,
        map="""
            dev_share = 0.4
            [runs.zero_shot]
            path = "zero_shot"
            task = "towns"
            metric = "acc"
            technique = "prompt"
            [runs.sft]
            path = "sft-{training_seed}"
            metric = "acc_norm"
            technique = "tune"
            [runs.rest]
            task = "replies"
            skip = true
        """,
    )
    assert {(row["contender"], row["technique"], row["training_seed"], row["metric"]) for row in rows} == {
        ("zero_shot", "prompt", None, "acc"),
        ("sft", "tune", 0, "acc_norm"),
        ("sft", "tune", 1, "acc_norm"),
    }
    by_case = {row["case_id"]: row["split"] for row in rows}
    assert all(by_case[row["case_id"]] == row["split"] for row in rows)
    assert set(by_case.values()) == {"dev", "test"}


def test_a_summary_alone_says_what_to_run(imported: Callable, tmp_path: Path) -> None:
    shutil.copy(next(TOWNS.parent.glob("results_*.json")), tmp_path / "results.json")
    with pytest.raises(BadInput, match="no lm-eval logs in this folder: run lm_eval with --log_samples"):
        imported("lm-eval", tmp_path)


def test_two_runs_in_one_folder_are_told_apart(imported: Callable, tmp_path: Path) -> None:
    for time in ("2026-11-22T12-10-47.373086", "2026-11-23T12-10-47.373086"):
        shutil.copy(TOWNS, tmp_path / f"samples_towns_{time}.jsonl")
    with pytest.raises(BadInput) as caught:
        imported("lm-eval", tmp_path, metric="acc")
    assert "the same answer" in str(caught.value)
    assert "samples_towns_2026-11-23T12-10-47.373086.jsonl were both read as 'zero_shot' on 'towns'" in str(
        caught.value
    )


def test_usage_is_not_invented(imported: Callable) -> None:
    assert not {"prompt_tokens", "output_tokens", "seconds", "cost"} & set(imported("lm-eval", TOWNS, metric="acc")[0])
