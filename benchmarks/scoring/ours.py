"""tuneworthy: answers that lie in the store are scored by three metrics, and the scores kept there.

python benchmarks/scoring/ours.py FOLDER COUNT [alone]     # alone: in one process
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from answers import Meter, pairs

if __name__ == "__main__":  # the processes that score import this file too, and need nothing of it
    from harness import scorers
    from harness.experiment import load_experiment
    from harness.matrix import Matrix, expand
    from harness.scoring import Scoring, hashes_of, metrics_of
    from harness.store import open_store
    from harness.trial import Generation

METRICS = ("json_exact", "token_f1", "rouge_l")


class Nobody:
    """Nobody asks and nobody is told."""

    def ask(self, judge: object, trials: object) -> None: ...

    def scored(self, count: int) -> None: ...


def write(folder: Path, count: int) -> Matrix:
    """A project whose store holds an answer to every case, and no score."""
    suite = folder / "suites/notes"
    suite.mkdir(parents=True)
    (folder / "baselines").mkdir()
    (folder / "baselines/zero_shot.toml").write_text('technique = "prompt"\n')
    (folder / "experiment.toml").write_text('name = "notes"\nmodels = ["scripted:echo"]\nsuites = ["suites/notes"]\n')
    (suite / "suite.toml").write_text(f'metric = "{METRICS[0]}"\nmetrics = {json.dumps(METRICS[1:])}\n')
    with (suite / "cases.jsonl").open("w") as file:
        for number, (reference, _) in enumerate(pairs(count)):
            file.write(json.dumps({"id": f"n{number}", "input": f"note {number}", "reference": reference}) + "\n")
    matrix = expand(load_experiment(folder / "experiment.toml"))
    with open_store(matrix.experiment.home, write=True) as store:
        (cell,) = matrix.cells
        store.declare(matrix.experiment.name, [cell.row])
        store.add_trials(cell.id, cell.trials())
        texts = iter(pairs(count))
        for _, trials in cell.chunks():
            store.add_generations([Generation(t.id, next(texts)[1], 40, 30, 0.1, "stop") for t in trials])
    return matrix


def score(matrix: Matrix) -> Meter:
    """All missing scores."""
    with open_store(matrix.experiment.home, write=True) as store, Meter() as meter:
        Scoring(matrix, store, metrics_of(matrix), Nobody()).rest()
    return meter


def means(matrix: Matrix, count: int) -> dict[str, float]:
    """Metric → mean."""
    with open_store(matrix.experiment.home, write=False) as store:
        rows = store.rows("notes", metrics=hashes_of(metrics_of(matrix)))
    found = dict.fromkeys(METRICS, 0.0)
    for metric, value in zip(rows["metric"].to_pylist(), rows["score"].to_pylist(), strict=True):
        found[metric] += value / count
    return found


if __name__ == "__main__":
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    if "alone" in sys.argv:
        scorers.MANY = sys.maxsize
    score(write(folder / "warm", 5))
    matrix = write(folder / "notes", count)
    meter = score(matrix)
    told = {"answers": count, "metrics": ", ".join(METRICS), **means(matrix, count)}
    print(json.dumps(told | meter.figures))
