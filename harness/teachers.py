"""Which models wrote what each tuned contender was trained on, as its rows say it: ``harness data distill`` marks them so.

    >>> teachers(matrix)["sft"]                                           # doctest: +SKIP
    frozenset({'anthropic:claude-opus-5'})

    {"messages": […], "synthetic": true, "teacher": "anthropic:claude-opus-5", …}

The verdict's gate of kinship needs it, whether the experiment says it or not (``harness.verdict.kinship``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness import kept
from harness.exposure import Source, trained
from harness.fingerprint import fingerprint
from harness.matrix import Matrix
from harness.training.rows import read_rows

VERSION = 1


def teachers(matrix: Matrix) -> Mapping[str, frozenset[str]]:
    """Contender → names of models; of all that it was trained on, for whatever suite. What was found is kept beside the store.

    Raises:
        BadInput: for training rows that are missing or broken.
    """
    found: dict[str, frozenset[str]] = {}
    read: dict[Source, frozenset[str]] = {}
    for cell, job, sources in trained(matrix):
        # an adapter's fingerprint is of all that it was trained on
        path = matrix.experiment.home / "teachers" / f"{fingerprint(VERSION, job.adapter)}.json"
        names = _kept(path)
        if names is None:
            read.update({source: frozenset(_named(source)) for source in sources if source not in read})
            names = frozenset[str]().union(*(read[source] for source in sources))
            kept.write(path, sorted(names))
        found[cell.contender.name] = found.get(cell.contender.name, frozenset()) | names
    return found


def _kept(path: Path) -> frozenset[str] | None:
    names = kept.read(path)
    return frozenset(map(str, names)) if isinstance(names, list) else None


def _named(source: Source) -> Iterator[str]:
    """A column of that name alone says nothing: a school's rows have teachers too."""
    for _, row in read_rows(source.rows):
        teacher = row.get("teacher")
        if row.get("synthetic") is True and isinstance(teacher, str) and teacher:
            yield teacher
