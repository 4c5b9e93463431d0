"""A Hugging Face dataset, through ``datasets``: an id on the Hub or a folder, with its configuration and split where it has
several.

hf:tatsu-lab/alpaca     hf:openai/gsm8k:main#train     hf:./my-dataset#test

The Hub is only asked when such a name is given. What is written is a folder with one Parquet file, which ``load_dataset``
reads; nothing is uploaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import BadInput, need, suggest
from harness.files import parquet
from harness.files.source import Placed, Source

NAME = re.compile(r"hf:(?P<name>[^#:]+)(?::(?P<config>[^#:]+))?(?:#(?P<split>.+))?")
FILE = "train.parquet"


def rows(source: Source) -> Iterator[Placed]:
    """(name: row number, row).

    Raises:
        BadInput: for a name that is none, a dataset that cannot be had, or several splits and none chosen.
        MissingExtra: when ``datasets`` is not installed.
    """
    found = NAME.fullmatch(str(source.path))
    if found is None:
        raise BadInput(f"{source.path}: write hf:NAME, hf:NAME:CONFIGURATION or hf:NAME#SPLIT")
    dataset = _load(str(source.path), **found.groupdict())
    number = 0
    try:
        for row in dataset:
            number += 1
            where = f"{source.path}: row {number}"
            yield where, parquet.plain(dict(row), where)
    except BadInput:
        raise
    except Exception as error:  # whatever reads the dataset's own files: fsspec, pyarrow, datasets, the network
        raise BadInput(f"{source.path}: cannot be read after row {number}: {_first(error)}") from error


def write(placed: Iterable[Placed], path: Path, pack: Any) -> None:
    """A folder of one Parquet file."""
    path.mkdir()
    parquet.write(placed, path / FILE, pack)


def _load(said: str, name: str, config: str | None, split: str | None) -> Any:
    datasets = need("datasets", extra="train")
    saved = Path(name) / "dataset_info.json", Path(name) / "dataset_dict.json"
    try:
        if any(path.is_file() for path in saved):
            found = datasets.load_from_disk(name)
        else:
            found = datasets.load_dataset(name, config, streaming=True)
    except Exception as error:  # the Hub, the network, the dataset's own files: each has exceptions of its own
        raise BadInput(
            f"{said}: cannot be had: {_first(error)}: is the name right, and can the Hub be reached? Without it, name a "
            "folder that was downloaded (hf:FOLDER)"
        ) from error
    return _split(found, said, split)


def _split(found: Any, said: str, split: str | None) -> Any:
    if not isinstance(found, dict):
        return found
    if split is None and len(found) == 1:
        return next(iter(found.values()))
    if split not in found:
        asked = (
            f"no split {split!r}: {suggest(split, found)}"
            if split
            else f"choose a split, of {', '.join(sorted(found))}"
        )
        raise BadInput(f"{said}: {asked} (hf:NAME#SPLIT)")
    return found[split]


def _first(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
