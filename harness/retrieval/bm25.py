"""BM25 (Robertson and Zaragoza 2009; Lucene's idf) by ``bm25s``: words in common, rare ones counting more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import bm25s
import numpy as np

from harness.errors import BadInput
from harness.retrieval.document import Document
from harness.retrieval.ranking import Scores
from harness.retrieval.token import tokens


class BM25:
    """An index of words; ``k1`` 1.5 and ``b`` 0.75 are the package's defaults."""

    def __init__(self, documents: Sequence[Document], argument: str = "") -> None:
        if argument:
            raise BadInput(f"retriever 'bm25' takes no argument: given {argument!r}")
        words = [tokens(document.text) for document in documents]
        self._count = len(words)
        self._known = {word for row in words for word in row}
        self._index = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
        if self._known:
            self._index.index(words, show_progress=False)

    def scores(self, queries: Sequence[str]) -> Iterator[Scores]:
        for query in queries:
            words = [word for word in tokens(query) if word in self._known]
            yield self._index.get_scores(words) if words else np.zeros(self._count)
