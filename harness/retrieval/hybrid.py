"""BM25 and dense retrieval together, by reciprocal rank fusion (Cormack, Clarke and Büttcher 2009).

A document's score is the sum of 1 / (60 + rank) over both; one that BM25 finds no word in gets nothing from BM25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.retrieval import load_index
from harness.retrieval.document import Document
from harness.retrieval.ranking import Scores, best

K = 60  # the constant of the paper


class Hybrid:
    """Two indexes over the same documents; ``argument`` names the dense one's model."""

    def __init__(self, documents: Sequence[Document], argument: str = "") -> None:
        documents = tuple(documents)
        self._words = load_index("bm25", documents)
        self._dense = load_index(f"dense:{argument}" if argument else "dense", documents)

    def scores(self, queries: Sequence[str]) -> Iterator[Scores]:
        for words, topics in zip(self._words.scores(queries), self._dense.scores(queries), strict=True):
            # scaled, so that far ranks stay apart after rounding: 1/1060 - 1/1061 is 9e-7
            yield (_credit(words) + _credit(topics)) * 1e4


def _credit(scores: Scores) -> Scores:
    credit = np.zeros(len(scores))
    ranked = [position for position in best(scores, len(scores)) if scores[position] > 0]
    credit[ranked] = 1 / (K + 1 + np.arange(len(ranked)))
    return credit
