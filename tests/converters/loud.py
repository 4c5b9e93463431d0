"""A converter that says its content in capitals, counts how often, and can be upgraded or taken away."""

from __future__ import annotations

from typing import ClassVar

from harness.errors import MissingExtra


class Loud:
    takes = "image"
    calls: ClassVar[list[bytes]] = []
    release: ClassVar[str | None] = "loud 1"

    def __init__(self, argument: str) -> None:
        self._argument = argument

    @property
    def version(self) -> str:
        if Loud.release is None:
            raise MissingExtra("this needs the package 'loud', which is not installed")
        return Loud.release

    def text(self, content: bytes) -> str:
        Loud.calls.append(content)
        return f" {content.decode().upper()}{self._argument}\0\f"
