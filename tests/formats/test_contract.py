"""What holds of every format, and of every pair of them."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.files import look
from harness.formats import FORMATS, Record, load_format
from harness.formats.recognise import candidates, recognise
from tests.conftest import write_rows
from tests.formats.talks import ROWS, any_talk, talks

LOOK_ALIKE = {"openai": "messages"}


def test_every_format_has_a_row_here() -> None:
    assert ROWS.keys() == FORMATS.keys()


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_is_recognised_by_its_columns(name: str, tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "rows.jsonl", [{**ROWS[name], "source": "x"}] if "openai" not in name else [ROWS[name]]
    )
    assert recognise(look(path)).format.name == LOOK_ALIKE.get(name, name)


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_is_read_and_written_as_it_was(name: str) -> None:
    form = load_format(name)
    record = form.read(ROWS[name])
    assert record.kind == form.kind
    assert [message["content"] for message in (*record.asked, *record.answer)] == ["How long?", "Two days."]
    assert form.write(record) == ROWS[name]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_null_is_not_there(name: str) -> None:
    form = load_format(name)
    assert form.read({**ROWS[name], "system": None, "source": None}) == form.read(ROWS[name])


@pytest.mark.parametrize("name", FORMATS)
@given(st.data())
@settings(deadline=None, max_examples=25)
def test_a_broken_row_is_refused_and_nothing_else_happens(name: str, data: st.DataObject) -> None:
    row = json.loads(json.dumps(ROWS[name]))
    key = data.draw(st.sampled_from(sorted(row)))
    row[key] = data.draw(st.sampled_from([None, 3, 1.5, [], [3], [[]], {}, {"role": "user"}, [{"role": "user"}], [{"role": "x", "content": "y"}]]))  # fmt: skip
    with suppress(BadInput):
        load_format(name).read(row)


def expressible(record: Record, name: str) -> bool:
    try:
        load_format(name).write(record)
    except BadInput:
        return False
    return True


PAIRS = list(permutations(FORMATS, 2))
ALIKE = [pair for pair in PAIRS if len({load_format(name).kind for name in pair}) == 1]


@pytest.mark.parametrize("pair", ALIKE, ids="-".join)
@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_round_trips(pair: tuple[str, str], data: st.DataObject) -> None:
    """What both express, survives the way through both; and through one."""
    record = data.draw(talks(load_format(pair[0]).kind, turns=data.draw(st.sampled_from([0, 0, 2]))))
    if not all(expressible(record, name) for name in pair):
        return
    for name in pair:
        form = load_format(name)
        row = json.loads(json.dumps(form.write(record)))
        assert form.claims(row)
        record_again = form.read(row)
        assert record_again == record
        record = record_again


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if pair not in ALIKE], ids="-".join)
def test_formats_of_two_kinds_refuse_each_other(pair: tuple[str, str]) -> None:
    record = load_format(pair[0]).read(ROWS[pair[0]])
    with pytest.raises(BadInput, match=f"is a {record.kind}, and {pair[1]} holds"):
        load_format(pair[1]).write(record)


@given(record=any_talk())
@settings(deadline=None, max_examples=60)
def test_each_kind_has_a_format_that_expresses_all(record: Record) -> None:
    widest = {"demonstration": "messages", "preference": "openai-preference", "rating": "kto"}[record.kind]
    if record.more and widest.startswith("openai"):
        widest = "preference"
    assert expressible(record, widest)


def test_what_may_be_two_is_asked_for() -> None:
    row = {"prompt": "p", "chosen": [], "rejected": [], "messages": []}
    assert [form.name for form in candidates(row)] == ["messages", "preference"]
