"""A ZIP of JSON members, such as an inspect_ai ``.eval`` log: read one member at a time, never more than it declares.

inspect_ai (0.3.285) packs the members with Zstandard, which the standard library reads only from Python 3.14 on; pyarrow's
codec does it here. A member that unpacks to very much more than it holds is refused unread.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any, Self

import pyarrow as pa

from harness.errors import BadInput
from harness.importers.answer import brief
from harness.importers.document import parse

STORED, DEFLATED, ZSTANDARD = 0, 8, 93
LOCAL_HEADER = 30
ENCRYPTED = 0x1
PLAIN_SIZE = 64 * 2**20
LARGEST_RATIO = 200
"""JSON logs shrink 3 to 20 times; zeros 1,000 times (deflate) to 30,000 times (Zstandard)."""


class Archive:
    """An open archive; use it in a ``with`` block.

    Raises:
        BadInput: when the file cannot be read or is no archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
        try:
            self._members = {member.filename: member for member in zipfile.ZipFile(self._file).infolist()}
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, OSError) as error:
            self._file.close()
            raise BadInput(f"{path}: not an .eval log (a ZIP archive): {brief(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def names(self, prefix: str = "") -> list[str]:
        """Members under a folder, sorted."""
        return sorted(name for name in self._members if name.startswith(prefix) and name.endswith(".json"))

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def json(self, name: str, kind: type[Any] = dict) -> Any:
        """The JSON value of a member.

        Raises:
            BadInput: damaged, encrypted, a bomb, or not JSON of that kind.
        """
        where = f"{self.path}: {brief(name, 100)}"
        try:
            content = self._unpack(self._members[name], where)
        except (OSError, zlib.error, struct.error, pa.ArrowException, ValueError) as error:
            raise BadInput(f"{where}: damaged: {brief(error)}") from error
        return parse(content, where, kind)

    def _unpack(self, member: zipfile.ZipInfo, where: str) -> bytes:
        if member.flag_bits & ENCRYPTED:
            raise BadInput(f"{where}: encrypted: give an .eval log as inspect_ai wrote it")
        if member.file_size > max(PLAIN_SIZE, LARGEST_RATIO * member.compress_size):
            raise BadInput(
                f"{where}: {member.compress_size} bytes say that they unpack to {member.file_size}: "
                f"more than {LARGEST_RATIO} times as much is no log"
            )
        content = decompress(self._packed(member), member.compress_type, member.file_size, where)
        if len(content) != member.file_size or zlib.crc32(content) != member.CRC:
            raise BadInput(f"{where}: damaged: its length or checksum is not what the archive's directory says")
        return content

    def _packed(self, member: zipfile.ZipInfo) -> bytes:
        self._file.seek(member.header_offset)
        header = self._file.read(LOCAL_HEADER)
        name, extra = struct.unpack("<HH", header[26:LOCAL_HEADER])
        self._file.seek(name + extra, 1)
        return self._file.read(member.compress_size)


def decompress(packed: bytes, method: int, size: int, where: str) -> bytes:
    """At most ``size`` + 1 bytes of what is packed.

    Raises:
        BadInput: an unknown way of packing.
    """
    if method == STORED:
        return packed
    if method == DEFLATED:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size + 1)
    if method == ZSTANDARD:
        with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as stream:
            content: bytes = stream.read(size + 1)
        return content
    raise BadInput(f"{where}: packed by method {method}, known are stored, deflated and Zstandard")
