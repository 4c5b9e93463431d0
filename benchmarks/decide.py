"""How long does a verdict take once the rows are there?

    python benchmarks/decide.py                  # 10,000 rows, with and without economics, and 10 million
    python benchmarks/decide.py --rows 1000000

Five contenders (three prompts, retrieval, a tuned one with 5 seeds beside a tuned one with retrieval) on one deciding suite
and a guard; rows are an Arrow table in memory, so reading a file is not counted. Medians of ``--repeats`` runs in one process,
after one that is not counted; the peak is what the process held more while it decided the largest table.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.verdict import decide

RESULTS = Path(__file__).parent / "results" / "decide.json"
PROMPTS = ("zero_shot", "few_shot", "terse", "steps", "keys")
SEEDS = 5
POLICY: dict[str, Any] = {"suites": {"triage": {"role": "decide"}, "general": {"role": "guard"}}}
COST = {
    "requests_per_month": {"low": 20_000, "mode": 50_000, "high": 120_000},
    "gpu_hour_usd": {"low": 1.5, "mode": 2.5, "high": 4.0},
    "engineering_hours": {"low": 20, "mode": 40, "high": 80},
    "engineering_usd_per_hour": 100,
}


def rows(count: int) -> pa.Table:
    """About ``count`` rows: every contender on the same cases, a fifth of them dev."""
    runs = [(name, "prompt", None) for name in PROMPTS] + [("bm25", "rag", None)]
    runs += [(name, kind, seed) for name, kind in (("sft", "tune"), ("sft+rag", "tune+rag")) for seed in range(SEEDS)]
    guard = [("base", "prompt", None)]
    guard += [(f"{name}@triage", "tune", seed) for name in ("sft", "sft+rag") for seed in range(SEEDS)]
    cases = max(count // (len(runs) + len(guard)), 30)
    rng = np.random.default_rng(7)
    parts = [_part("triage", run, cases, rng) for run in runs] + [_part("general", run, cases, rng) for run in guard]
    return pa.concat_tables(parts).combine_chunks()


def _part(suite: str, run: tuple[str, str, int | None], cases: int, rng: np.random.Generator) -> pa.Table:
    name, kind, seed = run
    level = 0.6 + 0.1 * (kind.startswith("tune") and suite == "triage")
    return pa.table(
        {
            "suite": pa.repeat(suite, cases),
            "contender": pa.repeat(name, cases),
            "technique": pa.repeat(kind, cases),
            "metric": pa.repeat("exact_match", cases),
            "case_id": pa.array([f"{suite}-{i}" for i in range(cases)]),
            "training_seed": pa.array(np.full(cases, seed or 0), mask=np.full(cases, seed is None)),
            "split": pa.array(np.where(np.arange(cases) % 5 == 0, "dev", "test")),
            "score": pa.array((rng.random(cases) < level).astype(float)),
            "prompt_tokens": pa.array(np.full(cases, 200)),
            "output_tokens": pa.array(np.full(cases, 20)),
            "seconds": pa.array(np.full(cases, 0.05)),
        }
    )


def measure(table: pa.Table, policy: dict[str, Any], repeats: int) -> list[float]:
    """Seconds of each run."""
    decide(table, policy)
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        decide(table, policy)
        taken.append(time.perf_counter() - started)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000, 1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=30, help="for the smallest table; larger ones run 3 times")
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    for count in given.rows:
        table, before = rows(count), _peak()
        policies = {"plain": POLICY, "with economics": {**POLICY, "cost": COST}}
        for name, policy in policies.items() if count <= 1_000_000 else (("plain", POLICY),):
            taken = measure(table, policy, given.repeats if count <= 10_000 else 3)
            low, middle, high = min(taken), statistics.median(taken), max(taken)
            found.append({"rows": table.num_rows, "policy": name, "seconds": middle, "least": low, "most": high})
            print(
                f"| {table.num_rows:,} | {name} | {1000 * middle:,.1f} ms | {1000 * low:,.1f} to {1000 * high:,.1f} |",
                flush=True,
            )
        found[-1] |= {"mib_of_rows": table.nbytes / 2**20, "mib_more": _peak() - before}
        print(
            f"|   | rows take {table.nbytes / 2**20:,.0f} MiB, deciding {_peak() - before:,.0f} MiB more | | |",
            flush=True,
        )
    about = {"date": date.today().isoformat(), "python": platform.python_version(), "pyarrow": pa.__version__}
    RESULTS.write_text(json.dumps({"about": about, "found": found}, indent=1) + "\n", encoding="utf-8")


def _peak() -> float:
    """MiB that the process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
