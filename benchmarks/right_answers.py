"""Does the demo reach the right answer on every suite, whatever the experiment's seed?

    tox run -e truth                         # seeds 1, 2 and 3; about ten minutes each on two cores
    python benchmarks/right_answers.py 4 5

The right answers are known because the suites were drawn so. They stand here and in the tests, and nowhere that a
verdict could read them.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.progress import Console
from harness.run import run

ROOT = Path(__file__).parent.parent
RIGHT = {
    "triage": ("JUSTIFIED", {"fine-tune"}),
    "handbook": ("NOT_JUSTIFIED", {"rag"}),
    "extract": ("NOT_JUSTIFIED", {"prompt"}),
    "reply": ("JUSTIFIED", {"fine-tune"}),
    "coin": ("NOT_JUSTIFIED", {"prompt", "none"}),
}


def main(seeds: list[int]) -> int:
    """Run the demo for each seed; the exit code is the number of wrong answers."""
    wrong, lines = 0, []
    for seed in seeds:
        experiment = load_experiment(ROOT / "experiment.toml")
        experiment = experiment.model_copy(update={"seed": seed, "store": f".harness/truth-{seed}"})
        started = time.perf_counter()
        run(experiment, progress=Console())
        took = time.perf_counter() - started
        with evidence(experiment) as found:
            suites = found.verdicts["embedded:tiny"].suites
        for name, (answer, remedies) in RIGHT.items():
            got = suites[name]
            right = got.verdict == answer and got.recommendation in remedies
            wrong += not right
            lines.append(
                f"| {seed} | {name} | {got.verdict} | {got.recommendation} | {got.contender} | {'yes' if right else 'NO'} |"
            )
        lines.append(f"| {seed} | took | {took:.0f} s | | | |")
        print(
            "\n".join(
                ["| seed | suite | verdict | recommendation | contender | right |", "|---|---|---|---|---|---|", *lines]
            ),
            flush=True,
        )
        (ROOT / f".harness/truth-{seed}" / "verdict.json").write_text(
            json.dumps({n: s.as_dict() for n, s in suites.items()}, indent=1)
        )
    return wrong


if __name__ == "__main__":
    sys.exit(main([int(seed) for seed in sys.argv[1:]] or [1, 2, 3]))
