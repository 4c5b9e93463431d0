"""Whatever a file holds: rows come out of it, or one sentence about it, and nothing is left half-written.

Everything that reads a user's file is tried on the same hostile files: kinds of files, formats, cases, training rows, feedback,
documents, and the commands that go through them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.data.skip import load_skips
from harness.errors import BadInput
from harness.exposure import Source
from harness.files import look, rows
from harness.formats import FORMATS
from harness.formats.convert import convert
from harness.formats.portable import training_rows
from harness.formats.recognise import recognise
from harness.leaks import find
from harness.retrieval import load_documents
from harness.suite import Cases
from tests.files.hostile import Named, files

CASE = {"input": "How long does it take until the parcel is here?", "reference": "Two days.", "id": "t1"}


def read(path: Path) -> Any:
    return [row for _, row in rows(look(path))]


def records(path: Path) -> None:
    for _ in recognise(look(path)).records():
        pass


def cases(path: Path) -> None:
    found = Cases(path)
    assert len(list(found)) == len(found) == found.counts.total()


def leaks(path: Path) -> None:
    asked = path.with_name("asked.jsonl")
    asked.write_text(json.dumps(CASE), encoding="utf-8")
    try:
        find([asked, path])
    finally:
        asked.unlink()


def trained(path: Path) -> None:
    for kind in ("train", "preferences", "ratings"):
        try:
            list(Source(path, kind).texts())
        except BadInput:
            if kind == "ratings":
                raise


READERS: dict[str, Callable[[Path], Any]] = {
    "rows": read,
    "records": records,
    "cases": cases,
    "training": lambda path: list(training_rows(path)),
    "examples": trained,
    "skips": load_skips,
    "documents": load_documents,
    "leaks": leaks,
}
OUT = ("out.jsonl", "out.json.gz", "out.csv", "out.parquet", "out.jsonl.zst")


def tried(file: Named, folder: Path, reader: str) -> None:
    """One sentence that names the file, or what was read; nobody writes."""
    path = _alone(file, folder)
    try:
        found = READERS[reader](path)
    except BadInput as error:
        said = str(error)
        assert str(folder) in said
        assert "\n" not in said.strip()
        assert "Traceback" not in said
    else:
        if reader == "rows":
            assert all(isinstance(row, dict) for row in found)
            json.dumps(found, allow_nan=False)
    assert [one.name for one in folder.iterdir()] == [path.name]


def converted(folder: Path, file: Named, to: str | None, name: str) -> None:
    """A whole file comes out, or none."""
    path = _alone(file, folder)
    try:
        done = convert(path, folder / name, to=to)
    except BadInput:
        assert [one.name for one in folder.iterdir()] == [path.name]
    else:
        assert {one.name for one in folder.iterdir()} == {path.name, name}
        assert len(read(folder / name)) == done.rows


def _alone(file: Named, folder: Path) -> Path:
    for before in folder.iterdir():
        before.unlink()
    path = folder / file[0]
    path.write_bytes(file[1])
    return path


def fuzz(count: int) -> settings:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=count, deadline=None, suppress_health_check=checks, phases=set(Phase) - {Phase.explain}
    )


FEW, MANY = 40, 1_200
CONVERSIONS = st.tuples(files(), st.sampled_from([*FORMATS, None]), st.sampled_from(OUT))


@pytest.mark.parametrize("reader", READERS)
def test_any_file_is_read_or_refused(reader: str, tmp_path: Path) -> None:
    fuzz(FEW)(given(file=files())(lambda file: tried(file, tmp_path, reader)))()


def test_a_whole_file_comes_out_or_none(tmp_path: Path) -> None:
    fuzz(FEW)(given(drawn=CONVERSIONS)(lambda drawn: converted(tmp_path, *drawn)))()


@pytest.mark.exhaustive
@pytest.mark.parametrize("reader", READERS)
def test_any_of_very_many_files_is_read_or_refused(reader: str, tmp_path: Path) -> None:
    fuzz(MANY)(given(file=files())(lambda file: tried(file, tmp_path, reader)))()


@pytest.mark.exhaustive
def test_of_very_many_files_a_whole_one_comes_out_or_none(tmp_path: Path) -> None:
    fuzz(2 * MANY)(given(drawn=CONVERSIONS)(lambda drawn: converted(tmp_path, *drawn)))()


@pytest.mark.parametrize("reader", READERS)
def test_a_folder_is_no_file(reader: str, tmp_path: Path) -> None:
    folder = tmp_path / "in.jsonl"
    folder.mkdir()
    with pytest.raises(BadInput, match=r"in\.jsonl"):
        READERS[reader](folder)
    shutil.rmtree(folder)
