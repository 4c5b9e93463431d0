"""The campaign: each protection is removed in a copy of the tree, and its tests are run, which must fail.

    python -m tests.protections                       # all but the slow ones; --slow: all
    python -m tests.protections escaping lock          # those whose names hold one of the words
    python -m tests.protections --find lock            # whatever else fails without it, of the files of its tests

First the tests are run as they are: one that fails or is skipped then would prove nothing. The exit code is 1 where a
protection can be removed without anybody noticing. ``--out FILE`` keeps what was found; with it, what was seen already of the same
table, code and tests is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.protections.removal import Removal, removals
from tests.protections.tree import PASSED, Ran, Tree

ROOT = Path(__file__).parents[2]
SECONDS, SLOW_SECONDS = 240.0, 1800.0
CAUGHT = "caught"


def main(arguments: Sequence[str] | None = None) -> int:
    given = _given(arguments)
    chosen = [one for one in removals() if given.slow or given.names or not one.slow]
    chosen = [one for one in chosen if not given.names or any(word in one.name for word in given.names)]
    if not chosen:
        raise SystemExit(f"no removal is named like {given.names}")
    kept = json.loads(given.out.read_text()) if given.out and given.out.exists() else {}
    with Tree(ROOT) as tree:
        if given.find:
            return _find(tree, chosen)
        todo = [one for one in chosen if kept.get(one.name, {}).get("of") != _digest(one)]
        faults = _unmoved(tree, todo)
        started = time.monotonic()
        for number, one in enumerate(todo, start=1):
            began = time.monotonic()
            said = faults.get(one.name) or _removed(tree, one)
            kept[one.name] = {"of": _digest(one), "said": said, "seconds": round(time.monotonic() - began, 1)}
            left = (time.monotonic() - started) / number * (len(todo) - number)
            print(f"[{number:3}/{len(todo)}] {one.name}: {said}; about {left / 60:.0f} min left", flush=True)
            if given.out:
                given.out.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    return _told(chosen, kept)


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.protections", description="Remove every protection once.")
    parser.add_argument("names", nargs="*", help="words of the names of those to remove; all without")
    parser.add_argument("--slow", action="store_true", help="those that take minutes too")
    parser.add_argument(
        "--find", action="store_true", help="print all tests that fail, of the files of the tests named"
    )
    parser.add_argument("--out", type=Path, help="a JSON file of what was found, to go on from")
    return parser.parse_args(arguments)


def _unmoved(tree: Tree, todo: Sequence[Removal]) -> dict[str, str]:
    """Removal → what is wrong with its tests while nothing is removed."""
    tests = list(dict.fromkeys(test for one in todo for test in one.tests))
    if not tests:
        return {}
    print(f"{len(tests)} tests as they are …", flush=True)
    ran = tree.test(tests, seconds=SLOW_SECONDS * 2)
    wrong = {test: _wrong([one for one in ran if one.of(test)]) for test in tests}
    return {
        one.name: f"{test} {wrong[test]} while nothing is removed" for one in todo for test in one.tests if wrong[test]
    }


def _wrong(ran: Sequence[Ran]) -> str:
    """What is wrong with the runs of one test; some of them may be skipped."""
    bad = [one.said for one in ran if one.bad]
    if bad:
        return f"fails ({bad[0][:80]})"
    return "" if any(one.said == PASSED for one in ran) else "is skipped" if ran else "is not there"


def _removed(tree: Tree, one: Removal) -> str:
    """``caught``, or what else came of it."""
    with tree.without(one.changes):
        ran = tree.test(one.tests, seconds=SLOW_SECONDS if one.slow else SECONDS)
    for test in one.tests:
        bad = [run.said for run in ran if run.of(test) and run.bad]
        if not any(map(one.failed, bad)):
            return f"SURVIVES: {test} {f'fails otherwise: {_line(bad[0])}' if bad else 'passes'}"
    return CAUGHT


def _find(tree: Tree, chosen: Sequence[Removal]) -> int:
    for one in chosen:
        with tree.without(one.changes):
            ran = tree.test(list(dict.fromkeys(test.partition("::")[0] for test in one.tests)), seconds=SECONDS * 2)
        print(
            f"{one.name}: {len(ran)} tests", *(f"  {run.test}: {_line(run.said)}" for run in ran if run.bad), sep="\n"
        )
    return 0


def _line(text: str) -> str:
    return " ".join(text.split())[:160]


def _digest(one: Removal) -> str:
    """Of all that decides what comes of a removal, but for what its code and tests import."""
    files = {change.file for change in one.changes} | {test.partition("::")[0] for test in one.tests}
    told = [json.dumps(asdict(one)), *((ROOT / name).read_text(encoding="utf-8") for name in sorted(files))]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()[:20]


def _told(chosen: Sequence[Removal], kept: dict[str, dict[str, str]]) -> int:
    width = max(len(one.name) for one in chosen)
    for one in chosen:
        print(f"{one.name:{width}}  {one.page}: {one.stands}  →  {kept[one.name]['said']}")
    missed = [one for one in chosen if kept[one.name]["said"] != CAUGHT]
    print(f"{len(chosen)} protections removed, {len(missed)} without a test that fails")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
