"""The answers that both sides score: JSON of a note that a customer wrote, three in four right, with other words in the fourth."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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


class Meter:
    """Seconds, CPU seconds and the most memory of a stretch of work, other processes of this one included."""

    def __enter__(self) -> Meter:
        self._most, self._before, self._done = 0.0, resident(), threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        self._cpu, self._started = sum(os.times()[:4]), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.figures = {"seconds": time.perf_counter() - self._started, "cpu_seconds": sum(os.times()[:4]) - self._cpu}
        self._done.set()
        self._watch.join()
        self.figures |= {"peak_mib": self._most, "peak_mib_before": self._before}

    def _look(self) -> None:
        while not self._done.wait(0.2):
            self._most = max(self._most, resident())


def resident() -> float:
    """MiB that this process and its children hold now."""
    children = [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    return sum(map(_pages, ["self", *children])) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _pages(pid: str) -> int:
    with suppress(OSError):  # it has just ended
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return 0
