"""Engines: where cells are trained and answered. All do the same works and give the same rows; one process keeps the store.

    with open_engine("ray", experiment, say=print) as engine:
        engine.run(works, sink)

An engine is one file and one line in ``ENGINES``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from harness.engine.work import Check, Engine, Generate, Sink, Train, Work
from harness.errors import BadInput, suggest
from harness.experiment import Experiment

# name -> what makes the engine, called with the experiment and whom it tells what it does
ENGINES: dict[str, str] = {
    "local": "harness.engine.local:open_local",
    "ray": "harness.engine.ray:open_ray",
    "slurm": "harness.engine.slurm:open_slurm",
}

__all__ = ["ENGINES", "Check", "Engine", "Generate", "Sink", "Train", "Work", "open_engine"]


def open_engine(name: str, experiment: Experiment, *, say: Callable[[str], None]) -> Engine:
    """The engine of that name, to be used in a ``with``.

    Raises:
        BadInput: for an unknown name, or a cluster that cannot be reached.
        MissingExtra: without its package.
    """
    if name not in ENGINES:
        raise BadInput(f"--engine {name!r}: {suggest(name, ENGINES)}")
    module, _, function = ENGINES[name].partition(":")
    make: Any = getattr(import_module(module), function)
    engine: Engine = make(experiment, say)
    return engine
