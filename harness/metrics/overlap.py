"""Metrics that count what a text shares with its reference: ROUGE, BLEU, chrF.

    reference "the cat sat on the mat", text "the cat on the mat"    rouge_1 0.91, rouge_2 0.67, rouge_l 0.91

ROUGE is the F1 of rouge-score (no stemming); importing that package costs 2.7 s and its tables take several times as long, so
tokens and counts are here, and a test holds the two equal to the last digit. Its tokens are a-z and 0-9: for other
scripts use chrF. BLEU and chrF are sacrebleu's sentence scores with effective order, divided by 100.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import chain
from typing import Any

from harness.errors import BadInput
from harness.suite import Case

_TOKEN = re.compile("[a-z0-9]+")


def rouge_1(case: Case, text: str) -> float:
    """F1 of single tokens (Lin 2004)."""
    return _ngrams(case.reference, text, 1)


def rouge_2(case: Case, text: str) -> float:
    """F1 of pairs of neighbouring tokens; 0 for a reference of one token, as in rouge-score."""
    return _ngrams(case.reference, text, 2)


def rouge_l(case: Case, text: str) -> float:
    """F1 of the longest common subsequence of tokens."""
    wanted, given = _reference(case.reference), _tokens(text)
    return _f1(_subsequence(wanted, given), len(given), len(wanted))


def rouge_lsum(case: Case, text: str) -> float:
    """F1 of the union of longest common subsequences over lines, as rouge-score takes it for summaries; as ``rouge_l`` for one
    line each.
    """
    _reference(case.reference)  # refuses one without a token
    wanted, given = _lines(case.reference), _lines(text)
    counts, left = (Counter(chain.from_iterable(side)) for side in (wanted, given))
    sizes = left.total(), counts.total()
    shared = 0
    for line in wanted:
        places = set().union(*(_places(line, other) for other in given))
        for token in (line[place] for place in sorted(places)):
            if left[token] > 0 and counts[token] > 0:  # none counts twice
                left[token] -= 1
                counts[token] -= 1
                shared += 1
    return _f1(shared, *sizes)


def bleu(case: Case, text: str) -> float:
    """Sentence BLEU of sacrebleu, effective order, tokenizer 13a, scaled to [0, 1]."""
    return _sacre("BLEU", case.reference, text)


def chrf(case: Case, text: str) -> float:
    """Sentence chrF2 of sacrebleu, scaled to [0, 1]; it needs no words, so it suits any script."""
    return _sacre("CHRF", case.reference, text)


def _ngrams(reference: str, text: str, order: int) -> float:
    wanted, given = _counts(_reference(reference), order), _counts(_tokens(text), order)
    return _f1((wanted & given).total(), given.total(), wanted.total())


def _counts(tokens: tuple[str, ...], order: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))


def _f1(shared: int, given: int, wanted: int) -> float:
    """In rouge-score's order of operations, which decides the last digit."""
    if not shared:
        return 0.0
    precision, recall = shared / given, shared / wanted
    return 2 * precision * recall / (precision + recall)


def _lines(text: str) -> list[tuple[str, ...]]:
    return [_tokens(line) for line in text.split("\n") if line]


def _places(wanted: tuple[str, ...], given: tuple[str, ...]) -> list[int]:
    """Where in ``wanted`` a longest common subsequence lies: of several, the one that rouge-score reads out of its table."""
    rows = [[0] * (len(given) + 1)]
    for token in wanted:
        above, row = rows[-1], [0]
        for place, other in enumerate(given):
            row.append(above[place] + 1 if token == other else max(above[place + 1], row[place]))
        rows.append(row)
    found, i, j = [], len(wanted), len(given)
    while i and j:
        if wanted[i - 1] == given[j - 1]:
            i, j = i - 1, j - 1
            found.append(i)
        elif rows[i][j - 1] > rows[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return found


def _subsequence(wanted: tuple[str, ...], given: tuple[str, ...]) -> int:
    """Length of the longest common subsequence, one machine word a step (Hyyrö 2004, bit-parallel LCS)."""
    if wanted == given:
        return len(wanted)
    masks: dict[str, int] = {}
    for position, token in enumerate(wanted):
        masks[token] = masks.get(token, 0) | 1 << position
    full = row = (1 << len(wanted)) - 1
    for token in given:
        if token in masks:
            hits = row & masks[token]
            row = (row + hits | row - hits) & full
    return len(wanted) - row.bit_count()


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text.lower()))


@lru_cache(maxsize=1 << 12)
def _reference(reference: str) -> tuple[str, ...]:
    tokens = _tokens(reference)
    if not tokens:
        raise BadInput(f"reference: given {reference[:60]!r}: ROUGE sees only a-z and 0-9, none is in it: use 'chrf'")
    return tokens


def _sacre(name: str, reference: str, text: str) -> float:
    if not reference.strip():
        raise BadInput(f"reference: given {reference!r}: it is empty, so no text can share anything with it")
    # A perfect sentence is 100.00000000000004 in sacrebleu 2.6.
    score: float = _scorer(name).sentence_score(text, [reference]).score / 100
    return min(score, 1.0)


@lru_cache(maxsize=2)
def _scorer(name: str) -> Any:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    return BLEU(effective_order=True) if name == "BLEU" else CHRF()
