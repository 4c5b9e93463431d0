"""What counts as the same words."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.data.alignment import common
from harness.data.words import plain, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where’s the  ﬁlter?", ["where", "s", "the", "filter"]),
        ("state-of-the-art_thing", ["state", "of", "the", "art", "thing"]),
        ("Straße GROSS", ["strasse", "gross"]),
        ("東京の天気は。", ["東", "京", "の", "天", "気", "は"]),
        ("कि का", ["कि", "का"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]),
        ("3 - 1 = 2", ["3", "\u2212", "1", "=", "2"]),
        ("3*1", ["3", "\u00d7", "1"]),
        ("- a list * item /", ["a", "list", "item"]),
        ("$5", ["$", "5"]),
        ("… !?", []),
        ("\ud800", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_a_short_text_keeps_what_stands_inside_it() -> None:
    assert plain("  1 +  1? ") == plain("1 + 1")
    assert plain("1 + 1") != plain("1 / 1")
    assert plain("?") != plain("!")


@given(st.text(max_size=60))
def test_forms_of_unicode_do_not_count(text: str) -> None:
    assert words(unicodedata.normalize("NFD", text)) == words(text)


@given(st.lists(st.integers(0, 4), max_size=12), st.lists(st.integers(0, 4), max_size=12))
def test_a_longest_common_subsequence(ours: list[int], theirs: list[int]) -> None:
    found = common(ours, theirs)
    assert all(ours[i] == theirs[j] for i, j in found)
    assert all(i < k and j < m for (i, j), (k, m) in pairwise(found))
    table = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for i, one in enumerate(ours):
        for j, other in enumerate(theirs):
            table[i + 1][j + 1] = table[i][j] + 1 if one == other else max(table[i][j + 1], table[i + 1][j])
    assert len(found) == table[-1][-1]
