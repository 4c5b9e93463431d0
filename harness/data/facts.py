"""Which cases ask for a fact that a training row states, in whatever words the row asks for it.

    >>> case = Case("t1", "Which filter does the Grozak stove take?", "kladrun", documents=("page-008",))
    >>> pages = {"page-008": "Grozak: a stove. Its filter is the kladrun.", "page-009": "Bepro: a clock. Keeper: Vera."}
    >>> sorted(taught([case], pages, [Row("train.jsonl:1", ("What filter is in a Grozak?",), ("a kladrun",))]))
    ['t1']

A row states a case's fact when an answer of it has the case's reference, word for word, and it has, beside that, a word which
of all the suite's documents only a document of the case has: the name of the thing. That is what texts can tell. A fact told in
other words is not seen, nor one of a document without a word of its own; and a row that names the thing and happens to
have a short reference (``yes``) counts, whatever it says of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.data.leakage import Row
from harness.data.words import words
from harness.suite import Case

VERSION = 1
"""Raised when other cases are found from the same texts."""


def taught(cases: Iterable[Case], documents: Mapping[str, str], rows: Iterable[Row]) -> frozenset[str]:
    """Ids of the cases whose fact some row states; ``documents`` is id → text, all of the suite's."""
    owners = _owners(documents)
    said: dict[str, list[tuple[set[str], str]]] = {}
    for row in rows:
        named: dict[str, set[str]] = {}
        for word in {word for text in (*row.asked, *row.answers) for word in words(text)}:
            if owner := owners.get(word):
                named.setdefault(owner, set()).add(word)
        if named:
            answers = " \n ".join(_spaced(text) for text in row.answers)
            for owner, names in named.items():
                said.setdefault(owner, []).append((names, answers))
    return frozenset(case.id for case in cases if _stated(case, said))


def _stated(case: Case, said: Mapping[str, list[tuple[set[str], str]]]) -> bool:
    reference = words(case.reference)
    wanted = _spaced(case.reference)
    return bool(reference) and any(
        wanted in answers and names - set(reference)
        for document in case.documents
        for names, answers in said.get(document, ())
    )


def _owners(documents: Mapping[str, str]) -> dict[str, str | None]:
    """Word → the one document that has it; None where several do."""
    owners: dict[str, str | None] = {}
    for name, text in documents.items():
        for word in set(words(text)):
            owners[word] = None if word in owners else name
    return owners


def _spaced(text: str) -> str:
    return f" {' '.join(words(text))} "
