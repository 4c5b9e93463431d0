"""A file that is about to be read: what kind it is, how it is packed, and its lines.

>>> inspect(Path("alpaca.json.gz"))                                                            # doctest: +SKIP
Source(path=PosixPath('alpaca.json.gz'), kind='json', packing='gzip', bom=True, content=None)
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from harness.errors import BadInput
from harness.files.stream import MAGIC, told, unpacked

Row = dict[str, Any]
Placed = tuple[str, Row]
"""A row and where it stands, such as ``train.jsonl:12``."""

LONGEST = 64 << 20
"""Bytes of one line. No model reads a row of 64 MiB; the limit keeps a file without line ends from filling the memory."""

HEAD = 1 << 12
SPACE = b" \t\r\n"
TABLES = (".csv", ".tsv")
NAMES = {
    "jsonl": "JSON lines",
    "json": "a JSON array",
    "csv": "CSV",
    "parquet": "Parquet",
    "hf": "a Hugging Face dataset",
}
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Source:
    """A file of rows; ``content`` is what was read of it before, if it was."""

    path: Path
    kind: str
    packing: str | None = None
    bom: bool = False
    content: bytes | None = field(default=None, repr=False)

    @property
    def said(self) -> str:
        """For a person: the kind, and what was handled on the way."""
        return ", ".join(filter(None, (NAMES[self.kind], self.packing, "with a byte order mark" if self.bom else "")))

    @property
    def plain(self) -> bool:
        """Nothing but JSON lines."""
        return self.kind == "jsonl" and not self.packing and not self.bom

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Its bytes, unpacked and without a byte order mark."""
        with told(self.path), _raw(self.path, self.content) as raw:
            stream = unpacked(raw, self.packing)
            if self.bom:
                stream.read(len(codecs.BOM_UTF8))
            yield stream

    def lines(self) -> Iterator[tuple[int, str]]:
        """(number, text with its line end) of every line.

        Raises:
            BadInput: for a line that is too long or not UTF-8.
        """
        with self.open() as stream:
            number = 0
            while line := stream.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise BadInput(
                        f"{self.path}:{number}: longer than {LONGEST >> 20} MiB: a row is one line, write a shorter one"
                    )
                yield number, self._text(line, number)

    def _text(self, line: bytes, number: int) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise BadInput(
                f"{self.path}:{number}: not UTF-8: byte {line[error.start]:#04x} at place {error.start + 1}: "
                "save the file as UTF-8"
            ) from error


def inspect(path: Path, content: bytes | None = None) -> Source:
    """What a file is, by its first bytes, and by its name where it is a table of text.

    Raises:
        BadInput: when it is missing, a folder, unreadable, or no kind of file that is known.
    """
    if content is None and path.is_dir():
        raise BadInput(f"{path}: is a folder: name a file in it, or hf:{path} if it is a Hugging Face dataset")
    with told(path):
        with _raw(path, content) as raw:
            start = raw.read(8)
        packing = next((name for name, magic in MAGIC.items() if start.startswith(magic)), None)
        with _raw(path, content) as raw:
            head = unpacked(raw, packing).read(HEAD)
    bom = head.startswith(codecs.BOM_UTF8)
    return Source(path, _kind(path, head.removeprefix(codecs.BOM_UTF8), packing), packing, bom, content)


def _kind(path: Path, head: bytes, packing: str | None) -> str:
    if head.startswith(b"PAR1"):
        if packing:
            raise BadInput(f"{path}: Parquet packed by {packing}: unpack it first, Parquet packs its columns itself")
        return "parquet"
    if head.startswith(UTF16):
        raise BadInput(f"{path}: UTF-16: save the file as UTF-8")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if any(suffix in suffixes for suffix in TABLES):
        return "csv"
    begins = head.lstrip(SPACE)[:1]
    if begins == b"[" and ".jsonl" not in suffixes:
        return "json"
    if begins in (b"{", b"[", b"") or ".jsonl" in suffixes:
        return "jsonl"
    raise BadInput(
        f"{path}: neither JSON (it begins with {head[:8]!r}) nor Parquet, and not named .csv: "
        "known are JSON lines, a JSON array, CSV and Parquet, packed by gzip or Zstandard or not"
    )


@contextmanager
def _raw(path: Path, content: bytes | None) -> Iterator[IO[bytes]]:
    with BytesIO(content) if content is not None else path.open("rb") as raw:
        yield raw
