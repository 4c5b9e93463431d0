"""Whether an answer stands on the documents in its prompt.

document "The filter is called kladrun.", text "kladrun, blue"    groundedness 0.5
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from harness.errors import BadInput
from harness.fingerprint import fingerprint
from harness.metrics import Measure
from harness.metrics.decline import declining
from harness.retrieval import load_documents
from harness.retrieval.token import tokens
from harness.suite import Case, Suite
from harness.trial import Output

SHORT = 3
"""A word of so few ASCII letters is seldom content; it counts only where there is no other."""


def make_groundedness(suite: Suite, argument: str) -> tuple[Measure, Sequence[str]]:
    """Share of the answer's content words that stand in the documents of its prompt; 1 for an answer that declines or says
    nothing, since that claims nothing.
    """
    if argument:
        raise BadInput(f"given {argument!r}: it takes no argument: write 'groundedness'")
    if not suite.documents:
        raise BadInput('needs documents: add documents = "documents.jsonl"')
    texts = {document.id: document.text for document in load_documents(suite.path(suite.documents))}
    pattern = declining(suite)

    @lru_cache(maxsize=1 << 12)
    def known(name: str) -> frozenset[str]:
        return frozenset(tokens(texts.get(name, "")))

    def groundedness(case: Case, output: Output) -> float:
        said = _content(output.text)
        if not said or pattern.found(output.text):
            return 1.0
        found = frozenset().union(*map(known, output.documents))
        return sum(word in found for word in said) / len(said)

    return groundedness, [fingerprint(texts), pattern.source]


def _content(text: str) -> list[str]:
    """Words that say something: all but short ones of ASCII letters; where only such are there, all."""
    said = tokens(text)
    return [word for word in said if len(word) > SHORT or not (word.isascii() and word.isalpha())] or said
