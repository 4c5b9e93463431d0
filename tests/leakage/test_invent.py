"""Questions for new inputs, and what their replies are read as."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data import invent


def test_a_question_shows_seeds_as_data_and_says_how_many() -> None:
    shown = invent.draw([f"seed {i}" for i in range(50)], 3, seed=1)
    system, user = (message["content"] for message in invent.ask(shown, told="Label it.", count=5))
    assert "Write 5 more of the same kind" in system
    assert json.loads(user.partition("Inputs:\n")[2].rpartition("\n\n")[0]) == shown
    assert user.startswith("What the system is told:\nLabel it.")
    assert len(set(shown)) == invent.SHOWN


def test_each_question_shows_others_the_same_each_time() -> None:
    seeds = [f"seed {i}" for i in range(50)]
    drawn = [invent.draw(seeds, number, seed=1) for number in range(5)]
    assert drawn == [invent.draw(seeds, number, seed=1) for number in range(5)]
    assert len({tuple(some) for some in drawn}) == 5
    assert invent.draw(seeds, 0, seed=2) != drawn[0]
    assert sorted(invent.draw(["a", "b"], 0, seed=1)) == ["a", "b"]


@pytest.mark.parametrize(
    ("reply", "read"),
    [
        ('{"inputs": [" a ", "b", "", 3, null, ["c"]]}', ("a", "b")),
        ('{"inputs": "a"}', ()),
        ('["a"]', ()),
        ("Sure! {", ()),
        ('{"inputs": []}', ()),
        ("[" * 100_000, ()),
    ],
)
def test_a_reply_is_read_or_it_is_none(reply: str, read: tuple[str, ...]) -> None:
    assert invent.read(reply) == read


@given(
    st.text()
    | st.recursive(st.none() | st.text(), lambda some: st.dictionaries(st.just("inputs"), some)).map(json.dumps)
)
def test_no_reply_breaks_it(reply: str) -> None:
    assert all(text.strip() == text != "" for text in invent.read(reply))
