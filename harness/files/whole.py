"""Whether files of weights, and what lies beside them, are whole, as far as their own form tells: a disk that was full, or a machine
that lost its power, leaves them cut off.

>>> fault_in(Path(".harness/adapters/5f0c…"))
'adapter_model.safetensors is cut off: 4,096 bytes of 81,920'
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

LENGTH = 8
"""Bytes at the beginning of a safetensors file: how long its header is."""
LONGEST = 100 << 20
"""Bytes that a header may have, as the format's own reader has it."""


def fault_in(folder: Path) -> str | None:
    """What is wrong with the first file of a folder that is not whole; None where all are."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file())
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    faults = (fault(path) for path in files)
    return next((found for found in faults if found), None)


def fault(path: Path) -> str | None:
    """What is wrong with a file of a known kind; None for any other."""
    look = KINDS.get(path.suffix)
    try:
        wrong = look(path) if look else None
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}"
    return f"{path.name} {wrong}" if wrong else None


def _safetensors(path: Path) -> str | None:
    """Header, then tensors without a gap: the header says where the last one ends."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        if size < LENGTH or not length or length > min(size, LONGEST):
            return f"is cut off: {size:,} bytes"
        try:
            header = json.loads(file.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            return "has no header that can be read"
    whole = LENGTH + length + max(ends, default=0)
    return None if size >= whole else f"is cut off: {size:,} bytes of {whole:,}"


def _json(path: Path) -> str | None:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return f"is cut off or no JSON: {path.stat().st_size:,} bytes"
    return None


def _zip(path: Path) -> str | None:
    """What ``torch.save`` writes is a zip file, whose list of contents stands at its end."""
    return None if zipfile.is_zipfile(path) else f"is cut off: {path.stat().st_size:,} bytes"


KINDS: Mapping[str, Callable[[Path], str | None]] = {
    ".safetensors": _safetensors,
    ".json": _json,
    ".pt": _zip,
    ".pth": _zip,
    ".bin": _zip,
}
"""How a file ends → what looks at it."""
