"""promptfoo's results, as promptfoo 0.123.1 wrote them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from tests.importers.conftest import LOGS, only

TOWNS = LOGS / "promptfoo" / "towns.json"
GRADED = LOGS / "promptfoo" / "graded.jsonl"

MAP = """
    suite = "towns"
    split = "test"
    case_id = "id"
    cluster = "region"
    [runs.prompts]
    provider = "base"
    prompt = "{contender}"
    technique = "prompt"
    [runs.sft]
    provider = "sft-{training_seed}"
    prompt = "one-word"
    technique = "tune"
    [runs.rest]
    provider = "sft-*"
    skip = true
"""
ECHO = """
    suite = "towns"
    split = "test"
    [runs.base]
    provider = "base"
    technique = "prompt"
    [runs.echo]
    provider = "echo"
    technique = "prompt"
"""


def test_every_provider_and_prompt_is_a_run(imported: Callable) -> None:
    rows = imported("promptfoo", TOWNS, map=MAP, metric="exact")
    found = {(row["contender"], row["training_seed"], row["case_id"]): row["score"] for row in rows}
    assert found == {
        ("plain", None, "town-00"): 0.0,
        ("plain", None, "town-03"): 0.0,
        ("plain", None, "town-04"): 0.0,
        ("one-word", None, "town-00"): 1.0,
        ("one-word", None, "town-03"): 1.0,
        ("one-word", None, "town-04"): 0.0,
        ("sft", 0, "town-00"): 1.0,
        ("sft", 0, "town-03"): 1.0,
        ("sft", 0, "town-04"): 1.0,
        ("sft", 1, "town-00"): 1.0,
        ("sft", 1, "town-03"): None,
        ("sft", 1, "town-04"): 0.0,
    }


def test_a_providers_error_is_an_error_and_a_failed_assertion_is_not(imported: Callable) -> None:
    rows = imported("promptfoo", TOWNS, map=MAP, metric="exact")
    assert only(rows, contender="sft", training_seed=1, case_id="town-03")["error"] == "API error: 503 overloaded"
    assert only(rows, contender="plain", case_id="town-00")["error"] is None


def test_tokens_seconds_and_cost_are_carried(imported: Callable) -> None:
    row = only(imported("promptfoo", TOWNS, map=MAP, metric="exact"), contender="plain", case_id="town-00")
    assert (row["prompt_tokens"], row["output_tokens"], row["cost"]) == (48.0, 4.0, 0.0001)
    assert 0 < row["seconds"] < 60
    assert row["cluster"] == "north"


@pytest.mark.parametrize(("metric", "score"), [("score", 0.5), ("pass", 0.0), ("lenient", 1.0)])
def test_overall_and_named_metrics(imported: Callable, metric: str, score: float) -> None:
    rows = imported("promptfoo", TOWNS, map=MAP, metric=metric)
    assert only(rows, contender="plain", case_id="town-00")["score"] == score


def test_named_metrics_make_the_choice_yours(imported: Callable) -> None:
    with pytest.raises(BadInput, match=r"towns.json \(base × plain\): which metric\?.*: score, pass, exact, lenient$"):
        imported("promptfoo", TOWNS, map=MAP)


def test_without_named_metrics_the_score_is_taken(imported: Callable, tmp_path: Path) -> None:
    path = tmp_path / "towns.json"
    path.write_text(edited(TOWNS, lambda result: (result["namedScores"].clear(), result["testCase"].pop("assert"))))
    rows = imported("promptfoo", path, map=MAP)
    assert only(rows, contender="plain", case_id="town-00")["score"] == 0.5


def test_repeats_are_the_same_variables_again(imported: Callable) -> None:
    rows = imported("promptfoo", GRADED, map=ECHO, metric="terse")
    assert len({row["case_id"] for row in rows}) == 3
    assert sorted(row["repeat"] for row in rows if row["contender"] == "base") == [0, 0, 0, 1, 1, 1]


def test_a_failed_grader_is_an_error_and_a_grader_is_a_judge(imported: Callable) -> None:
    rows = imported("promptfoo", GRADED, map=ECHO, metric="terse")
    assert sorted(row["score"] for row in rows if row["score"] is not None) == [0.4] * 4 + [1.0] * 4
    assert {row["error"] for row in rows if row["score"] is None} == {"the grader failed: the grader is unavailable"}
    assert {row["source"] for row in rows} == {"judge"}


def test_a_score_outside_its_scale_is_refused_with_the_fix(imported: Callable) -> None:
    with pytest.raises(BadInput, match=r"graded.jsonl:1: length: given 21, outside 0 to 1.*--scale 0:100"):
        imported("promptfoo", GRADED, map=ECHO, metric="length")
    rows = imported("promptfoo", GRADED, map=ECHO, metric="length", scale="0:100")
    assert {row["score"] for row in rows} == {0.20, 0.21, 0.28, 0.29}
    assert {row["source"] for row in rows} == {"program"}


def test_answers_from_the_cache_have_no_usage(imported: Callable, tmp_path: Path) -> None:
    path = tmp_path / "towns.json"
    path.write_text(edited(TOWNS, lambda result: result["response"].update(cached=True)))
    row = imported("promptfoo", path, map=MAP, metric="exact")[0]
    assert not {"prompt_tokens", "seconds", "cost"} & set(row)


def test_an_assertion_that_was_not_come_to_is_an_error(imported: Callable, tmp_path: Path) -> None:
    path = tmp_path / "towns.json"
    path.write_text(edited(TOWNS, lambda result: result["namedScores"].pop("exact", None)))
    rows = imported("promptfoo", path, map=MAP, metric="exact")
    assert {row["score"] for row in rows} == {None}
    assert "no score in the log" in {row["error"] for row in rows}


def test_a_case_that_was_not_asked_for_the_metric_has_no_row(imported: Callable, tmp_path: Path) -> None:
    def lenient_only(result: dict[str, Any]) -> None:
        if result["vars"]["town"] == "Alba":
            result["namedScores"].pop("exact")
            result["testCase"]["assert"] = result["testCase"]["assert"][1:]

    path = tmp_path / "towns.json"
    path.write_text(edited(TOWNS, lenient_only))
    assert {row["case_id"] for row in imported("promptfoo", path, map=MAP, metric="exact")} == {"town-03", "town-04"}


def test_two_providers_of_one_id_are_told_apart(imported: Callable, tmp_path: Path) -> None:
    path = tmp_path / "towns.json"
    path.write_text(edited(TOWNS, lambda result: result["provider"].update(label="base")))
    with pytest.raises(BadInput, match=r"were both read as 'plain' on 'towns'"):
        imported("promptfoo", path, map=MAP.split("[runs.sft]", maxsplit=1)[0], metric="exact")


def test_the_suite_must_be_named(imported: Callable) -> None:
    with pytest.raises(BadInput, match="suite: missing: the log does not name its task"):
        imported("promptfoo", TOWNS, metric="exact")


def test_older_files_without_a_reason_of_failure(imported: Callable, tmp_path: Path) -> None:
    def older(result: dict[str, Any]) -> None:
        failed = result.pop("failureReason") == 2
        result.pop("testIdx")
        if failed:
            result.pop("gradingResult", None)

    path = tmp_path / "towns.json"
    path.write_text(edited(TOWNS, older))
    assert imported("promptfoo", path, map=MAP, metric="exact") == imported("promptfoo", TOWNS, map=MAP, metric="exact")


def edited(path: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """A results file with every result changed."""
    document = json.loads(path.read_text())
    for result in document["results"]["results"]:
        change(result)
    return json.dumps(document)
