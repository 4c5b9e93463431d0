"""A sentence-transformers model, from a folder or the Hub's cache (extra ``embed``): texts to unit vectors.

load_encoder("models/minilm")(["My parcel is late."])          # an array (1, 384)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import BadInput, need

QUIET = {"normalize_embeddings": True, "show_progress_bar": False}
PREFIX = "dense:"


def load_encoder(name: str) -> Callable[[Sequence[str]], NDArray[np.float32]]:
    """What makes vectors of texts that are compared with each other; ``name`` may be written as a retriever, ``dense:MODEL``.

    Raises:
        BadInput: when there is no such model.
    """
    model = load_model(name.removeprefix(PREFIX), said=f"embedding model {name!r}")

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.asarray(model.encode(list(texts), **QUIET), dtype=np.float32)

    return encode


@lru_cache(maxsize=2)
def load_model(name: str, *, said: str) -> Any:
    """The model itself.

    Raises:
        BadInput: beginning with ``said``.
    """
    package = need("sentence_transformers", extra="embed")
    try:
        return package.SentenceTransformer(name, model_kwargs={"use_safetensors": True})
    except (OSError, ValueError) as error:
        raise BadInput(f"{said}: sentence-transformers cannot load {name!r}: {error}") from error
