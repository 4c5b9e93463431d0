"""How often is the verdict wrong? Rows from worlds whose right answer is known, decided and counted.

    python benchmarks/planted_truth.py                              # 2,000 draws a world, half an hour on two quiet cores
    python benchmarks/planted_truth.py --quick                      # 100 draws a world, into a folder that you name or none
    python benchmarks/planted_truth.py --worlds leak margin --replicates 500
    python benchmarks/planted_truth.py --worlds "end to end" --add   # into the kept JSON
    python benchmarks/planted_truth.py --render                     # the pages again, from the kept JSON

A full run writes benchmarks/results/planted_truth.json and .md, and docs/error-rates.md from them; a run of some worlds
or with --quick prints its tables and writes only where --out says. Same seed, same numbers, whatever the number of
workers.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.planted import leaks, properties
from benchmarks.planted.catalogue import BY_NAME, CATALOGUE
from benchmarks.planted.page import page, tables
from benchmarks.planted.trial import Tally, trials
from benchmarks.planted.world import World

ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "benchmarks" / "results", ROOT / "docs" / "error-rates.md"
STEM = "planted_truth"
FULL, QUICK, CHUNK = 2000, 100, 50
Task = tuple[str, int, int, int]
OTHERS = {properties.NAME: properties.properties, leaks.NAME: leaks.leaks}
"""What is counted on draws of its own kind, beside the worlds."""


def run(names: Iterable[str], *, replicates: int, seed: int, workers: int) -> dict[str, Tally]:
    """Tallies by world, from ``workers`` processes."""
    tasks = [task for name in names for task in _tasks(name, replicates, seed)]
    tallies: dict[str, Tally] = {}
    started, done = time.perf_counter(), 0
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for name, tally in pool.imap_unordered(_work, tasks):
            tallies[name] = tallies.get(name, Counter()) + tally
            done += 1
            _say(f"\r{done} of {len(tasks)} chunks, {time.perf_counter() - started:.0f} s", end=done == len(tasks))
    return tallies


def _tasks(name: str, replicates: int, seed: int) -> Iterable[Task]:
    for first in range(0, replicates, CHUNK):
        yield name, seed, first, min(CHUNK, replicates - first)


def _work(task: Task) -> tuple[str, Tally]:
    name, seed, first, count = task
    if name in OTHERS:
        return name, OTHERS[name](seed=seed, first=first, count=count)
    return name, trials(BY_NAME[name].source, seed=seed, first=first, count=count)


def _say(text: str, *, end: bool) -> None:
    if sys.stderr.isatty() or end:
        print(text, end="\n" if end else "", file=sys.stderr, flush=True)


def about(started: float) -> dict[str, Any]:
    """What the numbers were taken with."""
    names = ("tuneworthy", "numpy", "scipy", "pyarrow")
    return {
        "date": date.today().isoformat(),
        "minutes": (time.perf_counter() - started) / 60,
        "machine": f"{os.cpu_count()} cores",
        "versions": {"Python": platform.python_version(), **{name: metadata.version(name) for name in names}},
    }


def chosen(wanted: Sequence[str]) -> list[str]:
    """Names that hold one of the words, all without; looks first, because they take longest."""
    everything = [*(entry.name for entry in CATALOGUE), *OTHERS]
    names = [name for name in everything if not wanted or any(word in name for word in wanted)]
    if not names:
        raise SystemExit(f"no world's name holds {' or '.join(map(repr, wanted))}; there are: {', '.join(everything)}")
    return sorted(names, key=_looks, reverse=True)


def _looks(name: str) -> int:
    source = BY_NAME[name].source if name in BY_NAME else None
    return source.looks if isinstance(source, World) else 0


def write(result: dict[str, Any], folder: Path, pages: Path | None) -> None:
    """JSON and Markdown beside each other, and the page for users where one is wanted."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{STEM}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / f"{STEM}.md").write_text(tables(result), encoding="utf-8")
    if pages is not None:
        beside = RESULTS / "leaks.json"
        others = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else {}
        pages.write_text(page(result, others), encoding="utf-8")


def added(tallies: dict[str, Any], *, replicates: int, seed: int) -> dict[str, Any]:
    """The kept result with these worlds in it: every world has draws of its own, so they are the first of a full run's."""
    kept: dict[str, Any] = json.loads((RESULTS / f"{STEM}.json").read_text(encoding="utf-8"))
    if kept["seed"] != seed:
        raise SystemExit(f"--add: the kept run has the seed {kept['seed']}: take the same")
    said = f"{replicates:,} draws, {date.today().isoformat()}"
    later = {**kept["about"].get("later", {}), **dict.fromkeys(tallies, said)}
    worlds = {**kept["tallies"], **tallies}
    return {**kept, "about": {**kept["about"], "later": later}, "tallies": dict(sorted(worlds.items()))}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--replicates", type=int, default=FULL, help=f"draws a world (default: {FULL})")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} draws a world")
    parser.add_argument("--worlds", nargs="*", default=[], metavar="WORD", help="only worlds whose name holds a word")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder for the JSON and the tables")
    parser.add_argument("--add", action="store_true", help="put these worlds into the kept JSON and the pages")
    parser.add_argument("--render", action="store_true", help="write the Markdown again from the kept JSON")
    given = parser.parse_args()
    if given.render:
        write(json.loads((RESULTS / f"{STEM}.json").read_text(encoding="utf-8")), RESULTS, PAGE)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    started, replicates = time.perf_counter(), QUICK if given.quick else given.replicates
    names = chosen(given.worlds)
    tallies = run(names, replicates=replicates, seed=given.seed, workers=given.workers)
    whole = not given.quick and not given.worlds
    command = f"python benchmarks/planted_truth.py --replicates {replicates} --seed {given.seed}"
    kept = {name: dict(sorted(tallies[name].items())) for name in sorted(tallies)}
    result = {
        "command": command,
        "replicates": replicates,
        "seed": given.seed,
        "about": about(started),
        "tallies": kept,
    }
    print(tables(result))
    if given.add:
        write(added(kept, replicates=replicates, seed=given.seed), RESULTS, PAGE)
    elif whole or given.out:
        write(result, given.out or RESULTS, PAGE if whole and given.out is None else None)


if __name__ == "__main__":
    main()
