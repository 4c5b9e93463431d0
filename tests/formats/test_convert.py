"""``harness data convert``: every format in every kind of file, and nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.files import look, rows
from harness.formats import FORMATS, load_format
from harness.formats.convert import convert
from harness.formats.recognise import recognise
from tests.conftest import Ran, write_rows
from tests.formats.talks import ANSWER, ASKED, ROWS

Harness = Callable[..., Ran]
ALPACA = [
    {"instruction": "Translate.", "input": "Guten Tag", "output": "Good day", "source": "a"},
    {
        "instruction": "How long?",
        "input": "",
        "output": "Two days.",
        "system": "Be brief.",
        "history": [["Hi", "Hello"]],
    },
]


def read(path: Path) -> list[dict[str, Any]]:
    return [row for _, row in rows(look(path))]


@pytest.fixture
def alpaca(tmp_path: Path) -> Path:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(ALPACA), encoding="utf-8")
    return path


def test_alpaca_to_messages(alpaca: Path, harness: Harness) -> None:
    out = alpaca.with_name("train.jsonl.gz")
    ran = harness("data", "convert", alpaca, out, "--to", "messages")
    assert (ran.code, ran.out) == (
        0,
        f"{alpaca}: alpaca (Alpaca's form), a JSON array\nwrote {out}: 2 rows as messages\n",
    )
    first, second = read(out)
    assert first == {"messages": [{"role": "user", "content": "Translate.\nGuten Tag"}, {"role": "assistant", "content": "Good day"}], "source": "a"}  # fmt: skip
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "user", "assistant"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_a_kind_of_file_keeps_the_format(name: str, kind: str, tmp_path: Path, harness: Harness) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [ROWS[name]] * 3)
    assert harness("data", "convert", path, tmp_path / f"rows.{kind}", "--to", kind, "--from", name).code == 0
    assert harness("data", "convert", tmp_path / f"rows.{kind}", tmp_path / "again.jsonl", "--from", name).code == 0
    again = recognise(look(tmp_path / "again.jsonl"), name)
    assert [record for _, record in again.records()] == [load_format(name).read(ROWS[name])] * 3


def test_as_json(alpaca: Path, harness: Harness) -> None:
    ran = harness(
        "data", "convert", alpaca, alpaca.with_name("out.csv"), "--to", "sharegpt", "--json", "--from", "alpaca"
    )
    said = json.loads(ran.out)
    assert (said["from"], said["kind"], said["to"], said["rows"]) == ("alpaca", "json", "sharegpt", 2)


def test_what_cannot_be_expressed_names_its_line_and_leaves_nothing(alpaca: Path, harness: Harness) -> None:
    out = alpaca.with_name("cases.jsonl")
    ran = harness("data", "convert", alpaca, out, "--to", "cases")
    assert ran.code == 4
    assert f"{alpaca}:1: has messages of system, user, assistant, user, assistant, and a case is one" in ran.err
    assert list(alpaca.parent.iterdir()) == [alpaca]


def test_a_file_that_is_there_is_kept_unless_told(alpaca: Path, harness: Harness) -> None:
    out = alpaca.with_name("out.jsonl")
    out.write_text("mine")
    ran = harness("data", "convert", alpaca, out, "--to", "messages")
    assert (ran.code, out.read_text()) == (4, "mine")
    assert "is there already: --replace writes it anew" in ran.err
    broken = alpaca.with_name("broken.jsonl")
    broken.write_text(json.dumps(ROWS["messages"]) + "\n{", encoding="utf-8")
    assert harness("data", "convert", broken, out, "--replace").code == 4
    assert out.read_text() == "mine"
    assert harness("data", "convert", alpaca, out, "--to", "messages", "--replace").code == 0
    assert len(read(out)) == 2


def test_a_file_may_be_replaced_by_itself(alpaca: Path, harness: Harness) -> None:
    assert harness("data", "convert", alpaca, alpaca, "--to", "messages", "--replace").code == 0
    assert recognise(look(alpaca)).format.name == "messages"


ULTRA = {"prompt": "How long?", "chosen": [ASKED, ANSWER], "rejected": [ASKED, ANSWER], "messages": [ASKED, ANSWER]}


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("in.jsonl", "", (), "in.jsonl: is empty"),
        ("in.jsonl", '{"text": "x"}', (), "given ['text']: no format has these columns: name it by --from: messages,"),
        ("in.jsonl", json.dumps(ULTRA), (), "this may be messages or preference: name it by --from"),
        ("in.jsonl", json.dumps(ROWS["kto"]), ("--from", "alpaca"), "alpaca needs instruction, output"),
        ("in.jsonl", json.dumps(ROWS["kto"]), ("--from", "alpacca"), "did you mean 'alpaca'?"),
        ("in.jsonl", json.dumps(ROWS["kto"]), ("--to", "mesages"), "did you mean 'messages'?"),
        ("in.jsonl", json.dumps(ROWS["kto"]), ("--to", "csv"), "its name says jsonl, and csv was asked for"),
        ("in.jsonl", json.dumps(ROWS["kto"]), ("--to", "messages"), "is a rating, and messages holds demonstrations"),
        (
            "in.jsonl",
            f"{json.dumps(ROWS['messages'])}\n{json.dumps(ROWS['alpaca'])}\n",
            (),
            "in.jsonl:2: given ['input', 'instruction', 'output']: this is alpaca, and the file began as messages",
        ),
    ],
)
def test_one_clear_error(
    name: str, content: str, options: tuple[str, ...], said: str, tmp_path: Path, harness: Harness
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    ran = harness("data", "convert", tmp_path / name, tmp_path / "out.jsonl", *options)
    assert ran.code == 4
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("out.txt", "unknown kind of file '.txt'"),
        ("out.parquet.gz", "Parquet packs its columns itself"),
        ("nowhere/out.jsonl", "there is no folder"),
        ("", "is a folder"),
    ],
)
def test_a_place_that_cannot_be_written(out: str, said: str, alpaca: Path, harness: Harness) -> None:
    ran = harness("data", "convert", alpaca, alpaca.parent / out, *(() if out else ("--to", "jsonl")))
    assert ran.code == 4
    assert said in ran.err


LINES = st.sampled_from([json.dumps(row) for row in ROWS.values()] + ["{", "[]", "null", "", '{"a": NaN}', "\ufeff{}", '{"messages": 3}', '{"prompt": "\\ud800", "completion": "x"}'])  # fmt: skip


@given(lines=st.lists(LINES, max_size=4), to=st.sampled_from([*FORMATS, None]), name=st.sampled_from(["o.jsonl", "o.json.gz", "o.csv", "o.parquet"]))  # fmt: skip
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_given_a_whole_file_comes_out_or_none(
    lines: list[str], to: str | None, name: str, tmp_path: Path
) -> None:
    for before in tmp_path.iterdir():
        before.unlink()
    path, out = tmp_path / "in.jsonl", tmp_path / name
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        convert(path, out, to=to)
    except BadInput:
        assert [found.name for found in tmp_path.iterdir()] == ["in.jsonl"]
    else:
        assert {found.name for found in tmp_path.iterdir()} == {"in.jsonl", name}
        assert len(read(out)) == sum(bool(line) for line in lines)
