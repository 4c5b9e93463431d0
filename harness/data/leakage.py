"""Which cases overlap training data: whole copies, and copies that were edited a little.

    >>> row = Row("train.jsonl:7", asked=("Why, where is the red kettle of the old house now?",), answers=("here",))
    >>> overlaps([Case("t1", "where is the red kettle of the old house", "there")], [row])
    {'t1': Match(case='t1', where='train.jsonl:7', kind='verbatim', similarity=1.0, bits=inf)}

`words` (normalised text) → `grams` (an inverted index) → `copies` (word for word) and `candidates` → `alignment`, judged here
in bits by how surprising the shared words are (`surprise`).

A near copy is told from a neighbour of the same template by a likelihood ratio: log2 of how much likelier the case is as an
edited copy of the row than as another text of its kind. Each shared word gives its surprise; each edit takes log2(10), at
one word edited in ten, less how surely a template would have gone on otherwise where it stands: slots hold different
words in different texts, a template does not. By Markov's inequality a text that is no copy reaches S bits with one of n
rows with a probability of at most n·2^−S, so S ≥ log2(n) + log2(100) keeps false alarms at 1 % as far as the surprise is right
(the reasoning behind BLAST's E-value: Karlin and Altschul 1990, doi:10.1073/pnas.87.6.2264).

References are not looked at: many cases share one. Not seen are paraphrases, translations, and shorter texts than ``LEAST``
words that are not the whole of what a row asks.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from math import log2
from typing import Literal, NamedTuple

import numpy as np

from harness.data.alignment import common
from harness.data.candidates import POSTINGS, Pairs, candidates
from harness.data.copies import LEAST, whole_copies
from harness.data.grams import START, UNKNOWN, Grams, Ints, Texts, distinct, grams_of, offsets, size_of, texts_of
from harness.data.surprise import EDIT, Surprise, surprise_of
from harness.data.words import plain, words
from harness.suite import Case

VERSION = 1
"""Raised when other matches are found in the same texts."""
NEAR = 12
"""Words from which an edited copy is looked for; a shorter text has too few to tell."""
LONG = 2000
"""Words of a case that are looked at for an edited copy."""
HALF = 0.5
"""Share of a case's words that an edited copy has, in their order."""
FALSE_ALARM = 0.01
DIGEST = 12
"""Bytes that tell rows apart: that two of a billion are taken for equal, and are not, has a probability of 10^-11."""
FEW, MOST = 700, 24.0
"""Of few cases the templates are badly known: FEW/cases bits more are asked for, at most MOST (from draws of templates)."""


class Row(NamedTuple):
    """A training row: what is asked and what is answered, in one message or several; ``where`` is file:line."""

    where: str
    asked: tuple[str, ...]
    answers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A case with the row that it overlaps most: ``similarity`` is the share of the case's words that the row has in their
    order, ``bits`` what speaks for a copy (infinite when it is verbatim). Where it is the ``meaning`` that is alike, it is the
    cosine of both texts' vectors, and there are no bits.
    """

    case: str
    where: str
    kind: Literal["verbatim", "near", "meaning"]
    similarity: float = 1.0
    bits: float = float("inf")


def overlaps(cases: Iterable[Case], rows: Iterable[Row]) -> dict[str, Match]:
    """The worst match of each case that overlaps a row, by the case's id, in the order of cases.

    All cases together, dev too, tell what a template is: give them all. ``rows`` are gone through once.
    """
    return Compared(cases).overlaps(rows)


class Compared:
    """Cases that are read once, to be held against one set of rows after another."""

    def __init__(self, cases: Iterable[Case]) -> None:
        self._known = _Cases()
        for case in cases:
            self._known.add(case)
        self._texts = texts_of(self._known.texts)

    def overlaps(self, rows: Iterable[Row]) -> dict[str, Match]:
        """As the function of that name."""
        known, where, asked = self._known, list[str](), dict[str, Match]()
        read = texts_of(_read(known, rows, where, asked))
        found = _found(self._texts, read, where) if where else {}
        made = (
            {name: asked.get(name) or found.get(number) for name, number in known.number.items()}
            if asked or found
            else {}
        )
        return {name: replace(match, case=name) for name, match in made.items() if match is not None}


def _read(known: _Cases, rows: Iterable[Row], where: list[str], asked: dict[str, Match]) -> Iterator[bytes]:
    """The words of each row, of equal ones the first's; where it stands goes to ``where``, and short cases that are the whole of
    what it asks to ``asked``.
    """
    seen: set[bytes] = set()
    for row in rows:
        known.meet(row, asked)
        if known.long:
            encoded = known.encoding.row((*row.asked, *row.answers))
            digest = blake2b(encoded, digest_size=DIGEST).digest()
            if digest not in seen:
                seen.add(digest)
                where.append(row.where)
                yield encoded


class Encoding:
    """Numbers for the words of the cases; other words have none."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {"": START}

    def case(self, text: str) -> bytes:
        """As ``texts_of`` takes it."""
        known = self._words
        return _bytes([START, *(known.setdefault(word, len(known)) for word in words(text))])

    def row(self, texts: Iterable[str]) -> bytes:
        """Several messages as one text."""
        numbers: list[int] = []
        number = self._words.get
        for text in texts:
            numbers.append(START)
            numbers += [number(word, UNKNOWN) for word in words(text)]
        return _bytes(numbers)


