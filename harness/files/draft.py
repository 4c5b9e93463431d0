"""A file that is written whole or not at all: beside its place, then renamed.

with draft(Path("out.jsonl"), replace=False) as unfinished: ...
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import BadInput


@contextmanager
def draft(path: Path, *, replace: bool) -> Iterator[Path]:
    """A path to write a file or a folder to, which is ``path`` when the block ends well and gone when it does not.

    Raises:
        BadInput: when something is there and not to be replaced, or nothing can be written there.
    """
    refuse_taken(path, replace=replace)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        yield unfinished
        refuse_taken(path, replace=replace)
        unfinished.replace(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.unlink(missing_ok=True)


@contextmanager
def folder(path: Path) -> Iterator[None]:
    """A folder to write into: made where there is none, and gone again when the block fails.

    Raises:
        BadInput: when it cannot be made.
    """
    made = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{path}: cannot be made a folder: {error.strerror}") from error
    try:
        yield
    except BaseException:
        if made:
            shutil.rmtree(path, ignore_errors=True)
        raise


def refuse_taken(path: Path, *, replace: bool) -> None:
    """Raises:
    BadInput: when ``path`` is taken and not to be replaced, or is a folder.
    """
    if path.is_dir():
        raise BadInput(f"{path}: is a folder: name a file")
    if path.exists() and not replace:
        raise BadInput(f"{path}: is there already: --replace writes it anew")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: there is no folder {path.parent}: make it first")
