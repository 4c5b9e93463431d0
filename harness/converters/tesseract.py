"""Images by Tesseract, a program of its own: ``apt-get install tesseract-ocr``, and ``tesseract-ocr-deu`` for German.

>>> Tesseract("").version                                                                      # doctest: +SKIP
'tesseract 5.3.0'
"""

from __future__ import annotations

import subprocess
from functools import cached_property
from io import BytesIO
from typing import Any, Literal

from harness.errors import BadInput, MissingExtra, need, present

SECONDS = 120
"""For one image. A page takes one or two."""


class Tesseract:
    """``tesseract`` reads English, ``tesseract:deu+eng`` German and English."""

    takes: Literal["image"] = "image"

    def __init__(self, argument: str) -> None:
        self._languages = argument or "eng"

    @cached_property
    def version(self) -> str:
        present("pytesseract", extra="image")
        there = _said("--list-langs").split("\n")[1:]
        for language in self._languages.split("+"):
            if language not in there:
                raise BadInput(
                    f"tesseract has no language {language!r} here, but {', '.join(sorted(there))}: "
                    f"apt-get install tesseract-ocr-{language}"
                )
        return _said("--version").partition("\n")[0]

    def text(self, content: bytes) -> str:
        tesseract = need("pytesseract", extra="image")
        try:
            return str(tesseract.image_to_string(_image(content), lang=self._languages, timeout=SECONDS))
        except (tesseract.TesseractError, RuntimeError) as error:  # the second one is a time-out
            raise BadInput(f"tesseract cannot read it: {str(error).strip()[:200]}") from error


def _said(option: str) -> str:
    """What the program says of itself; asked without its package, which takes half a second to import."""
    try:
        return subprocess.run(
            ["tesseract", option], capture_output=True, text=True, check=True, timeout=SECONDS
        ).stdout.strip()
    except FileNotFoundError as error:
        raise MissingExtra("this needs the program 'tesseract': apt-get install tesseract-ocr") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise BadInput(f"the program 'tesseract' does not work: {error}") from error


def _image(content: bytes) -> Any:
    """The image as a person would hold it: cameras write down how they were turned, and Tesseract does not look."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(BytesIO(content)) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"is no image that can be read: {error}") from error
