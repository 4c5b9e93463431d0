"""The pytest door: ``pytest suites/`` checks every gate that a ``suite.toml`` declares, one item a contender and gate.

    $ pytest suites/triage
    suites/triage/suite.toml::labels are right[sft] PASSED

pytest loads this module in every session of an environment where the package is installed, so it costs nothing and says
nothing: hooks, options and fixtures (``harness.gate``) are registered only where an ``experiment.toml`` stands above the
folder or the paths that were asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

EXPERIMENT = "experiment.toml"


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Register what works on suites, before options are parsed for good."""
    asked = early_config.known_args_namespace.file_or_dir
    here = early_config.invocation_params.dir
    if any(nearest(here / path) for path in ("", *paths(asked))):
        from harness.gate import fixtures, hooks

        early_config.pluginmanager.register(hooks, "tuneworthy-gates")
        early_config.pluginmanager.register(fixtures, "tuneworthy-fixtures")


def paths(arguments: Iterable[str]) -> list[str]:
    """Command-line arguments without their ``::node`` and ``[parameter]`` parts."""
    return [argument.partition("[")[0].partition("::")[0] for argument in arguments]


def nearest(path: Path, name: str = EXPERIMENT) -> Path | None:
    """The file called ``name`` in ``path`` or the closest folder above it."""
    path = path.resolve()
    return next((up / name for up in (path, *path.parents) if (up / name).is_file()), None)
