"""How far one store goes: a verdict and a report on millions of score rows, and a large matrix planned.

    python benchmarks/size.py                     # 1 million answers, 10 million scores: about 3 GB of disk, a quarter of an hour
    python benchmarks/size.py --answers 10000     # the same, small
    python benchmarks/size.py --profile verdict   # where the time goes (cProfile), nothing else

The project is real (suites, cases, baselines, candidates with three seeds each); its store is filled by SQL, with scores that
favour the tuned contenders. Every command is a process of its own, Python's start and imports included; its peak memory is the
kernel's count. Goals: verdict 10 s, report 30 s, 4 GiB; a thousand cells planned in 2 s.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

METRICS = (
    "exact_match", "contains", "token_f1", "squad_exact", "rouge_1", "rouge_2", "rouge_l", "rouge_lsum", "accuracy", "stopped",
)  # fmt: skip
SUITES, PROMPTS, CANDIDATES, SEEDS = 5, 20, 10, 3
CELLS = PROMPTS + CANDIDATES * SEEDS
"""Of each suite: 50."""
GOALS = {"verdict": (10.0, 4.0), "report": (30.0, 4.0), "plan": (2.0, None)}
COMMANDS = {
    "verdict": ["verdict", "--json"],
    "report": ["report"],
    "plan": ["run", "--dry-run"],
}

PLACED = """
    CREATE OR REPLACE TEMP TABLE placed AS
    SELECT *, substr(md5(? || case_id), 1, 20) AS trial_id, hash(? || case_id) % 1000 AS draw
    FROM (SELECT unnest(?::VARCHAR[]) AS case_id, unnest(?::VARCHAR[]) AS split, unnest(?::VARCHAR[]) AS cluster)
"""
QUESTIONS = """
    INSERT INTO prompts BY NAME
    SELECT trial_id, '[{"role":"user","content":"' || case_id || '"}]' AS messages, 32 AS max_new_tokens, [] AS choices FROM placed
"""
GENERATIONS = """
    INSERT INTO generations BY NAME
    SELECT trial_id, 'The answer is ' || draw || ', as ' || case_id || ' asks.' AS text, 40 + draw % 7 AS prompt_tokens,
        12 AS output_tokens, 0.01 + draw / 1e5 AS seconds, 'stop' AS finish FROM placed
"""
SCORES = """
    INSERT INTO scores BY NAME
    SELECT trial_id, metric, metric_hash, now()::TIMESTAMP AS scored,
        CASE WHEN number <= 2 THEN CAST(draw < $1 AS DOUBLE) ELSE round(draw / 1000.0 * ($2 / 1000), 3) END AS value
    FROM placed CROSS JOIN (
        SELECT generate_subscripts($3::VARCHAR[], 1) AS number, unnest($3::VARCHAR[]) AS metric, unnest($4::VARCHAR[]) AS metric_hash)
"""
TRAININGS = """
    INSERT INTO trainings BY NAME
    SELECT ? AS adapter, ? AS recipe, ? AS suite, ? AS model, ? AS seed, ? AS path, ? AS losses, 60 AS seconds, 100 AS steps,
        200 AS rows_in, 200 AS rows_kept, 20000 AS tokens, '{}' AS versions, '' AS base, '[]' AS notes
