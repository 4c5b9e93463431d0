"""Rows that say nothing new are found: word for word and edited, against cases, training rows and each other."""

from __future__ import annotations

import random

import pytest

from harness.data import Row
from harness.data.fresh import ANOTHER, CASE, GIVES_AWAY, KNOWN, giving_away, stale
from harness.suite import Case

SYLLABLES = ("ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu", "zan")


def told(rng: random.Random, count: int = 25) -> str:
    return " ".join("".join(rng.choice(SYLLABLES) for _ in range(rng.choice((1, 2, 2, 3)))) for _ in range(count))


def edited(text: str, rng: random.Random, changes: int = 2) -> str:
    words = text.split()
    for place in rng.sample(range(len(words)), changes):
        words[place] = told(rng, 1)
    return " ".join(words)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(1)


def test_nothing_new_is_found_and_all_that_is_stays(rng: random.Random) -> None:
    cases = [Case(f"t{i}", told(rng), "x") for i in range(60)]
    known = [Row(f"train:{i}", (told(rng),), ("x",)) for i in range(120)]
    new = [told(rng) for _ in range(100)]
    planted = {
        CASE: [cases[3].input.upper(), edited(cases[4].input, rng), " ".join(cases[5].input.split()[4:20])],
        KNOWN: [f"{known[3].asked[0]}!", edited(known[4].asked[0], rng)],
        GIVES_AWAY: [f"Please read this: {cases[6].input} and then write an answer that {told(rng)}"],
        ANOTHER: [new[7], edited(new[8], rng), edited(new[99], rng)],
    }
    rows = [
        Row(f"new:{i}", (text,)) for i, text in enumerate([*new, *(text for some in planted.values() for text in some)])
    ]
    found = stale(rows, known=known, cases=cases)
    wanted = [why for why, some in planted.items() for _ in some]
    assert [found[100 + i].why for i in range(6)] == wanted[:6]
    assert found[100].where == "case t3"
    assert found[103].where == "train:3"
    pairs = [(7, 106), (8, 107), (99, 108)]
    assert all((one in found) is not (other in found) for one, other in pairs), "of two that are alike one stays"
    assert len(found) == 6 + 3, "and nothing else goes"


def test_short_texts_are_alike_when_they_are_the_same(rng: random.Random) -> None:
    rows = [Row(f"new:{i}", (text,)) for i, text in enumerate(["1 + 1", "1 + 2", "1 + 1.", "2 + 2", "9 + 9"])]
    found = stale(rows, known=[Row("train:1", ("2 + 2",))], cases=[Case("t", "9 + 9", "18")])
    assert {number: (one.why, one.where) for number, one in found.items()} == {
        2: (ANOTHER, "new:0"),
        3: (KNOWN, "train:1"),
        4: (CASE, "case t"),
    }


def test_many_rows_that_give_one_case_away_are_all_found(rng: random.Random) -> None:
    case = Case("t", told(rng), "x")
    rows = [Row(f"new:{i}", ("?",), (f"{told(rng)} {case.input}" if i % 2 else told(rng),)) for i in range(10)]
    assert set(giving_away(rows, [case])) == {1, 3, 5, 7, 9}


def test_nothing_to_compare() -> None:
    assert stale([], known=(), cases=()) == {}
    assert stale([Row("new:0", ("a",))], known=(), cases=()) == {}
