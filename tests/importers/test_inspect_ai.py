"""inspect_ai's logs, as inspect_ai 0.3.285 wrote them: finished, stopped, killed, invalidated and graded."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import BadInput
from tests.importers.conftest import LOGS, only

RUNS = LOGS / "inspect"
GRADED = next((RUNS / "graded").glob("*.json"))


def test_letters_epochs_and_usage(imported: Callable) -> None:
    rows = imported("inspect", RUNS / "zero_shot", metric="match")
    assert len(rows) == 12
    first = only(rows, case_id="town-00", repeat=0)
    assert (first["suite"], first["metric"], first["score"]) == ("towns", "match", 1.0)
    assert (first["prompt_tokens"], first["output_tokens"]) == (20.0, 4.0)
    assert first["seconds"] > 0
    # "a bear", "a lynx", "a fox" in turn, against bear, lynx, owl
    assert [only(rows, case_id=f"town-{i:02d}", repeat=1)["score"] for i in range(6)] == [1.0, 1.0, 0.0] * 2


def test_several_scorers_are_listed(imported: Callable) -> None:
    with pytest.raises(BadInput, match=r"which metric\?.*: match, includes$"):
        imported("inspect", RUNS / "zero_shot")


def test_a_failed_sample_is_an_error(imported: Callable) -> None:
    rows = imported("inspect", RUNS / "sft-0", metric="match")
    failed = [row for row in rows if row["score"] is None]
    assert [(row["case_id"], row["repeat"], row["error"]) for row in failed] == [
        ("town-03", 0, "RuntimeError('time-out after 60 s')"),
        ("town-03", 1, "RuntimeError('time-out after 60 s')"),
    ]
    assert [row["seconds"] for row in failed] == [None, None]
    assert len(rows) == 12


@pytest.mark.parametrize(
    ("folder", "measured", "missing"),
    [("broken", 3, "not in the log (status 'error')"), ("killed", 4, "not in the log (status 'started')")],
)
def test_what_a_stopped_run_never_came_to_is_an_error(
    imported: Callable, folder: str, measured: int, missing: str
) -> None:
    rows = imported("inspect", RUNS / folder, metric="includes")
    assert sum(row["score"] is not None for row in rows) == measured
    assert missing in {row["error"] for row in rows}
    assert len({row["case_id"] for row in rows}) == 6


def test_what_a_stopped_run_never_came_to_has_no_known_cluster(imported: Callable) -> None:
    with pytest.raises(BadInput, match=r"sample 'town-04' is not in the log \(status 'started'\), so its case id and"):
        imported("inspect", RUNS / "killed", metric="includes", cluster="region")


def test_an_invalidated_sample_is_an_error(imported: Callable) -> None:
    rows = imported("inspect", RUNS / "invalidated", metric="includes")
    assert Counter(row["error"] for row in rows) == {None: 11, "invalidated: wrong ticket": 1}


def test_a_graders_scores_are_a_judges_and_an_ungraded_one_is_an_error(imported: Callable) -> None:
    rows = imported("inspect", GRADED, metric="model_graded_qa")
    assert [(row["score"], row["error"]) for row in rows] == [
        (1.0, None),
        (0.5, None),
        (None, "not scored: grader_failed"),
        (0.0, None),
    ]
    assert {row["source"] for row in rows} == {"judge"}
    assert [row["prompt_tokens"] for row in rows] == [20.0, 21.0, 22.0, 20.0]
    assert "seconds" not in rows[0], "they hold the grader's"


def test_tokens_that_are_mixed_with_the_graders_are_not_taken(imported: Callable) -> None:
    rows = imported("inspect", RUNS / "self-graded", metric="model_graded_qa")
    assert {row["source"] for row in rows} == {"judge"}
    assert "prompt_tokens" not in rows[0]


def test_the_parts_of_a_score_are_metrics(imported: Callable) -> None:
    rows = imported("inspect", GRADED, metric="partly.letters")
    assert [row["score"] for row in rows] == [0.5, 0.0, 0.5, 0.0]
    assert {row["source"] for row in rows} == {"program"}
    with pytest.raises(BadInput, match=r"model_graded_qa, partly\.letters, partly.length"):
        imported("inspect", GRADED)


def test_a_source_that_is_said_counts(imported: Callable) -> None:
    assert imported("inspect", GRADED, metric="model_graded_qa", source="human")[0]["source"] == "human"


def test_runs_are_found_by_path_model_and_arguments(imported: Callable) -> None:
    rows = imported(
        "inspect",
        RUNS / "zero_shot",
        RUNS / "sft-0",
        RUNS / "sft-1",
        map="""
            split = "test"
            metric = "match"
            cluster = "region"
            [runs.prompts]
            path = "zero*"
            args = "fail={contender}"
            model = "mockllm/*"
            technique = "prompt"
            [runs.sft]
            path = "sft-{training_seed}"
            technique = "tune"
        """,
    )
    assert {(row["contender"], row["training_seed"]) for row in rows} == {("none", None), ("sft", 0), ("sft", 1)}
    assert only(rows, contender="none", case_id="town-01", repeat=0)["cluster"] == "south"


def test_other_json_in_a_folder_of_logs_is_left_alone(imported: Callable, tmp_path: Path) -> None:
    shutil.copy(GRADED, tmp_path / GRADED.name)
    (tmp_path / "logs.json").write_text("{}")
    assert len(imported("inspect", tmp_path, metric="partly.length")) == 4


def test_an_archive_packed_by_the_standard_library_reads_the_same(imported: Callable, tmp_path: Path) -> None:
    from harness.importers.archive import Archive

    path = next((RUNS / "zero_shot").glob("*.eval"))
    with Archive(path) as archive, zipfile.ZipFile(tmp_path / "a.eval", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("header.json", json.dumps(archive.json("header.json")))
        packed.writestr("summaries.json", json.dumps(archive.json("summaries.json", list)), zipfile.ZIP_STORED)
    assert imported("inspect", tmp_path / "a.eval", metric="match") == imported("inspect", path, metric="match")


def changed(tmp_path: Path, **of_first: object) -> Path:
    """The graded log, its first sample's score changed."""
    log = json.loads(GRADED.read_text())
    log["samples"][0]["scores"]["partly"]["value"]["length"] = of_first["value"]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log))
    return path


@pytest.mark.parametrize(("value", "score"), [("yes", 1.0), ("False", 0.0), ("0.25", 0.25), (True, 1.0), ("N", 0.0)])
def test_words_are_scores_as_in_inspect(imported: Callable, tmp_path: Path, value: object, score: float) -> None:
    assert imported("inspect", changed(tmp_path, value=value), metric="partly.length")[0]["score"] == score


def test_a_score_that_is_no_number_is_refused(imported: Callable, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"sample 1 \('town-00', epoch 1\): partly.length: given 'maybe'"):
        imported("inspect", changed(tmp_path, value="maybe"), metric="partly.length")


def test_a_score_outside_its_scale_is_refused_with_the_fix(imported: Callable, tmp_path: Path) -> None:
    path = changed(tmp_path, value=70)
    with pytest.raises(BadInput, match=r"given 70, outside 0 to 1 \(in this log: 0.5 to 70\).*--scale 0:100"):
        imported("inspect", path, metric="partly.length")
    assert imported("inspect", path, metric="partly.length", scale="0:100")[0]["score"] == 0.7
