"""What every tool of the comparison is given, and how it is timed. Standard library only: each runs this in its own venv.

{"id": "n7", "input": "{\\"order\\": 7, \\"desk\\": \\"hesk\\"}", "reference": "{\\"desk\\": \\"hesk\\", \\"order\\": 7}"}

The model says the input back.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def read_cases(folder: Path) -> list[dict[str, Any]]:
    """The cases of a project folder."""
    with (folder / "suites/notes/cases.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def json_exact(text: str, reference: str) -> float:
    """1 when the text, parsed, equals the reference, parsed."""
    try:
        return float(json.loads(text) == json.loads(reference))
    except ValueError:
        return 0.0


def measure(evaluate: Callable[[Path], T], mean: Callable[[T], float], **more: Callable[[T], Any]) -> None:
    """Time ``evaluate`` from the files of a folder to what it returns, after a try on a small one, and print JSON.

    Command line: WARM FOLDER. Imports, the start of Python and ``mean`` (which shows that the work was done) are not in
    the time nor in the memory, which is the process's peak in MiB.
    """
    warm, folder = Path(sys.argv[1]), Path(sys.argv[2])
    evaluate(warm)
    before = _peak()
    started, started_cpu = time.perf_counter(), time.process_time()
    result = evaluate(folder)
    seconds, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    said = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mib": _peak(),
        "peak_mib_before": before,
        "mean": mean(result),
    }
    print(json.dumps(said | {name: function(result) for name, function in more.items()}))


def _peak() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB on Linux, bytes on macOS
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
