"""PDF files by pypdf: the text that is written in them, a blank line between two pages. Scans hold none; make images of them."""

from __future__ import annotations

import logging
from functools import cached_property
from io import BytesIO
from typing import Literal

from harness.converters.package import release
from harness.errors import BadInput, need


class Pdf:
    """``pypdf`` takes no argument."""

    takes: Literal["pdf"] = "pdf"

    def __init__(self, argument: str) -> None:
        if argument:
            raise BadInput(f"'pypdf' takes no argument, given {argument!r}: write 'pypdf'")

    @cached_property
    def version(self) -> str:
        return release("pypdf", extra="pdf")

    def text(self, content: bytes) -> str:
        pypdf = need("pypdf", extra="pdf")
        logging.getLogger("pypdf").setLevel(
            logging.CRITICAL
        )  # it tells every oddity of a file that it can read all the same
        try:
            pages = pypdf.PdfReader(BytesIO(content)).pages
            return "\n\n".join(filter(None, (page.extract_text().strip() for page in pages)))
        except pypdf.errors.FileNotDecryptedError as error:
            raise BadInput("is locked by a password: save it without one") from error
        # pypdf raises whatever a damaged file leads it to, KeyError and RecursionError too
        except Exception as error:
            raise BadInput(f"is no PDF that can be read: {type(error).__name__}: {error}") from error
