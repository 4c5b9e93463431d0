"""Which cases a document answers word for word: it has the case's question and the case's reference.

    >>> pages = {"faq": "What does the seal of the old Topis pump cost today? Nine euros."}
    >>> answered([Case("t1", "What does the seal of the old Topis pump cost today?", "nine euros")], pages)
    {'t1': Match(case='t1', where='faq', kind='verbatim', similarity=1.0, bits=inf)}

That a document holds an *answer* is what retrieval is for; that it holds the *question* beside it makes a test of retrieval a test
of looking up. A question of ``LEAST`` words or more counts wherever it stands, a shorter one where it is a whole line or
sentence; the reference counts word for word, anywhere in the document, and an empty one never.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from harness.data.copies import LEAST, holders
from harness.data.grams import texts_of
from harness.data.leakage import Encoding, Match
from harness.data.words import plain, words
from harness.suite import Case

SENTENCE = re.compile(r"\n|(?<=[.?!。？！])\s*")


def answered(cases: Iterable[Case], documents: Mapping[str, str]) -> dict[str, Match]:
    """By the case's id, with the first such document; ``documents`` is id → text."""
    asked = list(cases)
    names = list(documents)
    said: dict[str, str] = {}
    found: dict[str, Match] = {}
    for case, document in sorted(_held(asked, documents), key=lambda pair: pair[1]):
        name = names[document]
        if name not in said:
            said[name] = _spaced(documents[name])
        if words(asked[case].reference) and _spaced(asked[case].reference) in said[name]:
            found.setdefault(asked[case].id, Match(asked[case].id, name, "verbatim"))
    return {case.id: found[case.id] for case in asked if case.id in found}


def _held(cases: list[Case], documents: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    """(case, document) by their numbers, of every document that has the case's question."""
    encoding = Encoding()
    ours = texts_of([encoding.case(case.input) for case in cases])
    theirs = texts_of([encoding.row([text]) for text in documents.values()])
    for case, rows in holders(ours, theirs):
        yield from ((case, row) for row in rows.tolist())
    short: dict[str, list[int]] = {}
    for number, one in enumerate(cases):
        if len(words(one.input)) < LEAST and plain(one.input):
            short.setdefault(plain(one.input), []).append(number)
    for row, text in enumerate(documents.values() if short else ()):
        for sentence in {plain(part) for part in SENTENCE.split(text)}:
            yield from ((case, row) for case in short.get(sentence, ()))


def _spaced(text: str) -> str:
    return f" {' '.join(words(text))} "
