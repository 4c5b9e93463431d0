"""Words as the retrievers see them.

>>> tokens("Überweisung 30 EUR: 退款 möglich?")
['überweisung', '30', 'eur', '退', '款', 'möglich']
"""

from __future__ import annotations

import re

# Scripts written without spaces (Thai to Khmer, kana, Han) are taken a character at a time.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_TOKEN = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


def tokens(text: str) -> list[str]:
    """Casefolded words in order."""
    return _TOKEN.findall(text.casefold())
