"""Model output is hostile data: what could steer a terminal, a reader's eye or a Markdown renderer is made visible.

>>> visible("ok\\x1b[2J\\u202e")
'ok\\\\x1b[2J\\\\u202e'
"""

from __future__ import annotations

import re

# C0 but tab and newline, DEL, C1; soft hyphen; bidi and invisible formatting; line separators; tags; lone surrogates.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def visible(text: str) -> str:
    """The text with every control, bidi and invisible character written as its escape; newline and tab stay."""
    return _HIDDEN.sub(lambda match: _escaped(ord(match[0])), text)


def line(text: str) -> str:
    """``visible``, on one line."""
    return " ".join(visible(text).split())


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
