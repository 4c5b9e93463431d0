"""How much it says that a word stands where it stands: nothing inside a template, a lot in a slot.

    surprise = surprise_of(grams, cases=400, rows=360)
    surprise.bits[12]                      # of the word at place 12 of all cases

The probability of a word is the share of the *other* texts that go on with it after the two words before, after the one
before, or have it anywhere; the largest of the three counts, so that a doubt speaks for a template. The other texts are the
other cases, and the rows but for ``COPIES`` of them: so many copies of one leak do not look like a template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

from harness.data.grams import Floats, Grams, Ints

COPIES = 5
"""Rows that may hold the same leak; fewer where there are few texts to know a template from."""
TEXTS_A_COPY = 40
UNSEEN = 64
"""As if so many more texts had been read: a word that nobody else uses takes 6 bits even in a corpus of one text."""
DOUBT = 0.2
"""Added to how often a context was seen: to have seen it once is no certainty."""
EDIT = log2(10)
"""Bits that an edit takes, where a copy has one word in ten edited."""


@dataclass(frozen=True)
class Surprise:
    """In bits.

    Attributes:
        bits: For each word of the cases, −log2 of its probability.
        odd: For each word of the cases that no other text puts after the word before it: how surely a template would have
            gone on in another way, at most ``EDIT``. 0 for other words, and near 0 where new words are to be expected, in
            slots and in prose.
        new: The same for a new word after each known word.
    """

    bits: Floats
    odd: Floats
    new: Floats


def surprise_of(grams: Sequence[Grams], *, cases: int, rows: int) -> Surprise:
    """Of every word of the cases."""
    copies = int(np.clip((cases + rows) // TEXTS_A_COPY, 1, COPIES))
    others = [np.maximum(gram.in_cases - 1, 0) + np.maximum(gram.in_rows - copies, 0) for gram in grams]
    texts = cases - 1 + max(rows - copies, 0)
    bits: Floats = -np.log2((others[0] + 1) / (texts + UNSEEN))[grams[0].cases]
    for gram, context, count in zip(grams[1:], others, others[1:], strict=False):
        with np.errstate(divide="ignore"):
            known = -np.log2(count / (context[gram.prefix] + DOUBT))
        bits = np.minimum(bits, _at(known, gram.cases, np.inf))
    new = _newness(*grams[:2])
    odd = np.where(others[1] > 0, 0.0, new[grams[1].prefix])
    return Surprise(bits, _at(odd, grams[1].cases, 0.0), new)


def _newness(words: Grams, pairs: Grams) -> Floats:
    """−log2 of how often the next word is the case's own (Good 1953: the share of what was seen once is to come anew)."""
    alone = np.bincount(pairs.prefix[pairs.in_cases == 1], minlength=len(words.in_cases))
    share: Floats = (alone + 0.5) / (np.maximum(words.in_cases, alone) + 1.0)
    return np.minimum(-np.log2(share), EDIT)


def _at(values: Floats, numbers: Ints, missing: float) -> Floats:
    return np.append(values, missing)[numbers]
