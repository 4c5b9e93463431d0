"""The pytest door: ``pytest suites/`` checks every gate that a ``suite.toml`` declares, one item a contender and gate.

    $ pytest suites/triage -v
    suites/triage/suite.toml::labels are right[sft] PASSED

pytest loads this module in every session of an environment where the package is installed, so it costs nothing and says
nothing: hooks, options and fixtures (``harness.gate``) are registered only where an ``experiment.toml`` stands above the
folder or the paths that were asked for.
"""

from __future__ import annotations

import os

import pytest

from harness.place import nearest, paths


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Register what works on suites, before options are parsed for good."""
    asked = early_config.known_args_namespace.file_or_dir
    here = early_config.invocation_params.dir
    if any(nearest(here / path) for path in ("", *paths(asked))):
        from harness.gate import fixtures, hooks

        early_config.pluginmanager.register(hooks, "tuneworthy-gates")
        early_config.pluginmanager.register(fixtures, "tuneworthy-fixtures")
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from harness.gate import github

            early_config.pluginmanager.register(github, "tuneworthy-github")
