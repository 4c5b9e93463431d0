"""Detectors of leaks beside each other as Markdown: every number comes from a finished run of benchmarks/leaks.py.

tables(json.loads(Path("benchmarks/results/leaks.json").read_text()))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Result = Mapping[str, Any]


def tables(result: Result) -> str:
    """What was found, what was found falsely, and how long it took; parts that were not run are left out."""
    return "\n".join([*_found(result.get("found")), *_speed(result.get("speed"))]) + "\n"


def _found(found: Result | None) -> Iterator[str]:
    if not found:
        return
    tally = found["tally"]
    names = [key.removeprefix("milliseconds:") for key in tally if key.startswith("milliseconds:")]
    names.sort(key=lambda name: (not name.startswith("tuneworthy"), name))
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    yield f"{found['draws']} draws, {found['date']}; {versions}. Again: `{found['command']}`."
    yield from ("", f"| planted | {' | '.join(names)} | n |", f"|---|{'---:|' * (len(names) + 1)}")
    for kind, n in _counts(tally, "planted:"):
        shares = [f"{tally.get(f'found:{name}:{kind}', 0) / n:.0%}" for name in names]
        yield f"| {kind} | {' | '.join(shares)} | {n:,} |"
    yield from (
        "",
        f"| written independently, and flagged | {' | '.join(names)} | n |",
        f"|---|{'---:|' * (len(names) + 1)}",
    )
    for kind, n in _counts(tally, "clean:"):
        shares = [f"{tally.get(f'false:{name}:{kind}', 0) / n:.1%}" for name in names]
        yield f"| {kind} | {' | '.join(shares)} | {n:,} |"
    cpu = [f"{tally[f'milliseconds:{name}'] / 1000 / found['draws']:.1f} s" for name in names]
    yield f"| CPU a draw | {' | '.join(cpu)} | |"


def _counts(tally: Mapping[str, int], prefix: str) -> Iterator[tuple[str, int]]:
    """(kind, how many), by what is planted and then by number."""
    kinds = [(key.removeprefix(prefix), count) for key, count in tally.items() if key.startswith(prefix) and count]
    yield from sorted(kinds, key=lambda item: _order(item[0]))


def _order(kind: str) -> tuple[str, list[int], str]:
    numbers = [int(part.strip("%")) for part in kind.split() if part.strip("%").isdigit()]
    letters = "".join(part for part in kind.split() if not part.strip("%").isdigit())
    return letters, numbers[::-1], kind


def _speed(speed: Result | None) -> Iterator[str]:
    if not speed:
        return
    yield from ("", "| | wall, s | CPU, s | peak memory, GiB | found |", "|---|---:|---:|---:|---:|")
    for name, taken in speed.items():
        if isinstance(taken, Mapping):
            yield f"| {name} | {taken['seconds']:.0f} | {taken['cpu']:.0f} | {taken['gib']:.2f} | {taken['found']:,} |"
