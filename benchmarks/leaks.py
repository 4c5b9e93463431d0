"""Detectors of leaks on the same planted texts: ours, a 13-gram rule, MinHash as datasketch and as text-dedup have it.

    python benchmarks/leaks.py                        # 16 draws, five minutes on a quiet core
    python benchmarks/leaks.py --draws 4 --out DIR    # a quick look
    python benchmarks/leaks.py --speed                # a million training rows against ten thousand cases

The others need ``pip install datasketch text-dedup wordllama`` (text-dedup's own requirements do not fit beside ours: ``--no-deps``);
what is not installed is left out, and said. WordLlama's package holds vectors of 32,000 tokens, which stand in for an
embedding model where none can be downloaded; ``--embed MODEL`` names another. A full run writes
benchmarks/results/leaks.json; docs/error-rates.md has its tables (``python benchmarks/planted_truth.py --render``).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.planted import leaks, texts, wording
from benchmarks.planted.beside import tables
from benchmarks.planted.rivals import DETECTORS, Detector, static_model, with_meaning
from harness.data.meaning import SIMILAR
from harness.data.words import words

RESULTS = Path(__file__).parent / "results" / "leaks.json"
EACH = 4
LENGTHS = (8, 10, 12, 15, 20, 25, 50, 100)
EDITS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
WORDINGS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
NEEDS = {"datasketch MinHash": "datasketch", "text-dedup MinHash": "text_dedup"}
Pair = tuple[str, str]
"""A case and the row that is made of it."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Planted pairs by kind, cases that nobody copied, and rows that were written independently."""

    planted: Mapping[str, Sequence[Pair]]
    clean: Sequence[str]
    rows: Sequence[str]
    name: str


def corpora(rng: random.Random) -> Iterator[Corpus]:
    """One draw of each."""
    yield _prose(rng)
    for name, write in (
        ("tickets", texts.ticket),
        ("notes", texts.note),
        ("letters", texts.letter),
        ("sums", texts.sums),
    ):
        yield _templated(name, write, rng)
    yield _reworded(rng)
    for name, write in {**leaks.CLEAN, "English letters": wording.letter}.items():
        yield Corpus({}, [write(rng) for _ in range(200)], [write(rng) for _ in range(400)], name)


def _prose(rng: random.Random) -> Corpus:
    planted = {}
    for length in LENGTHS:
        made = [texts.prose(rng, length) for _ in range(EACH)]
        planted[f"verbatim, {length} words"] = [(text, _inside(text, rng)) for text in made]
    for length in (25, 50, 100):
        for share in EDITS:
            made = [texts.prose(rng, length) for _ in range(EACH)]
            planted[f"{share:.0%} edited, {length} words"] = [
                (text, _inside(texts.edited(text, share, rng), rng)) for text in made
            ]
    clean = [texts.prose(rng, rng.randint(8, 100)) for _ in range(100)]
    return Corpus(planted, clean, [texts.prose(rng, rng.randint(8, 120)) for _ in range(400)], "prose")


def _templated(name: str, write: Callable[[random.Random], str], rng: random.Random) -> Corpus:
    planted = {}
    for share in (0.0, 0.1, 0.2):
        made = [write(rng) for _ in range(EACH)]
        planted[f"{share:.0%} edited, {name}"] = [
            (text, _inside(texts.edited(text, share, rng) if share else text, rng)) for text in made
        ]
    return Corpus(planted, [write(rng) for _ in range(100)], [write(rng) for _ in range(200)], name)


def _reworded(rng: random.Random) -> Corpus:
    planted = {}
    for share in WORDINGS:
        made = [(wording.draw(rng), wording.worded(rng)) for _ in range(EACH)]
        planted[f"{share:.0%} in other words"] = [
            (wording.said(meaning, how), wording.said(meaning, wording.reworded(how, rng, share)))
            for meaning, how in made
        ]
    letters = [wording.letter(rng) for _ in range(600)]
    return Corpus(planted, letters[:200], letters[200:], "English letters")


