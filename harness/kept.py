"""What took time to find, kept beside the store by what it was found from; losing it costs that time again and no more.

kept = home / "overlaps" / f"{fingerprint(...)}.json"
found = read(kept) or find()
write(kept, found)
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.place import EXPERIMENT

HOME = ".harness"
"""The folder for it, in that of the experiment."""


def home_of(folder: Path) -> Path:
    """Where what belongs to a folder is kept: in the nearest one upwards that holds a ``.harness`` or an experiment, in itself
    where none does.
    """
    around = (folder.resolve(), *folder.resolve().parents)
    marked = (place for place in around if (place / HOME).is_dir() or (place / EXPERIMENT).is_file())
    return next(marked, folder.resolve()) / HOME


def read(path: Path) -> Any:
    """The JSON value; None where there is none, or its file is not whole."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write(path: Path, found: Any) -> None:
    """For the next time; where nothing can be written, that one looks anew."""
    draft = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_text(json.dumps(found), encoding="utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
