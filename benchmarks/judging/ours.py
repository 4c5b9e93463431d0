"""tuneworthy: ``harness.run.run`` on a store where the answers are, and only a judge's gradings are missing.

python benchmarks/judging/ours.py URL COUNT CONCURRENCY
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from timing import given, tell

from harness.experiment import Model, load_experiment
from harness.models import load_backend
from harness.progress import Console
from harness.run import run
from harness.scoring import hashes_of, metrics_of
from harness.store import open_store

JUDGE = '[judge.model]\nid = "openai:judge@{}/v1"\nconcurrency = {}\n'
RUBRIC = "# Notes\n- `right` (1): Says the number.\n  5: Exactly.\n  1: Not at all.\n"


def project(folder: Path, count: int) -> Path:
    suite = folder / "suites/notes"
    suite.mkdir(parents=True)
    (folder / "baselines").mkdir()
    (folder / "baselines/zero_shot.toml").write_text('technique = "prompt"\n')
    (suite / "rubric.md").write_text(RUBRIC)
    rows = [
        {"id": f"n{i}", "input": f"This is number {i}.", "reference": str(i), "split": "test"} for i in range(count)
    ]
    (suite / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def declare(folder: Path, metrics: str, judge: str) -> Path:
    prompts = '[prompts]\ndefault = "Say it."\n'
    (folder / "suites/notes/suite.toml").write_text(f'metric = "exact_match"\n{metrics}{prompts}')
    path = folder / "experiment.toml"
    path.write_text(f'name = "notes"\nmodels = ["scripted:echo"]\nsuites = ["suites/notes"]\n{judge}')
    return path


def graded(url: str, count: int, concurrency: int, folder: Path) -> tuple[float, float, int]:
    """(seconds, CPU seconds, right scores) of all gradings."""
    project(folder, count)
    run(load_experiment(declare(folder, "", "")), progress=Console(quiet=True))
    path = declare(folder, 'metrics = ["rubric"]\nrubric = "rubric.md"\n', JUDGE.format(url, concurrency))
    started, cpu = time.perf_counter(), time.process_time()
    outcome = run(load_experiment(path), progress=Console(quiet=True))
    seconds, spent = time.perf_counter() - started, time.process_time() - cpu
    with open_store(outcome.matrix.experiment.home, write=False) as store:
        rows = store.rows("notes", metrics=hashes_of(metrics_of(outcome.matrix))).to_pylist()
    scores = {row["case_id"]: row["score"] for row in rows if row["metric"] == "rubric"}
    right = sum(scores[f"n{i}"] == (i % 5) / 4 for i in range(count))
    return seconds, spent, right


def asked(url: str, count: int, concurrency: int, folder: Path) -> float:
    """Seconds of the same requests alone: no store, no scores."""
    path = declare(folder, 'metrics = ["rubric"]\nrubric = "rubric.md"\n', JUDGE.format(url, concurrency))
    experiment = load_experiment(path)
    from harness.matrix import expand

    matrix = expand(experiment)
    judge = metrics_of(matrix)["notes"]["rubric"].judge
    assert judge is not None
    trials = [judge.ask(case, case.input, repeat=0) for case in matrix.tasks[0].cases]
    backend = load_backend(Model(id=f"openai:judge@{url}/v1", concurrency=concurrency), home=folder)
    started = time.perf_counter()
    rows = sum(len(batch) for batch in backend.generate(trials))
    seconds = time.perf_counter() - started
    backend.close()
    assert rows == count
    return seconds


if __name__ == "__main__":
    url, count, concurrency = given()
    with tempfile.TemporaryDirectory() as folder:
        graded(url, 20, concurrency, Path(folder) / "warm")
        seconds, cpu, right = graded(url, count, concurrency, Path(folder) / "all")
        tell(seconds=seconds, cpu=cpu, right=right, alone=asked(url, count, concurrency, Path(folder) / "all"))
