"""Every error that a user can cause or must know of, as one tree.

    HarnessError            exit code 3, could not measure
    ├── BadInput            exit code 4, something given is wrong: file, line or key, what was given, what to do
    │   ├── MissingExtra    exit code 4, an optional package is needed: which ``pip install`` brings it
    │   └── NotCompared     exit code 4, all rows are of one contender: a verdict compares
    ├── StoreBusy           exit code 4, another run holds the store
    ├── Diverged            exit code 3, a training's loss is no number
    └── Incomplete          exit code 3, evidence is missing or broken

A message is one sentence for a person; no traceback is shown for any of these.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


class HarnessError(Exception):
    """Could not do what was asked."""

    exit_code = 3


class BadInput(HarnessError):
    """Something that the user wrote is wrong."""

    exit_code = 4


class MissingExtra(BadInput):
    """A package of an optional extra is not installed."""


class NotCompared(BadInput):
    """There is one contender, and nothing to compare it with."""


class StoreBusy(HarnessError):
    """Another process writes to the store."""

    exit_code = 4


class Diverged(HarnessError):
    """A training's loss is not a number."""


class Incomplete(HarnessError):
    """The evidence asked for is not there."""


def suggest(given: str, allowed: Iterable[str]) -> str:
    """``did you mean 'exact_match'?``, or the list of what is allowed."""
    names = sorted(allowed)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"choose one of {', '.join(names)}" if names else "there is none to choose from"


def present(*modules: str, extra: str) -> None:
    """Refuse what will be needed later and is not there; nothing is imported.

    Raises:
        MissingExtra: naming the first of ``modules`` that is not installed, and the extra that brings it.
    """
    for module in modules:
        if find_spec(module) is None:
            raise MissingExtra(_missing(module, extra))


def need(module: str, *, extra: str) -> ModuleType:
    """Import ``module`` or say which extra brings it.

    Raises:
        MissingExtra: when it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtra(_missing(error.name, extra)) from error


def _missing(module: str, extra: str) -> str:
    return f"this needs the package {module!r}, which is not installed: pip install 'tuneworthy[{extra}]'"
