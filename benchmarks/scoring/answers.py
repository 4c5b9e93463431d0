"""The answers that both sides score: JSON of a note that a customer wrote, three in four right, with other words in the fourth."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

WORDS = [
    "the",
    "kettle",
    "has",
    "leaked",
    "since",
    "Monday",
    "and",
    "the",
    "lamp",
    "in",
    "the",
    "hall",
    "does",
    "not",
    "turn",
    "on",
    "although",
    "it",
    "was",
    "repaired",
    "in",
    "spring",
    "so",
    "please",
    "send",
    "somebody",
    "who",
    "knows",
    "how",
    "the",
    "valve",
    "under",
    "the",
    "stove",
    "is",
    "closed",
    "before",
    "the",
    "water",
    "reaches",
    "the",
    "carpet",
    "of",
    "our",
    "neighbour",
]
WORDS_A_NOTE = 24


def pairs(count: int) -> Iterator[tuple[str, str]]:
    """(reference, text), the same ones each time."""
    random_ = random.Random(1)
    for number in range(count):
        note = random_.choices(WORDS, k=WORDS_A_NOTE)
        said = random_.choices(WORDS, k=WORDS_A_NOTE) if number % 4 == 0 else note
        reference = {"desk": f"desk {number % 7}", "order": number, "note": " ".join(note)}
        text = {"note": " ".join(said), "order": number, "desk": f"desk {number % 7}"}
        yield json.dumps(reference), json.dumps(text)


def peak() -> float:
    """MiB that this process and the largest of its finished children held at most; children count once."""
    import resource

    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (own + children) / 1024
