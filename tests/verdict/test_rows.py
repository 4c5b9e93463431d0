"""Rows: every way in gives the same rows, and every wrong row a message that names it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from harness.errors import BadInput
from harness.verdict import load_rows


def test_runs_are_sorted_and_repeats_averaged(table: Any) -> None:
    rows = load_rows(
        table(
            {
                "suite": ["s"] * 4,
                "contender": ["zero"] * 4,
                "technique": ["prompt"] * 4,
                "metric": ["em"] * 4,
                "case_id": ["b", "a", "b", "a"],
                "split": ["test"] * 4,
                "repeat": [0, 0, 1, 1],
                "score": [1.0, 0.0, 0.5, 0.5],
            }
        )
    )
    (run,) = rows.runs
    assert [rows.cases[code] for code in run.cases] == ["a", "b"]
    assert run.scores.tolist() == [0.25, 0.75]
    assert (run.data_fraction, run.source, run.training_seed) == (1.0, "program", None)
    assert (rows.count, rows.suites, rows.metrics("s")) == (4, ["s"], ["em"])


def test_every_way_in_is_the_same(planted: Any, tmp_path: Path) -> None:
    import duckdb
    import pandas as pd

    given = planted(1, n=20, dev=5).prompts().add("sft", "tune", seeds=2).table
    parquet.write_table(given, tmp_path / "rows.parquet")
    csv.write_csv(given, tmp_path / "rows.csv")
    lines = [json.dumps(row) for row in given.to_pylist()]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    frame = pd.DataFrame(given.to_pydict()).astype({"training_seed": "float64"})
    coded = given.set_column(0, "suite", given["suite"].combine_chunks().dictionary_encode())
    ways = [
        frame,
        coded,
        duckdb.sql("select * from given"),
        *(tmp_path / f"rows.{end}" for end in ("parquet", "csv", "jsonl")),
    ]
    assert {load_rows(way).hash for way in ways} == {load_rows(given).hash}
    assert load_rows(str(tmp_path / "rows.csv")).hash == load_rows(given).hash


def test_order_of_rows_does_not_change_the_hash(planted: Any) -> None:
    given = planted(1, n=20).prompts().table
    mixed = given.take(np.random.default_rng(0).permutation(given.num_rows))
    assert load_rows(mixed).hash == load_rows(given).hash


def test_a_changed_score_changes_the_hash(small: Any, table: Any) -> None:
    before = load_rows(table(small)).hash
    assert load_rows(table(small | {"score": [0.0, 1.0, 1.0, 0.0]})).hash != before


def test_ids_that_look_like_numbers_or_dates_stay_text(small: Any, tmp_path: Path, table: Any) -> None:
    given = table(small | {"case_id": ["007", "2026-11-22", "007", "2026-11-22"]})
    csv.write_csv(given, tmp_path / "a.csv")
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in given.to_pylist()))
    for path in ("a.csv", "a.jsonl"):
        assert load_rows(tmp_path / path).cases == ["007", "2026-11-22"]


def test_an_error_is_kept_as_not_measured(small: Any, table: Any) -> None:
    rows = load_rows(table(small | {"score": [None, 1.0, 1.0, 1.0], "error": ["time-out", None, None, ""]}))
    zero = next(rows.select(contender="zero"))
    assert np.isnan(zero.scores).tolist() == [True, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": [0.0, 7.0, 1.0, -1.0]}, "rows: score: 2 rows (first: row 2, given 7.0) outside [0, 1]"),
        ({"score": [0.0, float("nan"), 1.0, 1.0]}, "given nan) outside [0, 1]"),
        ({"score": [None, 1.0, 1.0, 1.0]}, "score: 1 row (first: row 1) null (or NaN) without `error`"),
        ({"error": ["x", None, None, None]}, "error: 1 row (first: row 1) with a score as well"),
        (
            {"technique": ["prompt", "rag", "tune", "tune"]},
            "contender 'zero' has two techniques (1 row (first: row 1))",
        ),
        ({"technique": ["prompts", "prompts", "tune", "tune"]}, "technique: given 'prompts', allowed: prompt,"),
        ({"split": ["test", "train", "test", "train"]}, "split: given 'train', allowed: dev, test"),
        ({"split": ["dev", "test", "test", "test"]}, "case 'a' is in two splits"),
        ({"cluster": ["x", "y", "z", "y"]}, "case 'a' is in two clusters"),
        ({"case_id": ["a", "a", "a", "b"]}, "rows 1 and 2 are the same answer"),
        ({"training_seed": [None, None, 1, None]}, "of a tuned contender null"),
        ({"training_seed": [0, None, 1, 1]}, "of an untrained contender not null"),
        ({"suite": ["s", None, "s", "s"]}, "suite: 1 row (first: row 2) null"),
        ({"source": ["robot"] * 4}, "source: given 'robot', allowed: program, judge, human"),
        ({"data_fraction": [0.0, 1.0, 1.0, 1.0]}, "data_fraction: 1 row (first: row 1, given 0.0) outside (0, 1]"),
        ({"cost": [-1.0, None, None, None]}, "cost: 1 row (first: row 1, given -1.0) negative"),
        ({"scores": [1.0] * 4}, "unknown column 'scores': did you mean 'score'?"),
        ({"score": ["high"] * 4}, "column 'score' is string, allowed is double"),
    ],
)
def test_wrong_rows_are_named(small: Any, change: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_rows(pa.table(small | change))
    assert message in str(caught.value)


def test_all_problems_of_a_table_come_together(small: Any) -> None:
    with pytest.raises(BadInput) as caught:
        load_rows(pa.table(small | {"score": [2.0] * 4, "split": ["train"] * 4, "cost": [-1.0] * 4}))
    assert len(str(caught.value).splitlines()) == 3


def test_missing_columns_and_no_rows(small: Any, table: Any) -> None:
    with pytest.raises(BadInput, match="missing columns 'technique', 'score'; required are"):
        load_rows(table({key: values for key, values in small.items() if key not in ("technique", "score")}))
    with pytest.raises(BadInput, match="no rows"):
        load_rows(table(small).slice(0, 0))


def test_files_that_are_not_rows(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the scores"):
        load_rows(tmp_path / "absent.csv")
    (tmp_path / "a.xlsx").write_text("")
    with pytest.raises(BadInput, match=r"unknown kind of file '\.xlsx', allowed"):
        load_rows(tmp_path / "a.xlsx")
    (tmp_path / "a.jsonl").write_text("{not json")
    with pytest.raises(BadInput, match=r"a\.jsonl:1: not valid JSON"):
        load_rows(tmp_path / "a.jsonl")
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(BadInput, match="not a parquet file of rows"):
        load_rows(tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="allowed is a path or anything with the Arrow C stream"):
        load_rows(3)
