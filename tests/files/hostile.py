"""Contents of files that go wrong in every way that is known, and in some that are not: for fuzzing what reads them."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
from hypothesis import strategies as st
from pyarrow import parquet

from tests.formats.talks import ROWS

Named = tuple[str, bytes]
"""A file's name and what is in it."""

GOOD = [json.dumps(row) for row in ROWS.values()]
ODD = [
    "",
    " ",
    "null",
    "[]",
    "{}",
    "3",
    '"text"',
    "{",
    "]",
    '{"prompt": NaN, "completion": "x"}',
    '{"prompt": 1e999, "completion": "x"}',
    '{"prompt": "a", "prompt": "b", "completion": "x"}',
    '{"prompt": null, "completion": null}',
    '{"prompt": "\\ud800", "completion": "x"}',
    '{"messages": [{"role": "user"}, null, 3]}',
    '{"messages": {"role": "user", "content": "x"}}',
    '{"conversations": [{"from": "nobody", "value": 3}]}',
    '{"instruction": ["x"], "output": {}, "history": [["a"]]}',
    '{"prompt": "p", "chosen": [], "rejected": [{"role": "assistant", "content": ""}]}',
    '{"prompt": "p", "completion": "c", "label": "yes"}',
    '{"input": "", "reference": "", "id": 3, "split": "train"}',
    '{"input": "a", "reference": "b", "id": "same"}',
    '{"input": "a", "reference": "b", "id": "same", "choices": 3, "documents": "x", "tags": []}',
    '{"input": "a", "output": "b", "rating": "many", "correction": 3}',
    '{"a": ' + "9" * 5000 + "}",
    '{"a": ' + "[" * 2000 + "]" * 2000 + "}",
    "\x00\x00\x00",
    "a,b\n1",
    'prompt,completion\n"unclosed',
    "prompt;completion\r\n1;2;3",
    "prompt,completion,completion\nx,y,z",
    "x" * 200_000,
]
BYTES = [
    b"\xff",
    b"\xed\xa0\x80",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\r",
    b"\x1f\x8b\x08",
    b"\x28\xb5\x2f\xfd",
    b"PAR1",
]
SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".data", "")
PACKED = ("", "", ".gz", ".zst")


def _table(rows: list[dict[str, object]]) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue().to_pybytes())


PARQUET = _table([{"prompt": "q", "completion": None}, {"prompt": None, "completion": "a"}])


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Rows of one format or of several, with what is wrong between them."""
    found = draw(st.lists(st.sampled_from(GOOD) | st.sampled_from(ODD) | st.text(max_size=30), max_size=5))
    shape = draw(st.sampled_from(["\n", "\r\n", ",", "\n\n"]))
    said = shape.join(found)
    if draw(st.booleans()) and shape == ",":
        said = f"[{said}]"
    return said.encode("utf-8", "surrogatepass")


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """Any bytes: rows, a table, or noise; then cut, doubled or spoilt here and there."""
    found = draw(lines() | lines() | st.just(PARQUET) | st.binary(max_size=80))
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        place = draw(st.integers(0, len(found)))
        spoilt = draw(st.sampled_from(BYTES) | st.binary(max_size=3))
        found = draw(st.sampled_from([found[:place] + spoilt + found[place:], found[:place], found[:place] + spoilt]))
    return draw(st.sampled_from([b"", b"", b"", b"\xef\xbb\xbf"])) + found


@st.composite
def files(draw: st.DrawFn) -> Named:
    """A file of any name: packed, damaged in its packing, or called what it is not."""
    found, packing = draw(contents()), draw(st.sampled_from(PACKED))
    name = f"in{draw(st.sampled_from(SUFFIXES))}{packing}"
    how = draw(st.sampled_from(["whole", "whole", "cut", "plain"]))
    if packing and how != "plain":
        found = gzip.compress(found, mtime=0) if packing == ".gz" else bytes(pa.compress(found, "zstd", asbytes=True))
        if how == "cut":
            found = found[: draw(st.integers(0, len(found)))]
    return name, found
