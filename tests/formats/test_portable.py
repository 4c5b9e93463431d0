"""What a suite names may be in any format, and what it named before reads as it always did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.formats.convert import convert
from harness.prompt import load_examples
from harness.recipe import Recipe
from harness.suite import load_suite, load_task
from harness.training import adapter_fingerprint
from harness.training.rows import demonstrations, preferences, read_rows
from tests.conftest import cases, write_rows
from tests.formats.talks import ANSWER, ASKED, ROWS, WORSE

MADE = [
    {"prompt": "q", "completion": "a", "source": None},
    {"messages": [ASKED, ANSWER], "more": [1.0, None]},
    {"completion": "\ud83d", "prompt": [ASKED]},
]
OLD = [
    [{"prompt": "q", "completion": "a", "label": "True"}],
    [{"prompt": "q", "completion": "a", "label": True}],
    [{"prompt": "q", "chosen": "a", "rejected": "b", "note": None}],
    [{"messages": [ASKED, ANSWER], "prompt": "q", "chosen": "a", "rejected": "b"}],
    [{"text": "of no format"}],
]


def said(path: Path) -> str:
    return adapter_fingerprint(model="m", recipe=Recipe(method="sft"), rows=path, seed=1)


@pytest.mark.parametrize("made", OLD)
def test_rows_are_what_they_were(made: list[dict[str, Any]], tmp_path: Path) -> None:
    path = write_rows(tmp_path / "train.jsonl", made)
    assert read_rows(path) == [(f"{path}:1", made[0])]


def test_rows_that_training_reads_go_through_untouched(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("\n\n".join(json.dumps(row) for row in MADE), encoding="utf-8")
    assert read_rows(path) == [(f"{path}:{1 + 2 * place}", row) for place, row in enumerate(MADE)]
    assert said(path) == adapter_fingerprint(model="m", recipe=Recipe(method="sft"), rows=MADE, seed=1)


@pytest.mark.parametrize("name", ["openai", "alpaca", "sharegpt", "prompt-completion", "messages"])
@pytest.mark.parametrize("file", ["train.jsonl", "train.json.gz", "train.csv", "train.parquet"])
def test_demonstrations_in_any_format_and_file(name: str, file: str, tmp_path: Path) -> None:
    plain = write_rows(tmp_path / "plain.jsonl", [ROWS[name], ROWS[name]])
    convert(plain, tmp_path / file, format_=name)
    first, second = demonstrations(read_rows(tmp_path / file), system="label")
    assert first.messages == second.messages == ({"role": "system", "content": "label"}, ASKED)
    assert first.answers == ("Two days.",)
    assert first.where.startswith(str(tmp_path / file))


@pytest.mark.parametrize(
    "row",
    [
        ROWS["preference"],
        ROWS["openai-preference"],
        {"chosen": [ASKED, ANSWER], "rejected": [ASKED, WORSE]},
        {"prompt": "How long?", "chosen": [ASKED, ANSWER], "rejected": [ASKED, WORSE]},
    ],
)
def test_preferences_in_any_format(row: dict[str, Any], tmp_path: Path) -> None:
    (example,) = preferences(read_rows(write_rows(tmp_path / "preferences.jsonl", [row])))
    assert (example.messages, example.answers) == ((ASKED,), ("Two days.", "No idea."))


def test_a_table_trains_the_same_adapter_as_its_lines(tmp_path: Path) -> None:
    plain = write_rows(tmp_path / "plain.jsonl", [ROWS["prompt-completion"]])
    convert(plain, tmp_path / "train.csv")
    assert said(tmp_path / "train.csv") == said(plain)


def suite(folder: Path, declared: str = "") -> Path:
    (folder / "suite.toml").write_text(f'metric = "exact_match"\n{declared}', encoding="utf-8")
    return folder


@pytest.mark.parametrize("file", ["cases.csv", "cases.parquet", "cases.json", "cases.jsonl.zst"])
def test_cases_in_any_file_are_the_same_cases(file: str, tmp_path: Path) -> None:
    made = [{**row, "cluster": f"k{number // 2}", "tags": {"page": number}} for number, row in enumerate(cases(6))]
    write_rows(tmp_path / "cases.jsonl", made)
    before = load_task(suite(tmp_path))
    convert(tmp_path / "cases.jsonl", tmp_path / file)
    task = load_task(suite(tmp_path, f'cases = "{file}"\n'))
    assert list(task.cases) == list(before.cases)
    assert task.counts == before.counts
    assert task.cases.content == before.cases.content  # type: ignore[attr-defined]


def test_demonstrations_serve_as_cases(tmp_path: Path) -> None:
    rows = [{**ROWS["alpaca"], "split": split, "source": "x"} for split in ("dev", "test")]
    write_rows(tmp_path / "exam.jsonl", rows)
    task = load_task(suite(tmp_path, 'cases = "exam.jsonl"\n'))
    assert [(case.id, case.input, case.reference, case.split) for case in task.cases] == [
        ("1", "How long?", "Two days.", "dev"),
        ("2", "How long?", "Two days.", "test"),
    ]
    assert next(iter(task.cases)).tags == {"source": "x"}


def test_what_is_wrong_in_a_table_of_cases_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text('id,input,reference,split\na,"x\ny",1,dev\nb,z,2,train\n', encoding="utf-8")
    with pytest.raises(BadInput, match=r"cases\.csv:4: split: given 'train': choose 'dev' or 'test'"):
        load_task(suite(tmp_path, 'cases = "cases.csv"\n'))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a", "input": "x", "input": "y", "reference": "z"}', "the key 'input' stands twice"),
        ('{"id": "a", "input": "x", "reference": "y", "tags": {"p": NaN}}', "NaN is no JSON number"),
    ],
)
def test_cases_say_each_thing_once(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "cases.jsonl").write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=rf"cases\.jsonl:2: not valid JSON: {said}"):
        load_task(suite(tmp_path))


def test_golden_examples_in_any_format(tmp_path: Path) -> None:
    write_rows(tmp_path / "golden.jsonl", [ROWS["sharegpt"]])
    assert load_examples(load_suite(suite(tmp_path, 'golden = "golden.jsonl"\n'))) == [(ASKED, ANSWER)]
