"""Does the leak detector see what was planted, and nothing else (G8)? Texts with known copies, compared and counted.

    tally = leaks(seed=1, first=0, count=20)
    tally["found:verbatim, 8 words"], tally["planted:verbatim, 8 words"]
    tally["false:tickets"], tally["clean:tickets"]

One draw plants copies of every kind in one corpus of prose, and compares one kind of templated text, in turn, where every
row was written independently of the cases. Texts that came out the same twice are copies and not counted.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zlib import crc32

from benchmarks.planted.goals import Row
from benchmarks.planted.texts import disguised, edited, form, letter, note, prose, question, reply, sums, ticket, town
from benchmarks.planted.trial import Tally
from harness import data
from harness.data.words import words
from harness.suite import Case

NAME = "leak detector"
EACH = 3
"""Copies of each kind in a draw."""


@dataclass(frozen=True, slots=True)
class Copy:
    """How a case gets into training: of ``length`` words (of ``text``, where that writes something else than prose), with a
    share of its words edited, its sentences in another order, in several rows.
    """

    length: int = 25
    edits: float = 0.0
    promised: bool = True
    text: Callable[[random.Random], str] | None = None
    shuffled: bool = False
    rows: int = 1


COPIES = {
    "verbatim, 8 words": Copy(8),
    "verbatim, 12 words": Copy(12),
    "verbatim, 25 words": Copy(25),
    "verbatim, 100 words": Copy(100),
    "verbatim, notes": Copy(text=note),
    "10 % edited, 25 words": Copy(25, 0.10),
    "10 % edited, 50 words": Copy(50, 0.10),
    "10 % edited, 100 words": Copy(100, 0.10),
    "10 % edited, tickets": Copy(edits=0.10, text=ticket),
    "10 % edited, 12 words": Copy(12, 0.10, promised=False),
    "20 % edited, 25 words": Copy(25, 0.20, promised=False),
    "30 % edited, 25 words": Copy(25, 0.30, promised=False),
    "30 % edited, 100 words": Copy(100, 0.30, promised=False),
    "50 % edited, 100 words": Copy(100, 0.50, promised=False),
    "10 % edited, 25 words, in five rows": Copy(25, 0.10, promised=False, rows=5),
    "10 % edited, notes": Copy(edits=0.10, promised=False, text=note),
    "sentences in another order, 50 words": Copy(50, promised=False, shuffled=True),
    "10 % edited, letters": Copy(edits=0.10, promised=False, text=letter),
    "10 % edited, sums": Copy(edits=0.10, promised=False, text=sums),
}
CLEAN: dict[str, Callable[[random.Random], str]] = {
    "notes": note,
    "tickets": ticket,
    "questions": question,
    "town questions": town,
    "replies": reply,
    "letters": letter,
    "a form with one slot": form,
    "sums": sums,
}
SIZES = ((400, 400), (300, 1000), (60, 60), (100, 20), (30, 200))
"""Cases and rows of a comparison of templated text, in turn."""


def leaks(*, seed: int, first: int, count: int) -> Tally:
    """Under ``planted:``, ``found:``, ``clean:`` and ``false:`` how many cases there were of each kind."""
    tally: Tally = Counter()
    for number in range(first, first + count):
        rng = random.Random(f"{seed} {crc32(NAME.encode())} {number}")
        tally += _planted(rng)
        kind = tuple(CLEAN)[number % len(CLEAN)]
        tally += _clean(kind, rng, *SIZES[number // len(CLEAN) % len(SIZES)])
    return tally


def share(tally: Tally, count: str, base: str, kind: str) -> tuple[float, int]:
    """The share of a kind, and of how many."""
    n = tally[f"{base}:{kind}"]
    return tally[f"{count}:{kind}"] / max(n, 1), n


def goals(tally: Tally) -> Iterator[tuple[str, str, list[Row]]]:
    """(goal, promise, every kind of text that tests it)."""
    promised = [kind for kind, copy in COPIES.items() if copy.promised]
    said = "leaks found ≥ 95 %: verbatim from 8 words, with 10 % edited from 25"
    found = [(kind, *share(tally, "found", "planted", kind)) for kind in promised]
    yield "G8", said, [Row("G8", kind, part, n, "≥ 95%", part >= 0.95) for kind, part, n in found]
    false = [(kind, *share(tally, "false", "clean", kind)) for kind in CLEAN]
    said = "false alarms ≤ 1 % on templated text"
    yield "G8 false", said, [Row("G8 false", kind, part, n, "≤ 1%", part <= 0.01) for kind, part, n in false if n]


def _planted(rng: random.Random) -> Tally:
    """Every kind of copy, each among texts of its own sort: prose in one corpus, the templates each in one."""
    tally: Tally = Counter()
    writers = dict.fromkeys(copy.text for copy in COPIES.values())
    for writer in writers:
        kinds = {kind: copy for kind, copy in COPIES.items() if copy.text is writer}
        texts = {
            f"{kind}:{number}": writer(rng) if writer else prose(rng, copy.length)
            for kind, copy in kinds.items()
            for number in range(EACH)
        }
        others = [writer(rng) if writer else prose(rng, rng.randint(8, 100)) for _ in range(100)]
        copied = [
            (name, row) for name, text in texts.items() for row in _copies(kinds[name.partition(":")[0]], text, rng)
        ]
        independent = [data.Row(f"row {number}", (writer(rng) if writer else prose(rng, 50),)) for number in range(200)]
        rows = independent + [row._replace(where=name) for name, row in copied]
        rng.shuffle(rows)
        cases = [*texts.items(), *((f"other {number}", text) for number, text in enumerate(others))]
        found = data.overlaps([Case(name, text, "") for name, text in cases], rows)
        for name in texts:
            kind = name.partition(":")[0]
            tally[f"planted:{kind}"] += 1
            tally[f"found:{kind}"] += name in found
        if writer is None:
            tally["clean:prose"] += len(others)
            tally["false:prose"] += sum(name.startswith("other") for name in found)
    return tally


def _copies(copy: Copy, text: str, rng: random.Random) -> Iterator[data.Row]:
    for _ in range(copy.rows):
        said = text
        if copy.shuffled:
            sentences = [part.strip() for part in said.replace("!", ".").replace("?", ".").split(".") if part.strip()]
            rng.shuffle(sentences)
            said = ". ".join(sentences)
        if copy.edits:
            said = edited(said, copy.edits, rng)
        said = disguised(said, rng)
        if rng.random() < 0.5:
            said = f"{prose(rng, rng.randint(3, 60))} {said} {prose(rng, rng.randint(3, 60))}"
        yield data.Row("", (said,), ("yes",))


def _clean(kind: str, rng: random.Random, cases: int, rows: int) -> Tally:
    write = CLEAN[kind]
    asked = {f"case {number}": write(rng) for number in range(cases)}
    taught = [write(rng) for _ in range(rows)]
    found = data.overlaps(
        [Case(name, text, "") for name, text in asked.items()],
        [data.Row(f"row {number}", (text,), ("yes",)) for number, text in enumerate(taught)],
    )
    same = {tuple(words(text)) for text in taught}
    clean = [name for name, text in asked.items() if tuple(words(text)) not in same]
    return Counter({f"clean:{kind}": len(clean), f"false:{kind}": sum(name in found for name in clean)})
