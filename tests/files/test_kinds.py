"""What holds of every kind of file: rows come back as they were, packed or not, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.files import KINDS, look, rows, target, write
from tests.formats.talks import KEYS, TEXTS, VALUES

Row = dict[str, Any]
NAMES = ["rows.jsonl", "rows.json", "rows.csv", "rows.parquet", "rows.jsonl.gz", "rows.json.zst", "rows.csv.zst"]
ROWS: list[Row] = [
    {"prompt": "How long?", "completion": "Two days.", "page": 3, "seen": True, "tags": ["a", "b"]},
    {"prompt": '3, "4"\nand 5', "completion": "", "page": 4, "seen": False, "tags": []},
    {"prompt": "Größe?", "completion": "{}", "page": 5},
]


def again(path: Path, given_rows: list[Row]) -> list[Row]:
    write([(f"row {number}", row) for number, row in enumerate(given_rows, 1)], target(path), replace=True)
    return [row for _, row in rows(look(path))]


@pytest.mark.parametrize("name", NAMES)
def test_rows_come_back(name: str, tmp_path: Path) -> None:
    assert again(tmp_path / name, ROWS) == ROWS
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_every_kind_is_written_here() -> None:
    assert {target(Path(name)).kind for name in NAMES} == KINDS.keys() - {"hf"}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_rows_make_the_same_bytes(name: str, tmp_path: Path) -> None:
    again(tmp_path / name, ROWS)
    before = (tmp_path / name).read_bytes()
    again(tmp_path / name, ROWS)
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.parquet"])
@given(
    made=st.lists(
        st.fixed_dictionaries({"prompt": TEXTS}, optional={"completion": TEXTS, "m_a": VALUES})
        | st.dictionaries(KEYS, VALUES, min_size=1, max_size=3),
        min_size=1,
        max_size=4,
    )
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_come_back_or_are_refused(name: str, made: list[Row], tmp_path: Path) -> None:
    path = tmp_path / name
    path.unlink(missing_ok=True)
    try:
        found = again(path, made)
    except BadInput:
        assert name in ("rows.csv", "rows.parquet")
        assert list(tmp_path.iterdir()) == []
    else:
        empty = {"prompt": "", "completion": ""} if name == "rows.csv" else {}
        known = {key for row in made for key in row}
        wanted = [{**{key: value for key, value in empty.items() if key in known}, **row} for row in made]
        assert found == wanted


def test_csv_of_other_programs(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(
        b'\xef\xbb\xbfprompt;completion;id;page;note\r\n3;[1, 2];007;3;\r\n\r\n"a;\nb";x;1e5;x;"""q"""\r\n'
    )
    source = look(path)
    assert source.said == "CSV, with a byte order mark"
    assert list(rows(source)) == [
        (f"{path}:2", {"prompt": "3", "completion": "[1, 2]", "id": "007", "page": 3}),
        (f"{path}:4", {"prompt": "a;\nb", "completion": "x", "id": "1e5", "page": "x", "note": '"q"'}),
    ]


def test_labels_as_pandas_writes_them(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("prompt,completion,label\nq,a,False\n")
    assert [row["label"] for _, row in rows(look(tmp_path / "rows.csv"))] == [False]
    made: list[Row] = [{"label": "True"}, {"label": True}, {"label": "true"}]
    assert again(tmp_path / "again.csv", made) == made


def test_an_array_is_read_an_element_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.files.array.CHUNK", 7)
    path = tmp_path / "rows.json"
    path.write_text('[\n  {"a": "é, [{"},\n  {"a": 1e-3,\n   "b": [1, {"c": null}]}\n]\n')
    assert list(rows(look(path))) == [
        (f"{path}:2", {"a": "é, [{"}),
        (f"{path}:3", {"a": 1e-3, "b": [1, {"c": None}]}),
    ]


def test_half_a_surrogate_pair_goes_through_json(tmp_path: Path) -> None:
    made: list[Row] = [{"prompt": "half a pair: \ud83d"}]
    assert again(tmp_path / "rows.jsonl", made) == made
    for name in ("rows.csv", "rows.parquet"):
        with pytest.raises(BadInput, match="row 1"):
            again(tmp_path / name, made)


def test_parquet_says_times_in_text(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    import pyarrow as pa
    from pyarrow import parquet

    when = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    parquet.write_table(pa.table({"when": [when], "note": [None]}), tmp_path / "rows.parquet")
    assert [row for _, row in rows(look(tmp_path / "rows.parquet"))] == [{"when": "2026-01-02T03:04:00+00:00"}]


def test_a_dataset_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    write([("row 1", ROWS[0])], target(Path("hf:made")))
    source = look(Path("hf:made"))
    assert list(rows(source)) == [("hf:made: row 1", ROWS[0])]
    with pytest.raises(BadInput, match=r"no split 'test': choose one of train"):
        list(rows(look(Path("hf:made#test"))))
    with pytest.raises(BadInput, match="made: is a folder"):
        write([("row 1", ROWS[0])], target(Path("hf:made")), replace=True)


def test_a_dataset_that_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import Dataset, DatasetDict

    monkeypatch.chdir(tmp_path)
    parts = {name: Dataset.from_list([{"prompt": name, "none": None}]) for name in ("train", "test")}
    DatasetDict(parts).save_to_disk("saved")
    assert list(rows(look(Path("hf:saved#test")))) == [("hf:saved#test: row 1", {"prompt": "test"})]
    with pytest.raises(BadInput, match=r"hf:saved: choose a split, of test, train \(hf:NAME#SPLIT\)"):
        list(rows(look(Path("hf:saved"))))
    with pytest.raises(BadInput, match=r"hf:a:b:c: write hf:NAME"):
        list(rows(look(Path("hf:a:b:c"))))


def test_a_dataset_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match=r"^hf:nobody/nothing: cannot be had: .* name a folder that was downloaded"):
        list(rows(look(Path("hf:nobody/nothing"))))
