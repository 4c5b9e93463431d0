"""A text as passages: what a model is shown to see how likely it finds plain text.

    passages("One paragraph.\\n\\nAnother.")        {"id": "p0001", "input": "One paragraph.\\n\\nAnother.", "reference": …}

Paragraphs stay whole and are put together up to ``LONG`` characters, so that a passage fits any model's context; a paragraph that is
longer is parted between words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import BadInput

ENDINGS = (".txt", ".md")
LONG = 600
"""Characters: about 150 tokens of English, and no more than a few hundred of anything."""
_PARAGRAPH = re.compile(r"\n\s*\n")


def is_prose(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS


def passages(path: Path, content: bytes | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number, case) of every passage.

    Raises:
        BadInput: for a file that cannot be read, is no UTF-8 or has no words.
    """
    try:
        text = (path.read_bytes() if content is None else content).decode("utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is no UTF-8 at byte {error.start}: save the text as UTF-8") from error
    number = 0
    for number, passage in enumerate(_joined(_pieces(text)), start=1):
        yield number, {"id": f"p{number:04d}", "input": passage, "reference": passage}
    if not number:
        raise BadInput(f"{path}: holds no text")


def _pieces(text: str) -> Iterator[str]:
    """Paragraphs, none longer than ``LONG``."""
    for paragraph in filter(None, (part.strip() for part in _PARAGRAPH.split(text))):
        rest = paragraph
        while len(rest) > LONG:
            end = max(rest.rfind(" ", 0, LONG), rest.rfind("\n", 0, LONG))
            end = end if end > 0 else LONG
            yield rest[:end].strip()
            rest = rest[end:].strip()
        yield rest


def _joined(pieces: Iterator[str]) -> Iterator[str]:
    held = ""
    for piece in pieces:
        if held and len(held) + len(piece) > LONG:
            yield held
            held = piece
        else:
            held = f"{held}\n\n{piece}" if held else piece
    if held:
        yield held
