"""Retrievers: which documents answer a query best.

    >>> retriever = load_retriever("hybrid", load_documents(Path("suites/manual/documents")))
    >>> [document.id for document in retriever.find("How long does a refund take?", k=2)]
    ['refunds', 'returns']

A retriever is one line in ``RETRIEVERS``; ``dense:MODEL`` and ``hybrid:MODEL`` name a sentence-transformers model, and
``module:Class`` one of the user's own, called with documents and argument. Ties keep the order of the documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

from harness.errors import BadInput, suggest
from harness.retrieval.document import Document, load_documents
from harness.retrieval.ranking import Scores, best

__all__ = ["Document", "Index", "Retriever", "load_documents", "load_index", "load_retriever"]

RETRIEVERS: dict[str, str] = {
    "bm25": "harness.retrieval.bm25:BM25",
    "dense": "harness.retrieval.dense:dense",
    "hybrid": "harness.retrieval.hybrid:Hybrid",
}


class Index(Protocol):
    """What a retriever is made of: documents that know how well each of them fits a query."""

    def scores(self, queries: Sequence[str]) -> Iterator[Scores]:
        """One array a query: a score for every document, more is better."""
        ...


Maker = Callable[[Sequence[Document], str], Index]

KEPT = 8
"""Indexes kept in memory: contenders of one suite ask the same few again and again."""


class Retriever:
    """Documents behind an index."""

    def __init__(self, documents: Sequence[Document], index: Index) -> None:
        self._documents = documents
        self._index = index

    def find(self, query: str, k: int) -> list[Document]:
        """The ``k`` best documents (all, if there are fewer), best first; also where none of them shares a word."""
        return self.find_many([query], k)[0]

    def find_many(self, queries: Sequence[str], k: int) -> list[list[Document]]:
        """``find`` for many queries at once."""
        if not self._documents:
            return [[] for _ in queries]
        return [[self._documents[i] for i in best(scores, k)] for scores in self._index.scores(queries)]


def load_retriever(name: str, documents: Sequence[Document]) -> Retriever:
    """The retriever called ``name`` over ``documents``.

    Raises:
        BadInput: for an unknown name.
        MissingExtra: when its package is not installed.
    """
    documents = tuple(documents)
    return Retriever(documents, load_index(name, documents))


@lru_cache(maxsize=KEPT)
def load_index(name: str, documents: tuple[Document, ...]) -> Index:
    """The index of the retriever called ``name``: made once for the same documents."""
    head, _, argument = name.partition(":")
    maker: Maker = _load(RETRIEVERS[head], name) if head in RETRIEVERS else _own(name)
    return maker(documents, argument if head in RETRIEVERS else "")


def _own(name: str) -> Any:
    if ":" not in name:
        raise BadInput(f"unknown retriever {name!r}: {suggest(name, RETRIEVERS)}")
    return _load(name, name)


def _load(target: str, name: str) -> Any:
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ModuleNotFoundError, AttributeError) as error:
        hint = suggest(name.partition(":")[0], RETRIEVERS)
        raise BadInput(f"unknown retriever {name!r}: {hint}, or check module:Class: {error}") from error
