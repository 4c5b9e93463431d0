"""Keep the rows of the demo's run for ``tests/test_right_answers.py``.

harness run experiment.toml && python benchmarks/record_rows.py
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from harness.evidence import evidence
from harness.experiment import load_experiment

ROOT = Path(__file__).parent.parent
OUT = ROOT / "tests" / "data" / "demo_rows.parquet"

if __name__ == "__main__":
    with evidence(load_experiment(ROOT / "experiment.toml")) as found:
        rows = found.rows(found.models[0])
    pq.write_table(rows, OUT, compression="zstd")
    print(f"wrote {rows.num_rows:,} rows to {OUT} ({OUT.stat().st_size / 1e3:.0f} kB)")
