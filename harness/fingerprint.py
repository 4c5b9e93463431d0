"""One hash for everything that can change an answer.

>>> fingerprint({"b": 1, "a": [1, 2]}) == fingerprint({"a": [1, 2], "b": 1})
True
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

LENGTH = 20


def fingerprint(*parts: Any) -> str:
    """Hex digest of any JSON-like values, independent of the order of keys.

    Raises:
        TypeError: for a value that JSON cannot say, or NaN as ValueError: neither may decide an identity.
    """
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


def fingerprint_files(*paths: Path) -> str:
    """Hex digest of the files' contents and names (not of where they lie)."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        digest.update(b"\0")
    return digest.hexdigest()[:LENGTH]
