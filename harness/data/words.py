"""Text as the words that count when two texts are held against each other.

    >>> words("Where’s the  ﬁlter?")
    ['where', 's', 'the', 'filter']
    >>> words("東京の天気は")
    ['東', '京', 'の', '天', '気', 'は']

Case, white space, punctuation and the forms of Unicode (NFKC) do not count; symbols do, and so do operators between
digits: ``3 - 1`` is not ``3 * 1``. Scripts that put no spaces between words are taken by their characters.
"""

from __future__ import annotations

import re
import unicodedata

UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Thai, Lao, Tibetan, Burmese, Khmer, kana and Han."""
OPERATOR = re.compile(r"(?<=\d)(\s*)([-*/])(?=\s*\d)")
SYMBOLS = {"-": "\u2212", "*": "\u00d7", "/": "\u00f7"}
"""Punctuation in prose, an operator between two digits: there written as the symbol that it stands for."""
EDGES = " .,;:!?…\"'“”‘’«»。、"


def words(text: str) -> list[str]:
    """The words of a text, in their order."""
    folded = OPERATOR.sub(lambda found: f"{found[1]}{SYMBOLS[found[2]]}", _folded(text))
    return folded.translate(_SEPARATED).split()


def plain(text: str) -> str:
    """A short text for an exact comparison: case, white space and its edges do not count, what stands inside it does."""
    spaced = " ".join(_folded(text).split())
    return spaced.strip(EDGES) or spaced


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class _Separation(dict[int, str]):
    """What each character becomes, looked up once: itself, a word of its own, a space, or nothing."""

    def __missing__(self, code: int) -> str:
        self[code] = found = _separated(chr(code))
        return found


def _separated(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Sm", "Sc", "So"} or UNSPACED.match(character):
        return f" {character} "
    if category[0] in "LNM" or category == "Co":
        return character
    return "" if category == "Cf" else " "


_SEPARATED = _Separation()
