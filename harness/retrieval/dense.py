"""Dense retrieval: documents and queries as vectors, near ones first.

dense          latent semantic analysis (Deerwester et al. 1990): tf-idf and a truncated SVD, offline, seeded
dense:MODEL    a sentence-transformers model or folder (extra ``embed``)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from harness.retrieval.document import Document
from harness.retrieval.encoder import QUIET, load_model
from harness.retrieval.ranking import Scores
from harness.retrieval.token import tokens

# Topics kept by the SVD; a few hundred is the usual choice for small collections (Landauer and Dumais 1997).
TOPICS = 200
# Queries scored at once: bounds memory at BLOCK x documents floats.
BLOCK = 256


def dense(documents: Sequence[Document], argument: str = "") -> LSA | Embedded:
    """The index of the model named, or of the one that needs none."""
    return Embedded(documents, argument) if argument else LSA(documents)


class LSA:
    """Vectors of topics that words share."""

    def __init__(self, documents: Sequence[Document]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._count = len(documents)
        self._words = TfidfVectorizer(tokenizer=tokens, token_pattern=None, lowercase=False, sublinear_tf=True)
        texts = [document.text for document in documents]
        self._empty = not any(map(tokens, texts))
        if self._empty:
            return
        counted = self._words.fit_transform(texts)
        self._topics = _fit(counted)
        self._vectors = self._project(counted)

    def scores(self, queries: Sequence[str]) -> Iterator[Scores]:
        for start in range(0, len(queries), BLOCK):
            block = queries[start : start + BLOCK]
            if self._empty:
                yield from np.zeros((len(block), self._count))
            else:
                yield from self._project(self._words.transform(block)) @ self._vectors.T

    def _project(self, counted: Any) -> Scores:
        vectors = self._topics.transform(counted) if self._topics else counted.toarray()
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Scores = vectors / np.where(lengths > 0, lengths, 1)
        return unit


def _fit(counted: Any) -> Any:
    """The topics of a matrix (documents, words); None where it is too small to have any."""
    from sklearn.decomposition import TruncatedSVD

    topics = min(TOPICS, counted.shape[0] - 1, counted.shape[1] - 1)
    if topics < 1:
        return None
    with np.errstate(invalid="ignore"):  # texts that are all the same have no variance to explain
        return TruncatedSVD(topics, random_state=0).fit(counted)


class Embedded:
    """Vectors of a sentence-transformers model, which knows its own prefixes for queries and documents."""

    def __init__(self, documents: Sequence[Document], model: str) -> None:
        self._model = load_model(model, said=f"retriever 'dense:{model}'")
        self._vectors = self._model.encode_document([document.text for document in documents], **QUIET)

    def scores(self, queries: Sequence[str]) -> Iterator[Scores]:
        for start in range(0, len(queries), BLOCK):
            block = list(queries[start : start + BLOCK])
            yield from self._model.encode_query(block, **QUIET) @ self._vectors.T
