"""Cases that a row says in other words, told by vectors. Here a word's vector is its sense's: synonyms share one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import pytest

from harness.data import Row
from harness.data.meaning import Vectors, alike
from harness.suite import Case

PARTS = ("ka", "lo", "mi", "ru", "te", "so", "pe", "bi", "da", "fu")
SENSES = [(f"{a}{b}{c}m", f"{c}{b}{a}s") for a in PARTS for b in PARTS for c in PARTS if a < c]
OTHER = dict(SENSES) | {other: one for one, other in SENSES}


def encode(texts: Sequence[str]) -> Vectors:
    """The mean of the vectors of the senses of the words."""
    return np.stack([_unit(sum(_vector(word) for word in text.split())) for text in texts]).astype(np.float32)


def _vector(word: str) -> np.ndarray:
    sense = min(word, OTHER.get(word, word))
    return np.random.default_rng(crc32(sense.encode())).normal(size=64)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def text(rng: random.Random, length: int = 10) -> str:
    return " ".join(rng.choice(SENSES)[0] for _ in range(length))


def in_other_words(said: str) -> str:
    return " ".join(OTHER[word] for word in said.split())


@pytest.fixture
def cases() -> list[Case]:
    rng = random.Random(1)
    return [Case(f"c{number}", text(rng), "") for number in range(60)]


def test_another_wording_is_found_and_nothing_else(cases: list[Case]) -> None:
    rng = random.Random(2)
    rows = [Row(f"r{number}", (text(rng),), (text(rng),)) for number in range(700)]
    rows[510] = Row("answer", ("well then",), (in_other_words(cases[7].input),))
    rows[3] = Row("asked", (in_other_words(cases[2].input),))
    found = alike(cases, rows, encode)
    assert {case: match.where for case, match in found.items()} == {"c2": "asked", "c7": "answer"}
    match = found["c7"]
    assert (match.kind, match.similarity, match.bits) == ("meaning", pytest.approx(1.0, abs=1e-4), 0.0)


def test_the_threshold_counts(cases: list[Case]) -> None:
    half = " ".join([*in_other_words(cases[7].input).split()[:8], "xx", "yy"])
    assert list(alike(cases, [Row("r", (half,))], encode, least=0.8)) == ["c7"]
    assert alike(cases, [Row("r", (half,))], encode, least=0.99) == {}


def test_a_template_says_nothing() -> None:
    """All are alike: what is as like as its neighbours are is no paraphrase."""
    rng = random.Random(3)
    same = text(rng, 60)
    cases = [Case(f"c{number}", f"{same} {text(rng, 3)}", "") for number in range(60)]
    rows = [Row(f"r{number}", (f"{same} {text(rng, 3)}",)) for number in range(300)]
    vectors = encode([case.input for case in cases]) @ encode([row.asked[0] for row in rows]).T
    assert (vectors.max(axis=1) > 0.9).all()
    assert len(alike(cases, rows, encode)) <= 1


def test_short_texts_are_left_out(cases: list[Case]) -> None:
    short = Case("s", " ".join(one for one, _ in SENSES[:3]), "")
    assert alike([short], [Row("r", (in_other_words(short.input),))], encode) == {}
    assert alike(cases, [], encode) == alike([], [Row("r", (cases[0].input,))], encode) == {}
