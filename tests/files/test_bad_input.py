"""Whatever lies in a file: one clear error with file and line, or handled and said."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.files import look, rows, target, write
from harness.files.source import LONGEST

GOOD = b'{"prompt": "q", "completion": "a"}\n'


def read(path: Path, content: bytes) -> list[dict[str, object]]:
    path.write_bytes(content)
    return [row for _, row in rows(look(path))]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", GOOD + b'{"prompt"\n', "rows.jsonl:2: not valid JSON: Expecting ':' delimiter (column 10)"),
        ("rows.jsonl", GOOD + b"[1]\n", "rows.jsonl:2: given '[1]': every line must be a JSON object"),
        ("rows.jsonl", GOOD + b"null\n", "rows.jsonl:2: given 'null'"),
        ("rows.jsonl", GOOD + b'{"a": NaN}\n', "rows.jsonl:2: not valid JSON: NaN is no JSON number"),
        ("rows.jsonl", GOOD + b'{"a": 1e999}\n', "rows.jsonl:2: not valid JSON: 1e999 is too large a number"),
        ("rows.jsonl", b'{"a": {"b": 1, "c": 2, "b": 3}}\n', "rows.jsonl:1: not valid JSON: the key 'b' stands twice"),
        ("rows.jsonl", b'{"a": ' + b"9" * 5000 + b"}", "rows.jsonl:1: not valid JSON: Exceeds the limit"),
        ("rows.jsonl", b'{"a": ' + b"[" * 100_000, "rows.jsonl:1: not valid JSON: nested too deep"),
        ("rows.jsonl", GOOD + b'{"a": "\xff"}\n', "rows.jsonl:2: not UTF-8: byte 0xff at place 8: save"),
        ("rows.jsonl", "\ufeff{}".encode("utf-16-le"), "rows.jsonl: UTF-16: save the file as UTF-8"),
        ("rows.jsonl", GOOD + b"\x00\x00", "rows.jsonl:2: not valid JSON"),
        ("rows.json", b'[{"a": 1},\n\n{"a": ]', "rows.json:3: not valid JSON: Expecting value"),
        ("rows.json", b'[{"a": 1},\n 3]', "rows.json:2: given '3]': every element must be a JSON object"),
        ("rows.json", b'[{"a": 1}\n', "rows.json:2: not valid JSON: the file ends where , or ] belongs"),
        ("rows.json", b'[{"a": 1}]\n x', "rows.json:2: not valid JSON: something follows the array"),
        ("rows.json", b'[{"a": 1},\n {"a": "\xff"}]', "rows.json:2: not UTF-8"),
        ("rows.json", b'[\n{"a": 1, "a": 2}]', "rows.json:2: not valid JSON: the key 'a' stands twice"),
        ("rows.csv", b"prompt,completion\nq\n", "rows.csv:2: 1 cells, and the header names 2"),
        ("rows.csv", b"prompt,\nq,a\n", "rows.csv:1: column 2 has no name"),
        ("rows.csv", b"prompt,prompt\nq,a\n", "rows.csv:1: two columns are called 'prompt'"),
        ("rows.csv", b'prompt,completion\n"q,a\n', "rows.csv:2: not valid CSV: unexpected end of data"),
        ("rows.csv", b"prompt,completion\nq,\xe9\n", "rows.csv:2: not UTF-8"),
        ("rows.parquet", b"PAR1 and no more", "rows.parquet: not valid Parquet"),
        ("rows.parquet.gz", gzip.compress(b"PAR1", mtime=0), "Parquet packed by gzip: unpack it first"),
        ("rows.jsonl.gz", gzip.compress(GOOD * 1000, mtime=0)[:-20], "rows.jsonl.gz: damaged"),
        ("rows.jsonl.gz", b"\x1f\x8bnonsense", "rows.jsonl.gz: damaged"),
        ("rows.jsonl.zst", pa.compress(GOOD * 1000, "zstd", asbytes=True)[:-9], "rows.jsonl.zst: damaged"),
        ("rows.xlsx", b"PK\x03\x04", "rows.xlsx: neither JSON (it begins with b'PK"),
    ],
)
def test_one_clear_error(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        read(tmp_path / name, content)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.jsonl", b"\xef\xbb\xbf" + GOOD, "JSON lines, with a byte order mark"),
        ("rows.jsonl", b"\n \n" + GOOD.replace(b"\n", b"\r\n"), "JSON lines"),
        ("rows.data", gzip.compress(b"\xef\xbb\xbf" + GOOD, mtime=0), "JSON lines, gzip, with a byte order mark"),
        ("rows.zst", pa.compress(b"[" + GOOD + b"]", "zstd", asbytes=True), "a JSON array, zstd"),
        ("rows.jsonl.gz", gzip.compress(GOOD, mtime=0) + gzip.compress(b"", mtime=0), "JSON lines, gzip"),
        ("rows.csv", b"prompt,completion\nq,a", "CSV"),
    ],
)
def test_handled_and_said(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    assert read(tmp_path / name, content) == [{"prompt": "q", "completion": "a"}]
    assert look(tmp_path / name).said == said


def test_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"rows\.jsonl: no such file"):
        look(tmp_path / "rows.jsonl")
    with pytest.raises(BadInput, match="is a folder: name a file in it, or hf:"):
        look(tmp_path)
    assert read(tmp_path / "rows.jsonl", b"") == []
    assert read(tmp_path / "rows.csv", b"\n\n") == []


@pytest.mark.parametrize(
    ("name", "head"), [("rows.jsonl", b'{"a": "'), ("rows.json", b'[{"a": "'), ("rows.csv", b'a\n"')]
)
def test_a_line_of_a_hundred_megabytes(name: str, head: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(head)
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        if name == "rows.jsonl":  # the other kinds refuse NUL as soon as it comes
            file.truncate(700 << 20)
    tracemalloc.start()
    with pytest.raises(BadInput) as refused:
        list(rows(look(path)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "longer than 64 MiB" in str(refused.value)
    assert str(refused.value).startswith(f"{path}:{2 if name == 'rows.csv' else 1}: ")
    assert peak < 6 * LONGEST


def test_memory_is_bounded(tmp_path: Path) -> None:
    made = [{"prompt": f"{number} " + "x" * 2000, "completion": "y"} for number in range(4_000)]
    for name in ("rows.jsonl.gz", "rows.json", "rows.csv", "rows.parquet"):
        path = tmp_path / name
        write((("row", row) for row in made), target(path))
        tracemalloc.start()
        assert sum(1 for _ in rows(look(path))) == len(made)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 6 << 20, name


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv", "rows.parquet"])
@given(
    content=st.binary(max_size=60)
    | st.sampled_from([GOOD, b"[" + GOOD + b"]", b"a,b\n1,2\n"]).flatmap(
        lambda good: st.tuples(st.integers(0, len(good)), st.binary(max_size=4)).map(
            lambda cut: good[: cut[0]] + cut[1] + good[cut[0] :]
        )
    )
)
@example(content=b"\x28\xb5\x2f\xfd")
@example(content=b"\x1f\x8b")
@example(content=b"PAR1" * 3)
@example(content=b'{"a": "\\ud800"}')
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    try:
        found = read(path, content)
    except BadInput as error:
        said = str(error)
        assert said.startswith(str(path))
    else:
        assert all(isinstance(row, dict) for row in found)
        json.dumps(found, allow_nan=False)
