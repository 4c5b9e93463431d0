"""Likeness of meaning: ``similarity:PATH`` or ``similarity:ID`` of an embedding model, as BERTScore has it (arXiv 1904.09675).

    metrics = ["similarity:models/bge-small"]                              # a folder, relative to the suite's
    metrics = ["similarity:sentence-transformers/all-MiniLM-L6-v2"]        # a Hub id, from the cache where there is no network

Every token of the text is matched with the token of the reference that is likest in its place (cosine of the model's last layer),
and the other way round; the score is the F1 of both means. Without BERTScore's weights and rescaling: compare only scores of
one model. Special tokens are left out; what is longer than the model reads is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.errors import BadInput, need
from harness.metrics import Function
from harness.suite import Case, Suite

KEPT = 512
"""References whose vectors are kept: contenders answer the same cases."""


def make_similarity(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """F1 of greedily matched tokens, in [0, 1]; 0 for an empty text."""
    if not argument:
        raise BadInput(
            "name an embedding model: similarity:PATH relative to the suite, or similarity:OWNER/NAME of the Hub"
        )
    path = suite.path(argument)
    if not path.is_dir() and (argument.startswith((".", "/", "~")) or argument.count("/") > 1):
        raise BadInput(f"given {argument!r}: no such folder: {path}")

    @lru_cache(maxsize=KEPT)
    def wanted(reference: str) -> Any:
        if not reference.strip():
            raise BadInput(f"reference: given {reference!r}: it is empty, so nothing can be like it")
        return _vectors(_model(argument, path), reference)

    def similarity(case: Case, text: str) -> float:
        one = wanted(case.reference)
        other = _vectors(_model(argument, path), text) if text.strip() else one[:0]
        return _f1(one, other)

    return similarity, [_identity(path)] if path.is_dir() else []


def _identity(path: Path) -> str:
    from harness.experiment import Model
    from harness.models.weights import identity

    return identity(Model(id=str(path)))


@lru_cache(maxsize=2)
def _model(name: str, path: Path) -> Any:
    package = need("sentence_transformers", extra="embed")
    try:
        return package.SentenceTransformer(str(path) if path.is_dir() else name, model_kwargs={"use_safetensors": True})
    except Exception as error:  # the Hub's client raises its own, httpx's and the system's errors
        raise BadInput(
            f"sentence-transformers cannot load {name!r} ({type(error).__name__}): check the name, fetch it where there is a "
            f"network (hf download {name}), or name a folder that holds it"
        ) from error


def _vectors(model: Any, text: str) -> Any:
    """Unit vectors [tokens, width] of a text, without the special tokens."""
    import numpy as np

    encoded = model.tokenizer(text, truncation=True, max_length=model.max_seq_length, return_special_tokens_mask=True)
    plain = np.asarray(encoded["special_tokens_mask"]) == 0
    vectors = model.encode(text, output_value="token_embeddings", show_progress_bar=False).float().cpu().numpy()
    vectors = vectors[: plain.size][plain[: len(vectors)]]
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _f1(wanted: Any, given: Any) -> float:
    if not len(wanted) or not len(given):
        return 0.0
    likeness = given @ wanted.T
    precision, recall = float(likeness.max(axis=1).mean()), float(likeness.max(axis=0).mean())
    if precision <= 0 or recall <= 0:
        return 0.0
    return min(2 * precision * recall / (precision + recall), 1.0)
