"""Near copies are found, and what is measured of them is the Jaccard index."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.audit.entry import Entry
from harness.data.audit.frame import Frame
from harness.data.audit.runs import KEPT, alike, jaccard, runs
from harness.data.audit.twins import Twins
from harness.data.words import plain
from harness.formats.record import Record

WORDS = [f"{a}{b}{c}" for a in ("ka", "lo", "mi") for b in ("re", "su", "ti", "vo") for c in ("n", "st", "l", "ra")]


FRAME = Frame(1)
"""Of questions that share nothing."""


def entry(where: str, asked: str, answer: str = "x") -> Entry:
    return Entry.of(where, Record(({"role": "user", "content": asked},), ({"role": "assistant", "content": answer},)))


def exact(one: str, other: str) -> float:
    ours, theirs = ({text[i : i + 5] for i in range(len(text) - 4)} for text in (plain(one), plain(other)))
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 0.0


@given(st.text("ab c", max_size=60), st.text("ab c", max_size=60))
def test_of_short_texts_the_index_is_exact(one: str, other: str) -> None:
    assert jaccard(runs(plain(one)), runs(plain(other))) == pytest.approx(exact(one, other))


def test_of_long_texts_it_is_near() -> None:
    draw = random.Random(1)
    errors = []
    for _ in range(40):
        words = draw.choices([str(n) for n in range(5000)], k=600)
        changed = [word if draw.random() < 0.97 else "changed" for word in words]
        one, other = " ".join(words), " ".join(changed)
        assert len(runs(one)) > 2 * KEPT
        errors.append(jaccard(runs(one)[:KEPT], runs(other)[:KEPT]) - exact(one, other))
    assert abs(float(np.mean(errors))) < 0.015
    assert float(np.std(errors)) < 0.04


def test_nearly_all_pairs_above_the_line_are_found_and_none_below() -> None:
    draw = random.Random(2)
    texts = [" ".join(draw.choices(WORDS, k=draw.randint(8, 40))) for _ in range(60)]
    for text in list(texts):
        words = text.split()
        for place in draw.sample(range(len(words)), draw.choice((1, 1, 2, 4))):
            words[place] = draw.choice(WORDS)
        texts.append(" ".join(words))
    twins = Twins(0.8)
    for number, text in enumerate(texts):
        twins.add(entry(str(number), text), 0, FRAME)
    found = {(int(match.first), int(match.second)): match.similarity for match in twins.near()}
    pairs = ((a, b) for a, b in combinations(range(len(texts)), 2) if texts[a] != texts[b])
    true = {pair for pair in pairs if exact(*(texts[number] for number in pair)) >= 0.8}
    assert len(true) > 30
    assert len(true & found.keys()) >= 0.98 * len(true)
    assert all(found[pair] == pytest.approx(exact(texts[pair[0]], texts[pair[1]])) for pair in found)


def test_a_crowd_of_copies_is_not_held_against_itself_pair_by_pair() -> None:
    twins = Twins(0.8)
    for number in range(3000):
        asked = f"Where is the parcel that I ordered from your shop last week, number {number}?"
        twins.add(entry(str(number), asked), 0, FRAME)
    found = list(twins.near())
    assert len({match.second for match in found}) > 2900
    assert len(found) < 4 * 3000


def test_short_texts_have_no_near_copies() -> None:
    twins = Twins(0.1)
    for number, text in enumerate(("", "a", "yes", "yes!", "yes.", "no", "Where is it")):
        twins.add(entry(str(number), text), 0, FRAME)
    assert list(twins.near()) == []
    assert alike("Yes.", " yes", 0.8)
    assert not alike("yes", "yet", 0.1)


def test_the_same_question_in_two_parts_is_told_once_for_each_two() -> None:
    twins = Twins(0.8)
    for part, where in ((0, "a:1"), (0, "a:2"), (1, "b:1"), (2, "c:1")):
        twins.add(entry(where, "Where is my parcel now, please?"), part, FRAME)
    told = [(match.first, match.second, match.part, match.other, match.similarity) for match in twins.near()]
    assert told == [("a:1", "b:1", 0, 1, 1.0), ("a:1", "c:1", 0, 2, 1.0), ("b:1", "c:1", 1, 2, 1.0)]


def framed(texts: list[str]) -> Frame:
    frame = Frame(1)
    for text in texts:
        frame.add(text)
    return frame


def test_the_instruction_before_every_question_makes_no_near_copies() -> None:
    draw = random.Random(3)
    before = (
        "Read the note of the customer below and say in one word, without any reason, to which desk it belongs. Deliveries go to "
        "the first floor, whatever is broken to the workshop, money matters to Ms Orrin, and praise is kept by nobody. Where two "
        "desks would do, take the one that is asked for by name; where none would, write no more than a dash, and do not guess "
        "what they may have wanted. Typing errors, capitals and foreign tongues change nothing of all this: "
    )
    texts = [before + " ".join("".join(draw.choices("abdeiklmnorstuw", k=6)) for _ in range(10)) for _ in range(300)]
    words = texts[7].split()
    texts.append(" ".join([*words[:-1], "lovon"]))
    frame = framed(texts)
    twins, plainly = Twins(0.7), Twins(0.7)
    for number, text in enumerate(texts):
        twins.add(entry(str(number), text), 0, frame)
        plainly.add(entry(str(number), text), 0, FRAME)
    assert ("7", "300") in [(match.first, match.second) for match in twins.near()]
    assert len(list(twins.near())) < 5
    assert len(list(plainly.near())) > 100


def test_rows_that_are_nothing_but_template_are_counted_and_left() -> None:
    texts = [f"Where is the parcel that I ordered from your shop last week, number {number}?" for number in range(300)]
    frame, twins = framed(texts), Twins(0.8)
    for number, text in enumerate(texts):
        twins.add(entry(str(number), text), 0, frame)
    assert list(twins.near()) == []
    assert frame.bare == 300


def test_few_rows_have_no_template() -> None:
    assert not len(framed([f"Where is the parcel, number {number}?" for number in range(99)]).shared)
