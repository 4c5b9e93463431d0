"""A count and its noun agree."""

from __future__ import annotations

import pytest

from harness.plural import plural


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 test cases"), (1, "1 test case"), (2, "2 test cases"), (12_345, "12,345 test cases")]
)
def test_a_noun_agrees_with_its_count(count: int, said: str) -> None:
    assert plural(count, "test case") == said