"""

Figures = dict[str, Any]


def draw(
    folder: Path, *, cases: int, suites: int = SUITES, prompts: int = PROMPTS, candidates: int = CANDIDATES
) -> Path:
    """A project; returns its experiment."""
    names = [f"suite{number}" for number in range(suites)]
    for name in names:
        home = folder / "suites" / name
        home.mkdir(parents=True)
        (home / "suite.toml").write_text(
            f'metric = "{METRICS[0]}"\nmetrics = {json.dumps(METRICS[1:])}\ntrain = "train.jsonl"\n\n[prompts]\ndefault = "Answer."\n'
        )
        with (home / "cases.jsonl").open("w") as file:
            for number in range(cases):
                split = "dev" if number % 5 == 0 else "test"
                row = {
                    "id": f"c{number}",
                    "input": f"{name} {number} + {number}",
                    "reference": f"{2 * number}",
                    "split": split,
                }
                file.write(json.dumps(row) + "\n")
        with (home / "train.jsonl").open("w") as file:
            for number in range(200):
                row = {"prompt": f"{name} minus {number}", "completion": f"{-number}"}
                file.write(json.dumps(row) + "\n")
    (folder / "baselines").mkdir()
    for number in range(prompts):
        (folder / "baselines" / f"prompt{number:02d}.toml").write_text(f'technique = "prompt"\nshots = {number}\n')
    recipes = "".join(
        f'[candidates.sft{number}]\nmethod = "sft"\nlearning_rate = {1e-4 * (number + 1):g}\n\n'
        for number in range(candidates)
    )
    experiment = folder / "experiment.toml"
    experiment.write_text(
        f'name = "large"\nmodels = ["embedded:tiny"]\nsuites = {json.dumps([f"suites/{name}" for name in names])}\n'
        f"training_seeds = {SEEDS}\n\n{recipes}[policy]\nmin_prompt_variants = 2\n"
    )
    return experiment


def fill(experiment: Path) -> Figures:
    """The store of a project with an answer to everything and all its scores."""
    import duckdb

    from harness.experiment import load_experiment
    from harness.matrix import expand
    from harness.scoring import metrics_of
    from harness.store import open_store

    matrix = expand(load_experiment(experiment))
    metrics = metrics_of(matrix)
    home = matrix.experiment.home
    with open_store(home, write=True) as store:
        store.declare(matrix.experiment.name, [cell.row for cell in matrix.cells])
    with duckdb.connect(str(home / "results.duckdb"), config={"memory_limit": "2GB"}) as database:
        for cell in matrix.cells:
            columns = [
                list(column) for column in zip(*((c.id, c.split, c.cluster) for c in cell.task.cases), strict=True)
            ]
            named = metrics[cell.suite.name]
            tuned = cell.seed is not None
            likely = 700 if tuned else 550 + 5 * (crc32(cell.contender.name.encode()) % 20)
            for sql, given in (
                (PLACED, [cell.id, cell.id, *columns]),
                ("INSERT INTO asked BY NAME SELECT ? AS cell, case_id, split, cluster, 0 AS repeat, [] AS documents, trial_id FROM placed", [cell.id]),
                (QUESTIONS, []),
                (GENERATIONS, []),
                (SCORES, [likely, likely, list(named), [metric.hash for metric in named.values()]]),
            ):  # fmt: skip
                database.execute(sql, given).fetchall()
        for job in matrix.jobs:
            losses = json.dumps([[step, 1 / step, 1e-4, 1.0] for step in range(1, 101)])
            database.execute(
                TRAININGS, [job.adapter, job.recipe_name, job.suite, job.model.id, job.seed, str(job.out), losses]
            ).fetchall()
        found = database.execute("SELECT (SELECT count(*) FROM generations), (SELECT count(*) FROM scores)").fetchall()
    size = (home / "results.duckdb").stat().st_size
    return {"cells": len(matrix.cells), "answers": found[0][0], "scores": found[0][1], "store_mib": round(size / 2**20)}


def measured(command: Sequence[str], experiment: Path, profile: Path | None = None) -> Figures:
    """Wall time, CPU time and peak memory of one command."""
    before = [sys.executable, "-m", "cProfile", "-o", str(profile)] if profile else [sys.executable]
    argv = [*before, "-m", "harness.cli", *command[:1], str(experiment), *command[1:]]
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            argv, stdout=out, stderr=said, cwd=experiment.parent, env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = code = os.waitstatus_to_exitcode(status)
        if code not in (0, 2):
            said.seek(0)
            raise SystemExit(f"harness {' '.join(command)} ended with {code}:\n{said.read()[-4000:].decode()}")
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_gib": round(used.ru_maxrss / 2**20, 2),
    }


def line(name: str, run: Figures) -> str:
    seconds, memory = GOALS[name.partition(",")[0]]
    met = run["seconds"] <= seconds and (memory is None or run["peak_gib"] <= memory)
    goal = f"{seconds:g} s" + (f", {memory:g} GiB" if memory else "")
    return f"| {name} | {run['seconds']:.1f} | {run['cpu_seconds']:.1f} | {run['peak_gib']:.2f} | {goal} | {'yes' if met else '**missed**'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--profile", choices=sorted(COMMANDS))
    parser.add_argument("--folder", type=Path, help="where the project is made, or was made; it is kept then")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "size.json")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="size-"))
    try:
        experiment = folder / "large/experiment.toml"
        if not experiment.exists():
            started = time.perf_counter()
            draw(folder / "large", cases=max(10, given.answers // (SUITES * CELLS)))
            filled = fill(experiment)
            filled["fill_seconds"] = round(time.perf_counter() - started, 1)
            (folder / "filled.json").write_text(json.dumps(filled))
        filled = json.loads((folder / "filled.json").read_text())
        if given.profile:
            out = folder / f"{given.profile}.prof"
            print(measured(COMMANDS[given.profile], experiment, out), out)
            return
        from benchmarks.overhead import Machine

        machine = Machine()
        wide = folder / "wide"
        shutil.rmtree(wide, ignore_errors=True)
        planned = draw(wide, cases=100, suites=20)
        found = {
            "verdict": measured(COMMANDS["verdict"], experiment),
            "report": measured(COMMANDS["report"], experiment),
            "plan, everything answered": measured(COMMANDS["plan"], experiment),
            "plan, 1,000 cells, nothing answered": measured(COMMANDS["plan"], planned),
        }
        result = {"machine": str(machine), **machine.conditions(), **filled, "commands": found}
        print(
            f"{machine}; {filled['answers']:,} answers, {filled['scores']:,} scores in {filled['cells']} cells, a file of {filled['store_mib']:,} MiB, filled in {filled['fill_seconds']:.0f} s\n"
        )
        print("| command | s | of it CPU | peak GiB | goal | met |\n|---|---:|---:|---:|---|---|")
        print("\n".join(line(name, run) for name, run in found.items()))
        given.out.write_text(json.dumps(result, indent=1) + "\n")
    finally:
        if given.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
