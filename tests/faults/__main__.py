"""The whole fault harness: `python -m tests.faults`, or `tox run -e faults` (ten minutes on two quiet cores).

    python -m tests.faults kills --kills 210 --seed 1
    python -m tests.faults kills --phases judging,scoring --seed 2
    python -m tests.faults disasters
    python -m tests.faults quick --kills 7       # a project without torch, as the tests have it

What came of it is printed, and written to ``--out`` as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.faults import world
from tests.faults.disasters import Disasters
from tests.faults.kills import Campaign, Tally
from tests.faults.marks import PHASES
from tests.faults.nursery import call
from tests.faults.vendor import serving

SHARES = {"training": 0.13, "generation": 0.15, "judging": 0.19, "scoring": 0.19, "store": 0.17, "report": 0.17}
"""Of all kills."""
OUT = Path(__file__).parents[2] / "benchmarks" / "results" / "faults.json"


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="faults-") as made:
        yield Path(made)


def kills(
    folder: Path, total: int, seed: int, phases: Sequence[str] = PHASES, *, trained: bool = True
) -> dict[str, Any]:
    """Kills across all phases of a run that trains, answers, is judged and reported; or of one that trains nothing."""
    with serving() as server:
        make = world.make_lean if trained else world.make_quick
        project = call(lambda: make(folder / "template", server.url), folder / "template.log")
        campaign = Campaign(project, folder / "kills", seed=seed, trained=trained)
        campaign.prepare()
        print(f"undisturbed: {campaign.undisturbed:.1f} s; moments: {campaign.counts}", flush=True)
        for phase in phases:
            started = time.monotonic()
            campaign.kill(phase, round(total * SHARES[phase]))
            print(_line(phase, campaign.tally[phase], time.monotonic() - started), flush=True)
            for fault in campaign.tally[phase].wrong:
                print(f"    {fault[:1000]}", flush=True)
    return {
        "seed": seed,
        "undisturbed_seconds": round(campaign.undisturbed, 1),
        "rows": {name: sum(rows.values()) for name, rows in campaign.expected.items()},
        "phases": {phase: asdict(tally) for phase, tally in campaign.tally.items()},
        "kills": sum(tally.kills for tally in campaign.tally.values()),
        "resumed": sum(tally.resumed for tally in campaign.tally.values()),
        "wrong": sum(len(tally.wrong) for tally in campaign.tally.values()),
    }


def disasters(folder: Path, seed: int) -> list[dict[str, Any]]:
    """Full disks, stores that cannot be written, clocks, files cut off, company, servers that die."""
    found = []
    with serving() as server:
        (folder / "disasters").mkdir()
        made = Disasters(folder / "disasters", server, seed)
        made.prepare(trained=True)
        for outcome in made.all():
            word = {True: "right", False: "WRONG", None: "left out"}[outcome.right]
            print(f"{word:8} {outcome.what}: {outcome.seen[:300]}", flush=True)
            found.append(asdict(outcome))
    return found


def _line(phase: str, tally: Tally, seconds: float) -> str:
    return (
        f"{phase:12} {tally.kills:4} kills ({tally.driver} driver, {tally.worker} worker, {tally.both} both), "
        f"{tally.resumed} resumed to the same rows, {len(tally.wrong)} wrong, {seconds:.0f} s"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("part", nargs="?", choices=["all", "kills", "disasters", "quick"], default="all")
    parser.add_argument("--kills", type=int, default=210)
    parser.add_argument("--phases", default=",".join(PHASES), help="Some of them, with commas between.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--keep", type=Path, help="A new folder for what was made, which is left there.")
    given = parser.parse_args()
    found: dict[str, Any] = json.loads(given.out.read_text()) if given.out.exists() else {}
    with _folder(given.keep) as folder:
        world.preload(whole=given.part != "quick")
        if given.part == "quick":
            found["kills"] = kills(folder, given.kills, given.seed, PHASES[1:], trained=False)
        if given.part in ("all", "disasters"):
            found["disasters"] = disasters(folder, given.seed)
        if given.part in ("all", "kills"):
            found["kills"] = kills(folder, given.kills, given.seed, given.phases.split(","))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {given.out}")
    wrong = [one for one in found.get("disasters", []) if one["right"] is False]
    return 1 if wrong or found.get("kills", {}).get("wrong") else 0


if __name__ == "__main__":
    sys.exit(main())