class _Cases:
    """The cases as they are read, equal texts once."""

    def __init__(self) -> None:
        self.encoding = Encoding()
        self.texts: dict[bytes, int] = {}
        self.number: dict[str, int] = {}
        self.short: dict[str, list[str]] = {}
        self.long = False

    def add(self, case: Case) -> None:
        encoded = self.encoding.case(case.input)
        if len(encoded) // 4 > LEAST:
            self.long = True
        elif short := plain(case.input):
            self.short.setdefault(short, []).append(case.id)
        self.number[case.id] = self.texts.setdefault(encoded, len(self.texts))

    def meet(self, row: Row, asked: dict[str, Match]) -> None:
        """Short cases that are the whole of what the row asks."""
        for text in row.asked if self.short else ():
            for name in self.short.get(plain(text), ()):
                asked.setdefault(name, Match(name, row.where, "verbatim"))


def _bytes(numbers: Iterable[int]) -> bytes:
    return array("i", numbers).tobytes()


def _found(cases: Texts, rows: Texts, where: Sequence[str]) -> dict[int, Match]:
    """By the number of the case's text."""
    found = {case: Match("", where[row], "verbatim") for case, row in whole_copies(cases, rows).items()}
    wanted = np.diff(cases.starts) > NEAR
    wanted[list(found)] = False
    if not wanted.any():
        return found
    grams = grams_of(cases, rows, most=POSTINGS)
    judge = _Judge(cases, rows, grams, surprise_of(grams, cases=len(cases), rows=len(rows)))
    for pairs in candidates(grams, cases, rows, np.flatnonzero(wanted)):
        for case, row in judge.possible(pairs):
            match = judge(case, row, where[row])
            if match is not None and (case not in found or found[case].bits < match.bits):
                found[case] = match
    return found


@dataclass(frozen=True)
class _Judge:
    """Holds cases against rows."""

    cases: Texts
    rows: Texts
    grams: Sequence[Grams]
    surprise: Surprise

    @cached_property
    def size(self) -> int:
        return size_of(self.cases)

    @cached_property
    def asked(self) -> float:
        """The bits from which a case counts as copied."""
        few = min(FEW / len(self.cases), MOST)
        return log2(len(self.rows)) - log2(FALSE_ALARM) + few

    def possible(self, pairs: Pairs) -> Iterator[tuple[int, int]]:
        """Those whose shared words, in whatever order, have the bits that are asked."""
        begin = self.cases.starts[pairs.case] + 1
        count = np.minimum(self.cases.starts[pairs.case + 1] - begin, LONG)
        index = np.repeat(np.arange(len(count)), count)
        places = np.arange(len(index)) + (begin - offsets(count)[:-1])[index]
        theirs = self._words(pairs.row)
        wanted = index * self.size + self.cases.flat[places]
        found = np.minimum(np.searchsorted(theirs, wanted), len(theirs) - 1)
        shared = np.where(theirs[found] == wanted, self.surprise.bits[places], 0.0)
        enough = np.bincount(index, weights=shared, minlength=len(count)) >= self.asked
        yield from zip(pairs.case[enough].tolist(), pairs.row[enough].tolist(), strict=True)

    def _words(self, rows: Ints) -> Ints:
        """A number for each known word of each of the rows, and its place among them, in order."""
        begin, count = self.rows.starts[rows], np.diff(self.rows.starts)[rows]
        index = np.repeat(np.arange(len(rows)), count)
        words = self.rows.flat[np.arange(len(index)) + (begin - offsets(count)[:-1])[index]]
        return distinct(index[words > START] * self.size + words[words > START])

    def __call__(self, case: int, row: int, where: str) -> Match | None:
        begin = int(self.cases.starts[case]) + 1
        part = slice(begin, min(int(self.cases.starts[case + 1]), begin + LONG))
        ours, bits = self.cases.flat[part].tolist(), self.surprise.bits[part].tolist()
        window = self._window(row, dict(zip(ours, bits, strict=True)), len(ours))
        pairs = common(ours, self.rows.flat[window].tolist())
        total = sum(bits[mine] for mine, _ in pairs)
        if total < self.asked or len(pairs) < HALF * len(ours):
            return None
        total -= self._edits(pairs, part, window)
        return Match("", where, "near", len(pairs) / len(ours), total) if total >= self.asked else None

    def _window(self, row: int, worth: Mapping[int, float], length: int) -> slice:
        """The stretch of a row, half as long again as the case at most, that shares most with it."""
        begin, wide = int(self.rows.starts[row]), length + length // 2 + 4
        theirs = self.rows.words(row).tolist()
        if len(theirs) <= wide:
            return slice(begin, begin + len(theirs))
        shared = np.append(0.0, np.cumsum([worth.get(word, 0.0) for word in theirs]))
        best = begin + int(np.argmax(shared[wide:] - shared[:-wide]))
        return slice(best, best + wide)

    def _edits(self, pairs: Sequence[tuple[int, int]], part: slice, window: slice) -> float:
        """Bits that speak against a copy: of each stretch between two shared words, and of both ends."""
        length = part.stop - part.start
        (mine, theirs), (last, its) = pairs[0], pairs[-1]
        total = 0.0
        for (i, j), (after, beyond) in pairwise([(-1, theirs - mine - 1), *pairs, (length, its + length - last)]):
            count = max(after - i, beyond - j) - 1
            if count:
                odd = float(self.surprise.odd[part][i + 1 : after + 1].sum())
                total += max(EDIT * count - max(odd, self._odd(window, j + 1, beyond + 1)), 0.0)
        return total

    def _odd(self, window: slice, begin: int, end: int) -> float:
        """The odd words in a stretch of a row, as ``Surprise.odd`` has them for the cases."""
        places = np.arange(max(window.start + begin, 1), min(window.start + end, window.stop))
        before, words = self.rows.flat[places - 1], self.rows.flat[places]
        pairs = self.grams[1].numbers(before.astype(np.int64) * self.size + words)
        other = (words < START) | ((words > START) & (pairs < 0))
        return float(self.surprise.new[before[other & (before > START)]].sum())
