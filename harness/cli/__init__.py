"""The command line: one of the two doors (the other is the pytest plugin). Printing happens here and nowhere below.

    harness init my-project && cd my-project
    harness run --dry-run && harness run
    harness verdict --require triage=fine-tune
    harness report

Exit codes: 0 decided · 1 ``--require`` unmet, or too many leaks · 2 inconclusive · 3 invalid or incomplete evidence · 4 bad input.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from harness.cli import exchange, judge, run, verdict
from harness.cli.data import data
from harness.cli.embedded import embedded
from harness.cli.store import store
from harness.errors import BadInput, HarnessError

# typer brings its own copy of click from 0.20 on: its exceptions are found through one that typer exports
USAGE: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
INTERRUPTED = 130

app = typer.Typer(
    name="harness",
    help="Is fine-tuning justified at all? Prompt, RAG and tuned contenders on the same cases, with a verdict.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (run, verdict, exchange, judge):
    app.add_typer(part.app)
app.add_typer(data, name="data")
app.add_typer(judge.judge, name="judge")
app.add_typer(embedded, name="embedded")
app.add_typer(store, name="store")


def main(arguments: list[str] | None = None) -> None:
    """The ``harness`` command. Every error that a user can cause is one sentence on stderr and an exit code."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        code = app(args=arguments, standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        code = _complain("interrupted: everything finished is kept; run again to go on", INTERRUPTED)
    except USAGE as error:
        code = _complain(error.format_message(), BadInput.exit_code)
    except HarnessError as error:
        code = _complain(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    print(f"harness: {message}", file=sys.stderr)
    return code
