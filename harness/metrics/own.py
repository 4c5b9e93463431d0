"""A metric of the user's own: ``module:function``, ``(case, text) -> float`` in [0, 1].

metric = "house:polite"        # house.py in the suite's folder, or any module that Python can import

def polite(case, text):
    return float("please" in text)
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from harness.errors import BadInput, suggest
from harness.fingerprint import fingerprint_files
from harness.metrics import Function
from harness.module import function_of, run
from harness.suite import Suite


def make_own(suite: Suite, target: str) -> tuple[Function, Sequence[str]]:
    """The function that ``target`` names; its module's content decides its identity."""
    name, _, attribute = target.partition(":")
    path = suite.path(f"{name}.py")
    module = run(path) if path.is_file() else _import(name)
    function = function_of(module, attribute, called=name)
    source = getattr(module, "__file__", None)
    return function, [fingerprint_files(Path(source))] if source else []


def _import(name: str) -> ModuleType:
    from harness.metrics import MAKERS, METRICS

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise BadInput(
            f"neither a metric nor a module {name!r} to import: {suggest(name, [*METRICS, *MAKERS])}"
        ) from error
    except Exception as error:
        raise BadInput(f"module {name!r} cannot be imported: {type(error).__name__}: {error}") from error
