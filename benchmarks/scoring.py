"""How fast are stored answers scored, beside Hugging Face evaluate's ROUGE?

    python benchmarks/scoring.py                        # 100,000 answers; the table is printed, figures go to benchmarks/results/

Ours goes from answers in the store to scores in the store, with json_exact, token_f1 and rouge_l; in one process, and as it comes.
The other is ``evaluate.load("rouge").compute(…)`` on the same texts in memory, as its page documents it; its script is fetched
from the Hub, so what it does is written down in ``benchmarks/scoring/hub_rouge.py``: rouge-score's four ROUGE types, a text at a time. It is
given fewer answers, since its time grows with their number alone. Every measurement is a process of its own, and the order alternates.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from overhead import Machine  # noqa: E402

Figures = dict[str, Any]


def measured(script: str, *given: object) -> Figures:
    """The figures that one process prints."""
    command = [sys.executable, str(HERE / "scoring" / script), *map(str, given)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    figures: Figures = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def runs(answers: int, theirs: int, repeats: int) -> dict[str, list[Figures]]:
    """Ways of scoring → figures of each repeat."""
    found: dict[str, list[Figures]] = {"evaluate": [], "one process": [], "as it comes": []}
    with tempfile.TemporaryDirectory() as scratch:
        for repeat in range(repeats):
            ways = list(found)[repeat % 3 :] + list(found)[: repeat % 3]
            for way in ways:
                folder = Path(scratch) / f"{way}-{repeat}"
                if way == "evaluate":
                    found[way].append(measured("with_evaluate.py", theirs))
                else:
                    found[way].append(
                        measured("ours.py", folder, answers, *(["alone"] if way == "one process" else []))
                    )
    return found


HEAD = (
    "way",
    "metrics",
    "answers",
    "answers/s",
    "evaluate = 1",
    "CPU ms an answer",
    "evaluate = 1",
    "peak MiB",
    "of it before",
)


def table(found: dict[str, list[Figures]], machine: Machine, repeats: int) -> str:
    """The Markdown of all figures: medians, and how many times evaluate's speed that is."""
    lines = [f"{machine}; median of {repeats}", "", f"| {' | '.join(HEAD)} |", f"|---|---|{'---:|' * (len(HEAD) - 2)}"]
    wall, cpu = ({way: _each(some, key) for way, some in found.items()} for key in ("seconds", "cpu_seconds"))
    for way, some in found.items():
        name = "evaluate's ROUGE" if way == "evaluate" else f"tuneworthy, {way}"
        peak, before = (statistics.median(one[key] for one in some) for key in ("peak_mib", "peak_mib_before"))
        lines.append(
            f"| {name} | {some[0]['metrics']} | {some[0]['answers']:,} | {1 / wall[way]:,.0f} | {wall['evaluate'] / wall[way]:.1f} "
            f"| {1000 * cpu[way]:.3f} | {cpu['evaluate'] / cpu[way]:.1f} | {peak:.0f} | {before:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _each(some: list[Figures], key: str) -> float:
    """Median seconds an answer."""
    return statistics.median(run[key] / run["answers"] for run in some)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--evaluate", type=int, default=10_000, help="answers that evaluate is given (default: 10000)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for scoring.md and scoring.json")
    given = parser.parse_args()
    machine = Machine()
    found = runs(given.answers, given.evaluate, given.repeats)
    shown = table(found, machine, given.repeats)
    given.out.mkdir(parents=True, exist_ok=True)
    result = {"runs": found, "conditions": machine.conditions(), "machine": str(machine)}
    (given.out / "scoring.json").write_text(json.dumps(result, indent=1) + "\n")
    (given.out / "scoring.md").write_text(shown)
    print(shown)


if __name__ == "__main__":
    main()
