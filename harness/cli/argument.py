"""What many commands take, and how something is said beside their answer."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

ExperimentFile = Annotated[Path, typer.Argument(help="The experiment.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
DEFAULT = Path("experiment.toml")


def aside(line: str) -> None:
    """A line that is no result."""
    typer.echo(f"harness: {line}", err=True)


class Asides(logging.Handler):
    """What the harness logs, as such lines."""

    def emit(self, record: logging.LogRecord) -> None:
        aside(record.getMessage())
