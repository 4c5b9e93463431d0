"""Adapters that nobody names any more, and how they are removed.

    >>> garbage(home, named={"5f0c…"}, keep_days=30)
    [Garbage(adapter=Adapter('a81c…', …), why='no experiment names it')]

Named are those of every experiment's matrix in the store and of the experiment files that are given. Their trainings stay in the store: what
they took was spent, and what they answered was said.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BadInput
from harness.experiment import Experiment
from harness.matrix import expand
from harness.upkeep.adapters import GONE, Adapter, shelf

WHY = {
    "finished": "no experiment names it",
    "unfinished": "a training that never ended",
    "removed": "left of a removal that was cut off",
}


@dataclass(frozen=True, slots=True)
class Garbage:
    """A folder that may go, and why."""

    adapter: Adapter
    why: str


def named_by(experiments: Collection[Experiment]) -> set[str]:
    """The adapters that experiment files ask for, and those that these start from.

    Raises:
        BadInput: when one of them cannot be read: what it names would be taken for garbage.
    """
    jobs = [job for experiment in experiments for job in expand(experiment).jobs]
    return {job.adapter for job in jobs} | {folder.name for job in jobs for folder in job.behind}


def garbage(home: Path, *, named: Collection[str], keep_days: float) -> list[Garbage]:
    """What may go: not named, and untouched for as long; what a removal has begun goes at once."""
    return [
        Garbage(adapter, WHY[adapter.kind])
        for adapter in shelf(home)
        if adapter.kind == "removed"
        or (adapter.age_days >= keep_days and (adapter.kind == "unfinished" or adapter.name not in named))
    ]


def remove(found: Collection[Garbage]) -> Iterator[Garbage]:
    """Remove one after the other, each as it is done; killed in between, no folder is there in part under its name.

    Raises:
        BadInput: when one cannot be removed.
    """
    for one in found:
        gone = one.adapter.path.with_name(f"{one.adapter.path.stem}{GONE}")
        try:
            if one.adapter.kind != "removed":
                shutil.rmtree(gone, ignore_errors=True)
                one.adapter.path.replace(gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise BadInput(f"{one.adapter.path}: cannot be removed: {error.strerror}") from error
        yield one
