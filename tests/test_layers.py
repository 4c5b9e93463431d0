"""Imports form layers, and heavy packages stay in the leaves."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HARNESS = Path(__file__).parent.parent / "harness"

LAYERS = [
    {
        "arrow",
        "embedded",
        "errors",
        "figures",
        "fingerprint",
        "kept",
        "machine",
        "module",
        "parent",
        "pattern",
        "place",
        "plural",
        "stats",
        "visible",
    },
    {
        "cascade",
        "contender",
        "declaration",
        "experiment",
        "files",
        "formats",
        "proposals",
        "recipe",
        "resources",
        "search",
        "suite",
        "trial",
    },
    {"converters", "data", "importers", "metrics", "models", "regression", "retrieval", "store", "training", "verdict"},
    {
        "bundle",
        "engine",
        "estimates",
        "evidence",
        "exposure",
        "grade",
        "jobs",
        "matrix",
        "origins",
        "people",
        "probe",
        "prompt",
        "question",
        "rounds",
        "run",
        "scorers",
        "scoring",
        "share",
        "sought",
        "tariff",
        "taught",
        "teachers",
        "todo",
        "vendors",
    },
    {
        "bias",
        "calibration",
        "check",
        "distill",
        "export",
        "family",
        "gate",
        "gradings",
        "leaks",
        "lengths",
        "measures",
        "outlook",
        "progress",
        "project",
        "report",
        "review",
        "rollout",
        "sample",
        "signals",
        "splits",
        "texts",
        "tokens",
        "trust",
        "upkeep",
        "watch",
    },
    {"__init__", "cli", "pytest_plugin"},
]
"""Each layer imports from itself and from those above it."""

HEAVY = {
    "PIL",
    "anthropic",
    "bitsandbytes",
    "bm25s",
    "datasets",
    "datasketch",
    "evaluate",
    "fsspec",
    "lm_eval",
    "openai",
    "optuna",
    "peft",
    "pypdf",
    "pytesseract",
    "ray",
    "sklearn",
    "soundfile",
    "submitit",
    "torch",
    "trafilatura",
    "transformers",
    "trl",
}


NEEDLESS = {"pandas", "scipy.optimize", "scipy.stats", "statsmodels"}
"""Costs a start 0.2 s or more each. pandas comes later all the same where it is installed: pyarrow imports it for its first
array, scalar or ``to_numpy``."""


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def layer(part: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if part in names)


@pytest.mark.parametrize("path", sorted(HARNESS.rglob("*.py")), ids=lambda p: str(p.relative_to(HARNESS)))
def test_imports_only_from_above(path: Path) -> None:
    own = path.relative_to(HARNESS).parts[0].removesuffix(".py")
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "harness" and len(parts) > 1:
            assert layer(parts[1]) <= layer(own), f"{path}: imports {name}"


@pytest.mark.parametrize(
    "code",
    [
        "import harness",
        "from harness.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "import harness.evidence, harness.report, harness.verdict, harness.leaks",
        "import harness.review.server",
        "import harness.pytest_plugin",
    ],
)
def test_the_doors_are_light(code: str) -> None:
    shown = f"{code}\nimport sys\nprint(sorted(set(sys.modules) & {HEAVY | NEEDLESS!r}))"
    ran = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
