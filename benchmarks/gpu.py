"""The harness on a GPU: is it right there, how fast, in how much memory? One command, which goes on where it was stopped.

    python benchmarks/gpu.py                        # what is missing, for at most nine minutes; run it again to go on
    python benchmarks/gpu.py --list                 # every measurement, how long it may take, and what is known
    python benchmarks/gpu.py --only sft-8b          # those whose name begins so
    python benchmarks/gpu.py --rehearse             # every path on tiny shapes, without a GPU; nothing is measured by it

Models have the shapes of published ones and random weights, so that nothing is fetched. Every measurement is a process of its
own (clean memory, clean caches), and its figures lie in benchmarks/results/gpu/ as soon as they are there, with command, versions, date and
device. One that fails or outlasts its time says so there and is tried again. The table and the plot are made of what is known.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from benchmarks.cuda.scale import FULL, REHEARSAL, SCALES, Scale  # noqa: E402

LIMIT = 540.0
"""Seconds of one call."""
PACKAGES = ("tuneworthy", "torch", "transformers", "trl", "peft", "bitsandbytes", "accelerate", "lm-eval")
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measurement:
    """``what`` is ``module:function`` in benchmarks/cuda; ``seconds`` what it may take on an H100, making its model included."""

    name: str
    what: str
    seconds: float
    given: tuple[tuple[str, Any], ...] = ()
    resumes: bool = False

    def run(self, scale: Scale, work: Path, left: float) -> Figures:
        module, _, function = self.what.partition(":")
        measure = getattr(import_module(f"benchmarks.cuda.{module}"), function)
        given = dict(self.given) | ({"seconds": left} if self.resumes else {})
        takes_work = module not in {"ceilings", "large"}
        found: Figures = measure(scale, work, **given) if takes_work else measure(scale, **given)
        return found


def _trainings() -> list[Measurement]:
    found = []
    for short, shape, seconds in (("1.5b", "qwen-1.5b", 90), ("8b", "llama-8b", 150)):
        for method in ("sft", "dpo"):
            for arm in ("ours", "trl", "unsloth"):
                given = (("shape", shape), ("method", method), ("arm", arm))
                found.append(Measurement(f"{method}-{short}-{arm}", "training:measure", seconds, given))
            profiled = (("shape", shape), ("method", method), ("arm", "ours"), ("profile", True))
            found.append(Measurement(f"{method}-{short}-profile", "training:measure", seconds, profiled))
    return found


def _defaults() -> list[Measurement]:
    """What each default of a training wins, and what it does in little memory."""
    found = []
    for short, shape, seconds in (("1.5b", "qwen-1.5b", 90), ("8b", "llama-8b", 150)):
        for method in ("sft", "dpo"):
            ours = (("shape", shape), ("method", method), ("arm", "ours"))
            found.append(
                Measurement(f"{method}-{short}-twice", "training:measure", seconds, (*ours, ("without", "room")))
            )
            if short == "8b":
                small = (*ours, ("memory_gb", 24))
                found.append(Measurement(f"{method}-8b-24gb", "training:measure", seconds, small))
    sft: tuple[tuple[str, Any], ...] = (("shape", "qwen-1.5b"), ("method", "sft"))
    return [
        *found,
        Measurement("sft-1.5b-drawn", "training:measure", 90, (*sft, ("arm", "ours"), ("without", "length"))),
        Measurement("sft-1.5b-masked", "training:measure", 90, (*sft, ("arm", "ours"), ("without", "mask"))),
        Measurement("sft-1.5b-packed", "training:measure", 90, (*sft, ("arm", "packed"))),
    ]


def _answers() -> list[Measurement]:
    small = ("shape", "qwen-1.5b")
    return [
        *(
            Measurement(f"generate-{way}", "answering:measure", 120, (small, ("way", way)))
            for way in ("batched", "single", "lm-eval", "continuous")
        ),
        *(Measurement(f"choices-{way}", "answering:choices", 90, (small, ("way", way))) for way in ("ours", "lm-eval")),
        Measurement("adapters", "adapters:measure", 150, (small,)),
    ]


MEASUREMENTS: tuple[Measurement, ...] = (
    Measurement("ceilings", "ceilings:measure", 30),
    Measurement("correct-answers", "correct:answers", 120),
    Measurement("correct-training", "correct:training", 90),
    *_trainings(),
    Measurement("memory-70b", "large:measure", 180),
    *_answers(),
    Measurement("fault-memory", "faults:memory", 90, (("shape", "qwen-1.5b"),)),
    Measurement("fault-killed", "faults:killed", 120, (("shape", "qwen-1.5b"),)),
    Measurement("fault-together", "faults:together", 120, (("shape", "qwen-1.5b"),)),
    Measurement("demo", "matrix:demo", 60, resumes=True),
    Measurement("matrix", "matrix:whole", 60, (("shape", "qwen-1.5b"),), resumes=True),
    *_defaults(),
    Measurement("matrix-two", "matrix:whole", 60, (("shape", "qwen-1.5b"), ("workers", 2)), resumes=True),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """Figures that are known, one file each."""

    folder: Path

    def known(self, name: str) -> Figures | None:
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def done(self, name: str) -> bool:
        known = self.known(name)
        return known is not None and "failed" not in known

    def keep(self, name: str, figures: Figures) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        made = self.folder / f".{name}.json"
        made.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        made.replace(self.folder / f"{name}.json")


def conditions() -> Figures:
    """When, by which versions, with which command."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return {"date": datetime.now(UTC).date().isoformat(), "command": "python benchmarks/gpu.py", "versions": found}


