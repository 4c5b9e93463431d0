"""A project is a folder with an experiment, suites and baselines; ``harness init`` writes a ready one.

harness init my-project
"""

from __future__ import annotations

import shutil
from pathlib import Path

import harness
from harness.errors import BadInput
from harness.place import EXPERIMENT

PARTS = (EXPERIMENT, "suites", "baselines")


def template() -> Path:
    """Where the shipped suites and baselines lie: inside an installed package, or at the top of a checkout."""
    package = Path(harness.__file__).parent
    installed = package / "template"
    return installed if installed.is_dir() else package.parent


def init(folder: Path) -> list[Path]:
    """Write a ready project into ``folder``; returns what was written.

    Raises:
        BadInput: when one of the parts is there already; nothing is written then.
    """
    for part in PARTS:
        if (folder / part).exists():
            raise BadInput(
                f"{folder / part}: exists already: choose an empty folder, or move it away; nothing was written"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            source = template() / part
            if source.is_dir():
                shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                shutil.copy(source, folder / part)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written: {error.strerror}") from error
    return [folder / part for part in PARTS]
