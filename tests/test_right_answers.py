"""The demo's own rows lead to the right answer on every suite, and nothing but the rows says which that is.

``tests/data/demo_rows.parquet`` holds the rows of a run of ``experiment.toml`` as ``harness run`` left them in its store
(``python benchmarks/record_rows.py``); ``tox run -e truth`` makes such rows anew for three seeds.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.right_answers import RIGHT
from harness.experiment import load_experiment
from harness.matrix import expand
from harness.verdict import Verdict, decide

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    rows = pq.read_table(Path(__file__).parent / "data" / "demo_rows.parquet")
    return decide(rows, expand(load_experiment(ROOT / "experiment.toml")).policy)


@pytest.mark.parametrize("suite", RIGHT)
def test_the_right_answer(verdict: Verdict, suite: str) -> None:
    answer, remedies = RIGHT[suite]
    found = verdict.suites[suite]
    assert (found.verdict, found.recommendation in remedies) == (answer, True), found.reasons


def test_preferences_improve_on_the_logs(verdict: Verdict) -> None:
    assert verdict.suites["reply"].contender == "dpo"


def test_nothing_that_a_verdict_reads_says_what_is_right() -> None:
    for path in [ROOT / "experiment.toml", *ROOT.glob("suites/*/suite.toml"), *ROOT.glob("baselines/*.toml")]:
        text = path.read_text(encoding="utf-8").lower()
        assert not any(word in text for word in ("justified", "suffices", "right answer", "expected"))