def _inside(text: str, rng: random.Random) -> str:
    """In other case, punctuation or Unicode form, and every second time inside a longer text."""
    said = texts.disguised(text, rng)
    return (
        f"{texts.prose(rng, rng.randint(3, 60))} {said} {texts.prose(rng, rng.randint(3, 60))}"
        if rng.random() < 0.5
        else said
    )


def counted(corpus: Corpus, detectors: Mapping[str, Detector], rng: random.Random) -> Counter[str]:
    """``planted:KIND``, ``found:DETECTOR:KIND``, ``clean:NAME``, ``false:DETECTOR:NAME``, ``seconds:DETECTOR``."""
    kinds = [(kind, pair) for kind, pairs in corpus.planted.items() for pair in pairs]
    rows = [*corpus.rows, *(row for _, (_, row) in kinds)]
    rng.shuffle(rows)
    same = {tuple(words(row)) for row in corpus.rows}
    cases = [*(case for _, (case, _) in kinds), *(text for text in corpus.clean if tuple(words(text)) not in same)]
    tally: Counter[str] = Counter({f"clean:{corpus.name}": len(cases) - len(kinds)})
    tally.update(f"planted:{kind}" for kind, _ in kinds)
    for name, detect in detectors.items():
        started = time.process_time()
        found = detect(cases, rows)
        tally[f"milliseconds:{name}"] += round(1000 * (time.process_time() - started))
        tally.update(f"found:{name}:{kind}" for number, (kind, _) in enumerate(kinds) if number in found)
        tally[f"false:{name}:{corpus.name}"] += sum(number >= len(kinds) for number in found)
    return tally


def run(draws: int, seed: int, detectors: Mapping[str, Detector]) -> Counter[str]:
    """All corpora of every draw."""
    tally: Counter[str] = Counter()
    for number in range(draws):
        rng = random.Random(f"{seed} {number}")
        for corpus in corpora(rng):
            tally += counted(corpus, detectors, rng)
        if sys.stderr.isatty():
            print(f"\r{number + 1} of {draws} draws", end="", file=sys.stderr)
    return tally


def available(embed: str | None, folder: Path) -> dict[str, Detector]:
    """The detectors that are installed; what is missing is said."""
    found = {name: detect for name, detect in DETECTORS.items() if name not in NEEDS or find_spec(NEEDS[name])}
    for name in DETECTORS.keys() - found:
        print(f"left out: {name}: pip install {NEEDS[name].replace('_', '-')}", file=sys.stderr)
    if embed or find_spec("wordllama"):
        from harness.retrieval.encoder import load_encoder

        model = embed or str(static_model(folder / "wordllama"))
        found["tuneworthy --embed"] = with_meaning(load_encoder(model), SIMILAR)
    return found


