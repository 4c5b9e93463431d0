"""BLEU and chrF of all answers together, as papers report them: from sums of counts, not a mean of sentence scores.

Counts and formulas are sacrebleu's ``BLEU()`` and ``CHRF()`` (a test holds them equal to the last digit), scaled to [0, 1].
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Any

import numpy as np

from harness.metrics.estimate import Cases, Outputs, Sums
from harness.stats import Floats
from harness.suite import Suite

ORDERS = 4
"""Longest n-gram of words in BLEU."""
CHARACTERS, BETA = 6, 2
"""Longest n-gram of characters in chrF2, and how much more recall counts than precision."""


def make_bleu(suite: Suite) -> Sums:
    """The estimate ``corpus_bleu``."""
    return Sums(_bleu_counts, _bleu)


def make_chrf(suite: Suite) -> Sums:
    """The estimate ``corpus_chrf``."""
    return Sums(_chrf_counts, _chrf)


def _bleu_counts(cases: Cases, outputs: Outputs) -> Floats:
    """Length of text and reference, right and all n-grams of each order: shape (n, 2 + 2 · ORDERS)."""
    scorer = _scorer()
    scores = [scorer.sentence_score(o.text, [c.reference]) for c, o in zip(cases, outputs, strict=True)]
    counts = [[score.sys_len, score.ref_len, *score.counts, *score.totals] for score in scores]
    return np.array(counts, dtype=np.float64).reshape(len(cases), 2 + 2 * ORDERS)


@lru_cache(maxsize=1)
def _scorer() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=True)  # of a sentence; its counts are those of the corpus


def _bleu(sums: Floats) -> Floats:
    """BLEU with exponential smoothing, in sacrebleu's order of operations."""
    given, wanted = sums[..., 0], sums[..., 1]
    right, total = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS :]
    with np.errstate(divide="ignore", invalid="ignore"):
        penalty = np.where(given < wanted, np.exp(1 - wanted / given), 1.0)
        halvings = 2.0 ** np.cumsum(right == 0, axis=-1)
        precisions = np.where(right == 0, 100 / (halvings * total), 100 * right / total)
        logs = np.log(precisions)
        score = penalty * np.exp((logs[..., 0] + logs[..., 1] + logs[..., 2] + logs[..., 3]) / ORDERS) / 100
    return np.where(right.any(axis=-1) & (total > 0).all(axis=-1), np.minimum(score, 1.0), 0.0)


def _chrf_counts(cases: Cases, outputs: Outputs) -> Floats:
    """N-grams of the text, of the reference and of both, for each order: shape (n, 3 · CHARACTERS)."""
    rows = [_matched(_squeezed(o.text), _squeezed(c.reference)) for c, o in zip(cases, outputs, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(cases), 3 * CHARACTERS)


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _matched(text: str, reference: str) -> list[int]:
    counts = []
    for order in range(1, CHARACTERS + 1):
        given, wanted = _ngrams(text, order), _ngrams(reference, order)
        counts += [given.total() if wanted else 0, wanted.total(), (given & wanted).total()]
    return counts


def _ngrams(text: str, order: int) -> Counter[str]:
    return Counter(text[start : start + order] for start in range(len(text) - order + 1))


def _chrf(sums: Floats) -> Floats:
    """chrF2: the F of mean precision and mean recall over the orders that both sides have."""
    given, wanted, shared = (sums[..., i::3] for i in range(3))
    both = (given > 0) & (wanted > 0)
    orders = np.maximum(both.sum(axis=-1), 1)
    precision = np.where(both, shared / np.where(both, given, 1), 0).sum(axis=-1) / orders
    recall = np.where(both, shared / np.where(both, wanted, 1), 0).sum(axis=-1) / orders
    total = BETA**2 * precision + recall
    return np.where(total > 0, (1 + BETA**2) * precision * recall / np.where(total > 0, total, 1), 0.0)
