"""Rows in files, whatever the kind of file: JSON lines, a JSON array, CSV, Parquet, a Hugging Face dataset.

    source = look("feedback.csv.gz")
    source.said                                  # 'CSV, gzip'
    next(rows(source))                           # ('feedback.csv.gz:2', {'input': 'My parcel …', 'rating': 4})
    write(placed, target("feedback.parquet"))    # into a draft, which takes the name when it is whole

What a file is, its first bytes say; CSV says it by its name. Reading and writing hold one batch of rows in memory. A kind is
one module and one line in ``KINDS``; what the rows mean is another matter (``harness.formats``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from harness.errors import BadInput, suggest
from harness.files.draft import draft, refuse_taken
from harness.files.source import Placed, Row, Source, inspect
from harness.files.stream import packed

__all__ = ["HUB", "KINDS", "Placed", "Row", "Source", "Target", "look", "rows", "target", "write", "write_all"]

KINDS: Mapping[str, str] = {
    "jsonl": "harness.files.lines",
    "json": "harness.files.array",
    "csv": "harness.files.csv",
    "parquet": "harness.files.parquet",
    "hf": "harness.files.hub",
}
"""Each module has ``rows(source)`` and ``write(rows, path, pack)``."""

SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
PACKED = {".gz": "gzip", ".zst": "zstd"}
HUB = "hf:"


@dataclass(frozen=True, slots=True)
class Target:
    """A file to be written, its kind and how it is packed."""

    path: Path
    kind: str
    packing: str | None = None


def look(path: Path, content: bytes | None = None) -> Source:
    """What a file is; ``content`` is what was read of it, where it was.

    Raises:
        BadInput: when it is missing, a folder, unreadable, or no kind of file that is known.
    """
    if str(path).startswith(HUB):
        return Source(path, "hf")
    return inspect(path, content)


def rows(source: Source) -> Iterator[Placed]:
    """(where it stands, row), first to last.

    Raises:
        BadInput: naming file and line of what is broken.
    """
    read: Callable[[Source], Iterator[Placed]] = _kind(source.kind).rows
    return read(source)


def target(path: Path, kind: str | None = None) -> Target:
    """The file to write: its name says the kind and how it is packed; ``kind`` is asked for besides.

    Raises:
        BadInput: when the name says nothing, or something else than ``kind``.
    """
    if str(path).startswith(HUB):
        return Target(Path(str(path).removeprefix(HUB)), "hf")
    packing = PACKED.get(path.suffix.lower())
    suffix = Path(path.stem).suffix if packing else path.suffix
    found = SUFFIXES.get(suffix.lower(), None if suffix else kind)
    if found is None:
        raise BadInput(
            f"{path}: unknown kind of file {suffix!r}: {suggest(suffix, SUFFIXES)}, with .gz or .zst if you like"
        )
    if kind is not None and kind != found:
        raise BadInput(f"{path}: its name says {found}, and {kind} was asked for: give it another name")
    if packing and found == "parquet":
        raise BadInput(f"{path}: Parquet packs its columns itself: leave {path.suffix} off")
    return Target(path, found, packing)


def write(placed: Iterable[Placed], to: Target, *, replace: bool = False) -> None:
    """Write rows, whole or not at all.

    Raises:
        BadInput: when the file is there already and not to be replaced, cannot be written, or cannot hold a row.
    """
    write_all([(to, placed)], replace=replace)


def write_all(outputs: Sequence[tuple[Target, Iterable[Placed]]], *, replace: bool = False) -> None:
    """Write several files: all of them, when every one is whole, or none.

    Raises:
        BadInput: as ``write``.
    """
    with ExitStack() as drafts:
        for to, _ in outputs:
            refuse_taken(to.path, replace=replace)
        for to, placed in outputs:
            unfinished = drafts.enter_context(draft(to.path, replace=replace))
            _kind(to.kind).write(placed, unfinished, partial(packed, packing=to.packing))


def _kind(name: str) -> Any:
    return cast("Any", import_module(KINDS[name]))
