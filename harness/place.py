"""Where things lie: projects above paths, and paths in command-line arguments. Standard library only, pytest starts with it.

>>> nearest(Path("suites/triage/test_triage.py"))
PosixPath('/…/experiment.toml')
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

EXPERIMENT = "experiment.toml"
SUITE = "suite.toml"


def nearest(path: Path, name: str = EXPERIMENT) -> Path | None:
    """The file called ``name`` in ``path`` or the closest folder above it."""
    path = path.resolve()
    return next((up / name for up in (path, *path.parents) if (up / name).is_file()), None)


def paths(arguments: Iterable[str]) -> list[str]:
    """Command-line arguments without their ``::node`` and ``[parameter]`` parts."""
    return [argument.partition("[")[0].partition("::")[0] for argument in arguments]
