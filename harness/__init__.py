"""tuneworthy: is fine-tuning justified at all, or does a better prompt or retrieval already do it?

    from harness import decide, load_experiment, run

    verdict = decide("scores.csv", {"suites": {"triage": {"metric": "json_exact"}}})
    print(verdict.suites["triage"].verdict)

Names are imported when they are first used, so ``import harness`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.errors import BadInput, HarnessError
    from harness.evidence import Evidence, evidence
    from harness.experiment import Experiment, load_experiment
    from harness.matrix import Matrix, expand
    from harness.run import run
    from harness.suite import Suite, load_suite
    from harness.verdict import Policy, Verdict, decide

_HOMES = {
    "BadInput": "errors",
    "Evidence": "evidence",
    "Experiment": "experiment",
    "HarnessError": "errors",
    "Matrix": "matrix",
    "Policy": "verdict",
    "Suite": "suite",
    "Verdict": "verdict",
    "decide": "verdict",
    "evidence": "evidence",
    "expand": "matrix",
    "load_experiment": "experiment",
    "load_suite": "suite",
    "run": "run",
}

__all__ = [
    "BadInput",
    "Evidence",
    "Experiment",
    "HarnessError",
    "Matrix",
    "Policy",
    "Suite",
    "Verdict",
    "decide",
    "evidence",
    "expand",
    "load_experiment",
    "load_suite",
    "run",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(f"harness.{_HOMES[name]}"), name)
