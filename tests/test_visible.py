"""What a model writes cannot steer a terminal or a reader's eye."""

from __future__ import annotations

import unicodedata

import pytest

from harness.visible import line, visible
from tests.report.report_worlds import HOSTILE


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("tab\tand\nnewline, ünïcode 漢字 🙂", "tab\tand\nnewline, ünïcode 漢字 🙂"),
    ],
)
def test_hidden_characters_are_written_out(given: str, shown: str) -> None:
    assert visible(given) == shown


def test_no_control_or_format_character_is_left() -> None:
    every = visible("".join(map(chr, range(0x110000))))
    left = {c for c in every if unicodedata.category(c) in ("Cc", "Cs") or unicodedata.bidirectional(c) in BIDI}
    assert left == {"\n", "\t"}


BIDI = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def test_a_line_is_one_line() -> None:
    assert all("\n" not in line(text) for text in HOSTILE)
    assert line(" a\n\n b\t") == "a b"
