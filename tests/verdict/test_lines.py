"""Files that the fast readers do not take: read after all where the meaning is plain, else the line and column named."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.verdict import load_rows

HEADER = "suite,contender,technique,metric,case_id,training_seed,split,score,error\n"
FIRST = "triage,sft,tune,em,t-1,0,test,1,\n"
SECOND = "triage,sft,tune,em,t-2,0,test,0,\n"
ROW = '{"suite": "s", "contender": "z", "technique": "prompt", "metric": "em", "split": "test", "case_id": "1", "score": 1}\n'


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "second",
    [
        SECOND.replace(",0,test", ",0.0,test"),
        SECOND.replace("test,0", "test,False"),
        SECOND.replace("test,0", 'test," 0"'),
        SECOND.replace(",0,test", ',"0",test'),
        SECOND.replace("\n", "\r\n"),
        SECOND.replace("\n", "\n\n"),
    ],
)
def test_what_spreadsheets_and_pandas_write_is_read(tmp_path: Path, second: str) -> None:
    plain = load_rows(written(tmp_path / "a.csv", HEADER + FIRST + SECOND))
    assert load_rows(written(tmp_path / "b.csv", HEADER + FIRST + second)).hash == plain.hash
    assert load_rows(written(tmp_path / "c.csv", HEADER + FIRST + second, "utf-8-sig")).hash == plain.hash


def test_an_error_with_line_breaks(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.csv", HEADER + FIRST + 'triage,sft,tune,em,t-2,0,test,,"time-out\nafter 60 s, twice"\n'
    )
    (run,) = load_rows(path).runs
    assert run.scores.tolist()[0] == 1.0
    assert run.scores.size == 2


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (SECOND.replace("test,0", "test,pass"), "a.csv: line 3: score: given 'pass', allowed is a number such as 0.5"),
        (SECOND.replace("test,0", 'test,"0,5"'), "a.csv: line 3: score: given '0,5', allowed is a number such as 0.5"),
        (SECOND.replace(",0,test", ",a,test"), "a.csv: line 3: training_seed: given 'a', allowed is a whole number"),
        (SECOND.replace(",0,test", ",1e30,test") + "x", "a.csv: line 3: training_seed: given '1e30'"),
        ("triage,x\n", "a.csv: line 3: 2 fields, the header has 9: 'triage,x'"),
        (SECOND.replace("t-2", '"t-2'), "a.csv: line 3: not CSV: unexpected end of data"),
    ],
)
def test_the_line_and_column_are_named(tmp_path: Path, second: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_rows(written(tmp_path / "a.csv", HEADER + FIRST + second))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.csv: the file is empty: write a header and one row for each score"),
        (HEADER, "a.csv: no rows"),
        (HEADER.replace(",", ";"), "a.csv: the columns are separated by ';': save the file with commas"),
        (HEADER.replace(",", "\t"), "a.csv: the columns are separated by '\\t': save the file with commas"),
        (HEADER.replace("case_id", "Case ID") + FIRST, "unknown column 'Case ID': write 'case_id': rows have no other"),
    ],
)
def test_files_that_are_no_table_of_rows(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_rows(written(tmp_path / "a.csv", text))
    assert message in str(caught.value)


def test_another_encoding_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.csv: not UTF-8: save it as CSV in UTF-8"):
        load_rows(written(tmp_path / "a.csv", HEADER + FIRST, "utf-16"))
    with pytest.raises(BadInput, match=r"b\.csv: cannot read the scores: no such file$"):
        load_rows(tmp_path / "b.csv")


def test_numbers_as_ids_in_jsonl_are_texts(tmp_path: Path) -> None:
    given = written(tmp_path / "a.jsonl", ROW.replace('"1"', "1") + ROW.replace('"1"', "2"))
    texts = written(tmp_path / "b.jsonl", ROW + ROW.replace('"1"', '"2"'))
    assert load_rows(given).hash == load_rows(texts).hash


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ('{"suite": ', "a.jsonl:2: not valid JSON"),
        ("[1]", "a.jsonl:2: given '[1]': every line must be a JSON object"),
        (ROW.replace(": 1}", ': "high"}'), "a.jsonl:2: score: given 'high', allowed is a number such as 0.5"),
        (ROW.replace('"1"', "[1]"), "a.jsonl:2: case_id: given [1], allowed is a text"),
        (ROW.replace('"1"', "true"), "a.jsonl:2: case_id: given True, allowed is a text"),
        (ROW.replace("}", ', "repeat": 0.5}'), "a.jsonl:2: repeat: given 0.5, allowed is a whole number"),
        (ROW.replace("}", ', "flagged": "maybe"}'), "a.jsonl:2: flagged: given 'maybe', allowed is true or false"),
        (ROW.replace("}", ', "scores": [1]}').replace('"1"', "1"), "unknown column 'scores': did you mean 'score'?"),
    ],
)
def test_wrong_jsonl_is_named_by_its_line(tmp_path: Path, second: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_rows(written(tmp_path / "a.jsonl", ROW + second))
    assert message in str(caught.value)
