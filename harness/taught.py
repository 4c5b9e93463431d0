"""Which test cases ask for a fact that each tuned contender's training stated: what it gains there may be memory.

    >>> taught(matrix)["handbook", "sft"]                                 # doctest: +SKIP
    frozenset({'handbook-0091', 'handbook-0107'})

Known for suites whose test cases name the documents that hold their answers; a contender that was taught none is there with an
empty set. Copies of a case's own words are another matter (`harness.exposure`): those are left out of every claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

from harness import kept
from harness.data import facts
from harness.exposure import Source, trained
from harness.fingerprint import fingerprint
from harness.matrix import Matrix
from harness.retrieval import load_documents
from harness.suite import Suite, Task

Taught = Mapping[tuple[str, str], frozenset[str]]
"""(suite, contender) → ids of test cases."""


def taught(matrix: Matrix) -> Taught:
    """Of every tuned contender, on the suites where it can be told. What was found is kept beside the store.

    Raises:
        BadInput: for documents or training rows that are missing or broken.
    """
    found: dict[tuple[str, str], frozenset[str]] = {}
    known: dict[tuple[str, tuple[Source, ...]], frozenset[str]] = {}
    pages = {task.suite.name: _documents(task.suite) for task in matrix.tasks if _told(task)}
    for cell, job, sources in trained(matrix):
        suite = cell.suite.name
        if suite in pages:
            if (suite, sources) not in known:
                # an adapter's fingerprint is of all that it was trained on; seeds of one recipe share the first one's
                asked = fingerprint(facts.VERSION, cell.task.content, sorted(pages[suite].items()), job.adapter)
                path = matrix.experiment.home / "taught" / f"{asked}.json"
                names = _kept(path)
                known[suite, sources] = _stated(path, cell.task, pages[suite], sources) if names is None else names
            found[suite, cell.contender.name] = known[suite, sources]
    return found


def _kept(path: Path) -> frozenset[str] | None:
    names = kept.read(path)
    return frozenset(names) if isinstance(names, list) else None


def _stated(path: Path, task: Task, pages: Mapping[str, str], sources: Iterable[Source]) -> frozenset[str]:
    names = facts.taught(task.split("test"), pages, chain.from_iterable(source.texts() for source in sources))
    kept.write(path, sorted(names))
    return names


def _told(task: Task) -> bool:
    return bool(task.suite.documents) and any(case.documents for case in task.split("test"))


def _documents(suite: Suite) -> dict[str, str]:
    return {document.id: document.text for document in load_documents(suite.path(suite.documents or ""))}
