"""Ratings and preferences as the rows that KTO learns from."""

from __future__ import annotations

import pytest

from harness.errors import BadInput
from harness.training.rows import apart, preferences, ratings

GOOD = {"prompt": "q", "completion": "a", "label": True}


def test_ratings() -> None:
    rows = [("f:1", GOOD), ("f:2", {**GOOD, "label": False})]
    assert [(e.answers, e.good, e.where) for e in ratings(rows)] == [(("a",), True, "f:1"), (("a",), False, "f:2")]


def test_preferences_taken_apart() -> None:
    pairs = preferences([("f:1", {"prompt": "q", "chosen": "a", "rejected": "b"})], system="s")
    found = list(apart(pairs))
    assert [(e.answers, e.good) for e in found] == [(("a",), True), (("b",), False)]
    assert all(e.messages[0] == {"role": "system", "content": "s"} for e in found)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"prompt": "q", "completion": "a"}, "f:1: given .* a rating needs"),
        ({**GOOD, "label": 1}, "f:1: label: given 1: write true for a good answer"),
        ({**GOOD, "completion": " "}, "f:1: completion"),
    ],
)
def test_what_is_no_rating(row: dict[str, object], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        list(ratings([("f:1", row)]))
