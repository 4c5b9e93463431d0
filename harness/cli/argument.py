"""What many commands take, and how something is said beside their answer."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from harness.place import EXPERIMENT
from harness.visible import visible

ExperimentFile = Annotated[Path, typer.Argument(help="The experiment.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
DEFAULT = Path(EXPERIMENT)


def here(given: Path | None) -> Path | None:
    """The experiment that is named, whether or not it is there, else the one of this folder; None where there is none."""
    return given or (DEFAULT if DEFAULT.is_file() else None)


def say(text: str, *, as_json: bool = False) -> None:
    """A command's answer: for a program as it is, for a person with what steers a terminal or turns text around written out,
    since names of suites and contenders, file names and messages hold what others wrote.
    """
    typer.echo(text if as_json else visible(text))


def aside(line: str) -> None:
    """A line that is no result."""
    typer.echo(f"harness: {visible(line)}", err=True)


class Asides(logging.Handler):
    """What the harness logs, as such lines."""

    def emit(self, record: logging.LogRecord) -> None:
        aside(record.getMessage())
