"""The bytes of a file, packed and unpacked: plain, gzip or Zstandard (pyarrow's codec, which streams).

with unpacked(raw, "zstd", "rows.jsonl.zst") as stream: ...
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import IO, Any, cast

from harness.errors import BadInput

MAGIC = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
BLOCK = 1 << 18


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the system or a codec has to say about a file that is read, as a sentence."""
    try:
        yield
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no such file") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"{path}: damaged: {error}: fetch it again") from error
    except OSError as error:
        why = "cannot be read" if error.strerror else "damaged"
        raise BadInput(f"{path}: {why}: {error.strerror or ' '.join(str(error).split())}") from error


def unpacked(raw: IO[bytes], packing: str | None) -> IO[bytes]:
    """A stream of what is packed in ``raw``."""
    if packing == "gzip":
        return cast("IO[bytes]", BufferedReader(gzip.GzipFile(fileobj=raw, mode="rb"), BLOCK))
    if packing == "zstd":
        import pyarrow as pa

        stream: Any = pa.CompressedInputStream(raw, "zstd")
        return BufferedReader(stream, BLOCK)
    return raw


@contextmanager
def packed(path: Path, packing: str | None) -> Iterator[IO[bytes]]:
    """A new file to write into, packed on the way. The same rows make the same bytes: gzip's time is left out."""
    with path.open("xb") as raw:
        if packing == "gzip":
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as zipped:
                yield cast("IO[bytes]", zipped)
        elif packing == "zstd":
            import pyarrow as pa

            inner: Any = pa.CompressedOutputStream(raw, "zstd")
            with BufferedWriter(inner, BLOCK) as stream:
                yield stream
        else:
            yield raw
