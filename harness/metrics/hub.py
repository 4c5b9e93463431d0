"""Metrics of Hugging Face ``evaluate``: ``evaluate:NAME`` from the Hub, ``evaluate:PATH`` from the suite's folder.

    metric = "evaluate:exact_match"
    metric = "evaluate:rouge#rougeL"           # which of the numbers that it computes, where there are several
    metric = "evaluate:metrics/length_ratio"   # suites/triage/metrics/length_ratio/length_ratio.py

The package takes 8 s to import and the Hub may be out of reach, so both wait until the first text is scored. A module
is code that runs here: name only what you trust.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from numbers import Real
from pathlib import Path
from typing import Any

from harness.errors import BadInput, need, suggest
from harness.fingerprint import fingerprint_files
from harness.metrics import Function
from harness.suite import Case, Suite


def make_evaluate(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """One number of an ``evaluate`` module, computed on one text."""
    name, _, key = argument.partition("#")
    if not name:
        raise BadInput("name a module: evaluate:exact_match, or evaluate:PATH relative to the suite")
    path = suite.path(name)
    files = _files(path)

    def evaluate(case: Case, text: str) -> float:
        module = _module(str(path) if files else name)
        if isinstance(module, BadInput):
            raise BadInput(str(module))
        converted = _converted(module, case.reference, text)
        if converted is None:
            return 0.0
        predictions, references = converted
        results = module.compute(predictions=[predictions], references=[references])
        return _number(results, key, name)

    return evaluate, [fingerprint_files(*files)] if files else []


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.py"))
    return [path] if path.is_file() else []


@lru_cache(maxsize=32)
def _module(name: str) -> Any:
    """The module, or why there is none: asking the Hub again for every text would take hours."""
    try:
        return need("evaluate", extra="evaluate").load(name, keep_in_memory=True)
    except BadInput as error:
        return error
    except Exception as error:
        return BadInput(
            f"evaluate cannot load {name!r} ({type(error).__name__}): without the Hub, put the module's folder into "
            "the suite and write evaluate:PATH, or use one of the harness's own metrics"
        )


def _converted(module: Any, reference: str, text: str) -> tuple[Any, Any] | None:
    """(prediction, reference) as the module's features want them; None for a text that is no such value."""
    features = module.features[0] if isinstance(module.features, list) else module.features
    dtype = getattr(features.get("predictions"), "dtype", "string")
    if not dtype.startswith(("int", "float", "uint")):
        return text, reference
    kind = float if dtype.startswith("float") else int
    try:
        wanted = kind(reference)
    except ValueError as error:
        raise BadInput(f"reference: given {reference[:60]!r}: this module compares {dtype} values") from error
    try:
        given = kind(text)
    except ValueError:
        return None
    return (given, wanted) if abs(given) < 2**31 and not math.isnan(given) else None


def _number(results: dict[str, Any], key: str, name: str) -> float:
    numbers = {k: float(v) for k, v in results.items() if isinstance(v, Real)}
    wanted = key or (Path(name).stem if Path(name).stem in numbers else "")
    if not wanted and len(numbers) == 1:
        wanted = next(iter(numbers))
    if wanted not in numbers:
        raise BadInput(
            f"it computes {sorted(numbers)}: name one, as in evaluate:{name}#{min(numbers, default='KEY')}: "
            f"{suggest(wanted, numbers)}"
        )
    return numbers[wanted]