def speed(rows: int, cases: int, seed: int, share: float) -> dict[str, Any]:
    """Seconds, CPU seconds and peak memory of ``harness data leaks``, and of datasketch on a share of the same rows."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _write(home, rows, cases, seed)
        measured = {f"tuneworthy, {rows:,} rows, {cases:,} cases": _measured("ours", home, rows, cases)}
        few, fewer = round(share * rows), max(round(share * cases), 1)
        for name in ("ours", *(("datasketch",) if find_spec("datasketch") else ())):
            label = {"ours": "tuneworthy", "datasketch": "datasketch MinHash"}[name]
            measured[f"{label}, {few:,} rows, {fewer:,} cases"] = _measured(name, home, few, fewer)
    return measured


def _write(folder: Path, rows: int, cases: int, seed: int) -> None:
    """Prose of 15 to 85 words, a quarter of it tickets; every fiftieth case is in a row, with a word in ten edited."""
    rng = random.Random(seed)
    asked = list(_written(cases, rng))
    with (folder / "cases.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps({"id": str(n), "input": said, "reference": "x"}) + "\n" for n, said in enumerate(asked)
        )
    copied = asked[::50]
    with (folder / "train.jsonl").open("w", encoding="utf-8") as file:
        for number, said in enumerate(_written(rows, rng)):
            place, last = divmod(number * len(copied), rows)
            row = texts.edited(copied[place], 0.1, rng) if last < len(copied) else said
            file.write(json.dumps({"prompt": row, "completion": rng.choice(texts.LANGUAGE)}) + "\n")


def _written(count: int, rng: random.Random) -> Iterator[str]:
    """As ``texts.prose`` and ``texts.ticket`` write, many at a time."""
    draw = np.random.default_rng(rng.getrandbits(64))
    language = np.array(texts.LANGUAGE, dtype=object)
    tickets = [texts.ticket(rng) for _ in range(2_000)]
    for start in range(0, count, 10_000):
        lengths = draw.integers(15, 86, min(10_000, count - start))
        said = language[np.minimum(texts.VOCABULARY ** draw.random(lengths.sum()), texts.VOCABULARY - 1).astype(int)]
        for number, part in enumerate(np.split(said, np.cumsum(lengths)[:-1])):
            yield f"{rng.choice(tickets)} {' '.join(part[:8])}" if number % 4 == 3 else " ".join(part)


def _measured(name: str, folder: Path, rows: int, cases: int) -> dict[str, float]:
    for kind, count in (("cases", cases), ("train", rows)):
        part = folder / f"{kind}.part.jsonl"
        with (folder / f"{kind}.jsonl").open(encoding="utf-8") as file, part.open("w", encoding="utf-8") as out:
            out.writelines(line for line, _ in zip(file, range(count), strict=False))
    started = time.perf_counter()
    command = [sys.executable, __file__, "--work", name, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    wall = time.perf_counter() - started
    return {"seconds": wall, **json.loads(done.stdout.splitlines()[-1])}


def work(name: str, folder: Path) -> None:
    """One detector in a process of its own: what it found, CPU seconds and peak memory."""
    cases, rows = folder / "cases.part.jsonl", folder / "train.part.jsonl"
    if name == "ours":
        from harness.leaks import find

        found = len(find([cases, rows])[0].shown)
    else:
        read = {
            path: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] for path in (cases, rows)
        }
        asked, taught = [row["input"] for row in read[cases]], [row["prompt"] for row in read[rows]]
        found = len(DETECTORS["datasketch MinHash"](asked, taught))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"found": found, "cpu": used.ru_utime + used.ru_stime, "gib": used.ru_maxrss / 2**20}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--draws", type=int, default=16)
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--embed", help="a sentence-transformers model instead of WordLlama's vectors")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the JSON to write, which is added to")
    parser.add_argument(
        "--speed", action="store_true", help="a million rows against ten thousand cases, and datasketch on a share"
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--share", type=float, default=0.05, help="of rows and cases that datasketch gets")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work[0], Path(given.work[1]))
        return
    result = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    if given.speed:
        result["speed"] = {
            "date": date.today().isoformat(),
            "cores": os.cpu_count(),
            **speed(given.rows, given.cases, given.seed, given.share),
        }
    else:
        with tempfile.TemporaryDirectory() as folder:
            tally = run(given.draws, given.seed, available(given.embed, Path(folder)))
        result["found"] = {
            "command": f"python benchmarks/leaks.py --draws {given.draws} --seed {given.seed}",
            "date": date.today().isoformat(),
            "draws": given.draws,
            "similar": SIMILAR,
            "versions": {name: metadata.version(name) for name in ("tuneworthy", "numpy", *_others()) if _there(name)},
            "tally": dict(sorted(tally.items())),
        }
    print(tables(result))
    given.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _others() -> Sequence[str]:
    return ("datasketch", "text-dedup", "wordllama", "sentence-transformers")


def _there(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


if __name__ == "__main__":
    main()
