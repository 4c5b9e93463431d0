"""Detectors of leaks, ours and others', as functions: which of the cases stand in rows?

    DETECTORS["13-gram overlap"](cases, rows)            # the numbers of the cases, two lists of texts

Each of the others as it is commonly set: what a team would take that has no tool of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from harness import data
from harness.data.meaning import alike
from harness.data.words import words
from harness.suite import Case

Detector = Callable[[Sequence[str], Sequence[str]], set[int]]
LONG, SHORT = 13, 8
"""Words of a run: GPT-3 (Brown et al. 2020, appendix C) took 13; texts that are shorter are looked up by 8."""
PERMUTATIONS, THRESHOLD, SHINGLE = 128, 0.7, 3
"""Of datasketch: its documentation's 128, a usual Jaccard for deduplication, words of a shingle for short texts."""
DEDUP = {"num_perm": 250, "ngram": 5, "threshold": 0.7}
"""text-dedup's own defaults."""


def ours(cases: Sequence[str], rows: Sequence[str]) -> set[int]:
    asked = [Case(str(number), text, "") for number, text in enumerate(cases)]
    return {int(name) for name in data.overlaps(asked, [data.Row("", (text,)) for text in rows])}


def with_meaning(encode: Any, least: float) -> Detector:
    """The embedding model's part alone."""

    def detect(cases: Sequence[str], rows: Sequence[str]) -> set[int]:
        asked = [Case(str(number), text, "") for number, text in enumerate(cases)]
        return {int(name) for name in alike(asked, [data.Row("", (text,)) for text in rows], encode, least=least)}

    return detect


def overlap(cases: Sequence[str], rows: Sequence[str]) -> set[int]:
    """A run of 13 words in common; of 8 where the case is shorter."""
    known = {size: {run for text in rows for run in _runs(text, size)} for size in (LONG, SHORT)}
    found = set()
    for number, text in enumerate(cases):
        size = LONG if len(words(text)) >= LONG else SHORT
        if not known[size].isdisjoint(_runs(text, size)):
            found.add(number)
    return found


def minhash(cases: Sequence[str], rows: Sequence[str]) -> set[int]:
    """datasketch: an index of the rows by locality-sensitive hashing, asked for each case."""
    from datasketch import MinHash, MinHashLSH

    def made(text: str) -> Any:
        found = MinHash(num_perm=PERMUTATIONS)
        found.update_batch([" ".join(run).encode() for run in _runs(text, SHINGLE)])
        return found

    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    for number, text in enumerate(rows):
        if len(words(text)) >= SHINGLE:
            index.insert(number, made(text))
    return {number for number, text in enumerate(cases) if len(words(text)) >= SHINGLE and index.query(made(text))}


def dedup(cases: Sequence[str], rows: Sequence[str]) -> set[int]:
    """text-dedup's MinHash: two texts are copies when any band of their signatures agrees."""
    signed = _signed()
    known: list[set[bytes]] = []
    for text in rows:
        bands = signed(text)
        known = known or [set() for _ in bands]
        for held, band in zip(known, bands, strict=True):
            held.add(band)
    return {number for number, text in enumerate(cases) if any(b in held for b, held in zip(signed(text), known, strict=False))}  # fmt: skip


def _signed() -> Callable[[str], Sequence[bytes]]:
    import numpy as np
    from text_dedup.minhash import RNG, embed_func, optimal_param
    from text_dedup.utils.hashfunc import xxh3_32hash

    count = int(DEDUP["num_perm"])
    bands, width = optimal_param(DEDUP["threshold"], count, false_negative_weight=0.5, false_positive_weight=0.5)
    most, prime = np.uint32((1 << 32) - 1), np.uint32((1 << 32) - 5)
    made = (
        RNG.randint(1, prime, size=(count,), dtype=np.uint32),
        RNG.randint(0, prime, size=(count,), dtype=np.uint32),
    )
    ranges = [(place * width, (place + 1) * width) for place in range(bands)]

    def signed(text: str) -> Sequence[bytes]:
        found: Sequence[bytes] = embed_func(
            text, 0, num_perm=count, ngram_size=int(DEDUP["ngram"]), min_length=0, hashranges=ranges, permutations=made,
            hash_func=xxh3_32hash, dtype=np.uint32, max_hash=most, modulo_prime=prime,
        )["__signatures__"]  # fmt: skip
        return found

    return signed


def _runs(text: str, size: int) -> set[tuple[str, ...]]:
    said = words(text)
    return set(zip(*(islice(said, step, None) for step in range(size)), strict=False)) if len(said) >= size else set()


def static_model(folder: Path) -> Path:
    """WordLlama's vectors (its package holds them: 32,000 tokens, 256 wide) as a sentence-transformers model."""
    from safetensors.numpy import load_file
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    spec = find_spec("wordllama")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("an embedding model is needed: pip install wordllama, or --embed MODEL")
    package = Path(spec.submodule_search_locations[0])
    (weights,) = load_file(package / "weights" / "l2_supercat_256.safetensors").values()
    tokenizer = Tokenizer.from_file(str(package / "tokenizers" / "l2_supercat_tokenizer_config.json"))
    SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)]).save(str(folder))
    return folder


DETECTORS: Mapping[str, Detector] = {
    "tuneworthy": ours,
    "13-gram overlap": overlap,
    "datasketch MinHash": minhash,
    "text-dedup MinHash": dedup,
}
