"""A user's own Python file, run as a module: its functions are metrics and scripted models.

>>> run(Path("suites/reply/house.py")).polite
<function polite at 0x…>
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import BadInput, suggest


def run(path: Path) -> ModuleType:
    """The module of a file; nothing else in the process sees it.

    Raises:
        BadInput: when it cannot be run.
    """
    spec = spec_from_file_location(f"own_{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path}: cannot be imported")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BadInput(f"{path}: cannot be imported: {type(error).__name__}: {error}") from error
    return module


def function_of(module: ModuleType, name: str, *, called: str) -> Callable[..., Any]:
    """A function of a module; ``called`` is the module's name in messages.

    Raises:
        BadInput: when it has no such function.
    """
    public = {key: value for key, value in vars(module).items() if callable(value) and not key.startswith("_")}
    function: Callable[..., Any] | None = getattr(module, name, None)
    if not callable(function):
        raise BadInput(f"module {called!r} has no function {name!r}: {suggest(name, public)}")
    return function