def measured(one: Measurement, scale: Scale, work: Path, left: float) -> Figures:
    """The figures of one measurement, by a process of its own; ``{"failed": why}`` when it gave none."""
    command = [
        sys.executable,
        __file__,
        "--measure",
        one.name,
        "--scale",
        scale.name,
        "--work",
        str(work),
        "--left",
        f"{left:.0f}",
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    try:
        out, errors = process.communicate(timeout=left)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"failed": f"took longer than the {left:.0f} s that were left"}
    last = (out.strip().splitlines() or [""])[-1]
    if process.returncode or not last.startswith("{"):
        said = (errors.strip().splitlines() or ["no word"])[-1]
        return {"failed": said[:300]}
    figures: Figures = json.loads(last)
    return figures


def go_on(wanted: Sequence[Measurement], kept: Kept, scale: Scale, work: Path, limit: float) -> bool:
    """Measure what is not known while there is time; whether all is known now."""
    started = time.monotonic()
    missing = [one for one in wanted if not kept.done(one.name)]
    for number, one in enumerate(missing, 1):
        left = limit - (time.monotonic() - started)
        if left < one.seconds and number > 1:
            print(f"{len(missing) - number + 1} of {len(wanted)} are left, next {one.name}: run again to go on")
            return False
        print(f"[{number}/{len(missing)}] {one.name} …", end=" ", flush=True)
        begun = time.monotonic()
        figures = measured(one, scale, work, left)
        kept.keep(one.name, figures | conditions() | {"wall_seconds": round(time.monotonic() - begun, 1)})
        print(_short(figures), flush=True)
    return all(kept.done(one.name) for one in wanted)


def _short(figures: Figures) -> str:
    return ", ".join(f"{key} {value}" for key, value in figures.items() if isinstance(value, str | int | float))[:160]


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="measurements whose names begin so")
    parser.add_argument("--rehearse", action="store_true", help="tiny shapes: walks every path, measures nothing")
    parser.add_argument("--list", action="store_true", help="what there is, and what is known")
    parser.add_argument("--again", action="store_true", help="measure what is known once more")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds of this call (default: 540)")
    parser.add_argument("--work", type=Path, default=ROOT / ".harness/gpu", help="where models and stores lie")
    parser.add_argument("--out", type=Path, help="where figures lie")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--scale", choices=SCALES, default="full", help=argparse.SUPPRESS)
    parser.add_argument("--left", type=float, default=LIMIT, help=argparse.SUPPRESS)
    said = parser.parse_args(given)
    if said.measure:
        return _one(said.measure, SCALES[said.scale], said.work, said.left)
    scale = REHEARSAL if said.rehearse else FULL
    work = said.work / scale.name
    work.mkdir(parents=True, exist_ok=True)
    kept = Kept(said.out or (work / "figures" if said.rehearse else ROOT / "benchmarks/results/gpu"))
    wanted = [one for one in MEASUREMENTS if not said.only or any(one.name.startswith(name) for name in said.only)]
    if not wanted:
        parser.error(f"no measurement begins with {said.only}: --list shows them")
    if said.list:
        for one in wanted:
            known = kept.known(one.name)
            print(f"{one.name:20} about {one.seconds:4.0f} s  {_short(known) if known else 'not measured'}")
        return 0
    if not said.rehearse and not _on_gpu():
        print(
            "there is no GPU here, so nothing can be measured: --rehearse walks every path without one", file=sys.stderr
        )
        return 4
    if said.again:
        for one in wanted:
            (kept.folder / f"{one.name}.json").unlink(missing_ok=True)
    finished = go_on(wanted, kept, scale, work, said.limit)
    from benchmarks.cuda.page import write

    print(write(kept, [one.name for one in MEASUREMENTS], scale))
    return 0 if finished else 2


def _one(name: str, scale: Scale, work: Path, left: float) -> int:
    (one,) = (m for m in MEASUREMENTS if m.name == name)
    work.mkdir(parents=True, exist_ok=True)
    try:
        figures = one.run(scale, work, left)
    except Exception as error:
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print(json.dumps(figures))
    return 0


def _on_gpu() -> bool:
    from harness.machine import gpu_names

    return bool(gpu_names())


if __name__ == "__main__":
    sys.exit(main())
