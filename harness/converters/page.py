"""Web pages by trafilatura: the main text, without menus, advertisements and comments."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Literal

from harness.converters.package import release
from harness.errors import BadInput, need


class MainText:
    """``trafilatura`` takes no argument."""

    takes: Literal["url"] = "url"

    def __init__(self, argument: str) -> None:
        if argument:
            raise BadInput(f"'trafilatura' takes no argument, given {argument!r}: write 'trafilatura'")

    @cached_property
    def version(self) -> str:
        return release("trafilatura", extra="url")

    def text(self, content: bytes) -> str:
        trafilatura = need("trafilatura", extra="url")
        if not _is_markup(content):
            return content.decode("utf-8", "replace")
        logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # what is wrong with a page it also returns
        return trafilatura.extract(content, include_comments=False, deduplicate=False) or ""


def _is_markup(content: bytes) -> bool:
    """Plain text is served too, and has no main part."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
