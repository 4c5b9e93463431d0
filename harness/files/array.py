"""One JSON array of objects, as Alpaca and ShareGPT files often are; read an element at a time."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from json import JSONDecodeError
from pathlib import Path
from typing import IO, Any

from harness.errors import BadInput
from harness.files.parse import DECODER, encoded, told, wrong
from harness.files.source import LONGEST, Placed, Row, Source

SPACE = " \t\r\n"
CHUNK = 1 << 20
NEAR = 16
"""Characters. An error this near to the end of what was read may be one of what was not read yet."""


def rows(source: Source) -> Iterator[Placed]:
    """(file:line on which it begins, row)."""
    with source.open() as stream:
        text = _Text(source.path, stream)
        text.expect("[")
        if text.peek() == "]":
            text.expect("]")
        else:
            yield text.place(), text.element()
            while text.expect(",", "]") == ",":
                yield text.place(), text.element()
        if text.peek():
            raise BadInput(f"{text.place()}: not valid JSON: something follows the array")


def write(placed: Iterable[Placed], path: Path, pack: Any) -> None:
    """One element a line."""
    with pack(path) as out:
        before = b"[\n"
        for place, row in placed:
            out.write(before + encoded(told(row, place)))
            before = b",\n"
        out.write(b"[]\n" if before == b"[\n" else b"\n]\n")


class _Text:
    """A text that is read as far as the next element needs."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream = path, stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text, self._at, self._line, self._ended = "", 0, 1, False

    def place(self) -> str:
        self.peek()
        return f"{self._path}:{self._line}"

    def peek(self) -> str:
        """The next character that is no space; none at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in SPACE:
                self._step(self._at + 1)
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._read(CHUNK)

    def expect(self, *allowed: str) -> str:
        found = self.peek()
        if found not in allowed:
            given = f"given {found!r}" if found else "the file ends"
            raise BadInput(f"{self.place()}: not valid JSON: {given} where {' or '.join(allowed)} belongs")
        self._step(self._at + 1)
        return found

    def element(self) -> Row:
        """The object that begins here. One that reaches beyond what was read is tried again with twice as much, so that
        each character is parsed a few times at most.
        """
        if self.peek() != "{":
            raise BadInput(
                f"{self.place()}: given {self._text[self._at :][:60]!r}: every element must be a JSON object"
            )
        while True:
            try:
                row, end = DECODER.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                if self._ended or _sure(error):
                    line = self._line + self._text.count("\n", self._at, error.pos)
                    raise BadInput(f"{self._path}:{line}: {wrong(error)}") from error
                self._read(max(CHUNK, len(self._text) - self._at))
            except (ValueError, RecursionError) as error:
                raise BadInput(f"{self.place()}: {wrong(error)}") from error
            else:
                self._step(end)
                return dict(row)

    def _read(self, count: int) -> None:
        if len(self._text) - self._at > LONGEST:
            raise BadInput(f"{self.place()}: longer than {LONGEST >> 20} MiB: no row is, write a shorter element")
        block = self._stream.read(count)
        self._ended = not block
        try:
            self._text, self._at = self._text[self._at :] + self._decoder.decode(block, self._ended), 0
        except UnicodeDecodeError as error:
            line = self._line + self._text.count("\n", self._at) + block.count(b"\n", 0, max(error.start, 0))
            raise BadInput(f"{self._path}:{line}: not UTF-8: {error.reason}: save the file as UTF-8") from error

    def _step(self, end: int) -> None:
        self._line += self._text.count("\n", self._at, end)
        self._at = end


def _sure(error: JSONDecodeError) -> bool:
    """Whether more text would not mend it."""
    return error.pos < len(error.doc) - NEAR and not error.msg.startswith("Unterminated string")
