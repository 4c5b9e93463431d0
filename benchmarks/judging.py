"""How fast a judge grades against a server that takes 50 ms, beside the SDK alone and two other tools; and what comes of it
when a fifth of all requests fail in every way.

    python -m benchmarks.judging                      # a table is printed, figures go to benchmarks/results/judging.json
    python -m benchmarks.judging --gradings 500       # shorter

The server is a process of its own (``tests.models.fake_vendor``), and so is every measurement; all tools ask the same server in
turn, 64 requests at once, each with its own question to the judge. Ideal is what 64 requests at once of 50 ms would take if
nobody computed anything. Imports and 20 gradings beforehand are not counted. The others are installed as for overhead.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.overhead import ENVIRONMENTS, OTHERS, OURS, QUIET, ROOT, interpreter

HERE = Path(__file__).parent / "judging"
RESULTS = Path(__file__).parent / "results/judging.json"
LATENCY = 0.05
ANSWERS = {
    OURS: '{"right": {"reason": "it is what was asked for", "score": {score}}}',
    "sdk": '{"right": {"reason": "it is what was asked for", "score": {score}}}',
    "inspect_ai": "It is what was asked for.\n\nGRADE: C",
    "deepeval": '{"score": 8, "reason": "it is what was asked for"}',
}
SCRIPTS = {OURS: "ours", "sdk": "sdk", "inspect_ai": "with_inspect_ai", "deepeval": "with_deepeval"}

Figures = dict[str, Any]


@contextmanager
def server(answer: str, *, share: float = 0.0, told: Figures | None = None) -> Iterator[str]:
    """Its address; what it saw is in ``told`` when it is gone."""
    command = [sys.executable, "-m", "tests.models.fake_vendor", "--answer", answer]
    command += ["--latency", str(LATENCY), "--share", str(share)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        yield process.stdout.readline().strip()
        said, _ = process.communicate("")
        (told if told is not None else {}).update(json.loads(said))


def measured(tool: str, url: str, gradings: int, concurrency: int) -> Figures:
    python = sys.executable if tool in (OURS, "sdk") else interpreter(tool)
    environment = {**os.environ, **QUIET, "PYTHONPATH": str(ROOT), "DEEPEVAL_HOME": str(ENVIRONMENTS / "home")}
    if tool in OTHERS:
        environment.pop("PYTHONPATH")
    script = [python, str(HERE / f"{SCRIPTS[tool]}.py"), url, str(gradings), str(concurrency)]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{tool} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def compared(gradings: int, concurrency: int, repeats: int) -> dict[str, Figures]:
    """Tool → its run in the middle; every repeat begins with another tool."""
    tools, runs = list(ANSWERS), {tool: [] for tool in ANSWERS}
    for repeat in range(repeats):
        for tool in [*tools[repeat % 4 :], *tools[: repeat % 4]]:
            with server(ANSWERS[tool]) as url:
                runs[tool].append(measured(tool, url, gradings, concurrency))
    return {tool: _middle(of) for tool, of in runs.items()}


def _middle(runs: Sequence[Figures]) -> Figures:
    ordered = sorted(runs, key=lambda run: float(run["seconds"]))
    return ordered[(len(ordered) - 1) // 2] | {"all_seconds": [round(run["seconds"], 2) for run in runs]}


def table(found: dict[str, Figures], gradings: int, ideal: float) -> Iterator[str]:
    yield "| tool | seconds | of the ideal | CPU ms a grading | graded right |"
    yield "|---|---:|---:|---:|---:|"
    for tool, figures in found.items():
        shown = f"{figures['seconds']:.2f} | {ideal / figures['seconds']:.0%} | {1000 * figures['cpu'] / gradings:.2f}"
        yield f"| {tool} | {shown} | {figures['right']:,} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gradings", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    ideal = given.gradings / given.concurrency * LATENCY
    found = compared(given.gradings, given.concurrency, given.repeats)
    seen: Figures = {}
    with server(ANSWERS[OURS], share=0.2, told=seen) as url:
        failing = measured(OURS, url, given.gradings, given.concurrency)
    print("\n".join(table(found, given.gradings, ideal)))
    print(f"requests alone, without store and scores: {found[OURS]['alone']:.2f} s, {ideal / found[OURS]['alone']:.0%}")
    print(f"a fifth failing: {failing['right']:,} of {given.gradings:,} graded right in {failing['seconds']:.1f} s")
    print(f"met: {seen['met']}")
    figures = {"ideal": ideal, "load": os.getloadavg(), "tools": found, "failing": failing | seen}
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
