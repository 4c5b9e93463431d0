"""The command line: one of the two doors (the other is the pytest plugin). Printing happens here and nowhere below.

    harness init my-project && cd my-project
    harness run --dry-run && harness run
    harness verdict --require triage=fine-tune
    harness report

Exit codes: 0 decided · 1 ``--require`` unmet, a gate not held, drift, or too many leaks · 2 inconclusive · 3 invalid or incomplete evidence ·
4 bad input.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from typing import Annotated, Any

import typer

from harness.cli import bless, exchange, judge, run, verdict, watch
from harness.cli.argument import Asides
from harness.cli.data import data
from harness.cli.embedded import embedded
from harness.cli.rollout import rollout
from harness.cli.store import store
from harness.errors import BadInput, HarnessError
from harness.visible import visible

# typer brings its own copy of click from 0.20 on: its exceptions are found through one that typer exports
USAGE: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
INTERRUPTED = 130
NAMED = {
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EEXIST,
    errno.EINVAL,
}
"""What is wrong with a path that somebody gave; anything else is the machine's trouble."""

app = typer.Typer(
    name="harness",
    help="Is fine-tuning justified at all? Prompt, RAG and tuned contenders on the same cases, with a verdict.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for part in (run, verdict, bless, exchange, judge, watch):
    app.add_typer(part.app)
app.add_typer(data, name="data")
app.add_typer(judge.judge, name="judge")
app.add_typer(embedded, name="embedded")
app.add_typer(store, name="store")
app.add_typer(rollout, name="rollout")
logging.getLogger("harness").addHandler(Asides(logging.INFO))
logging.getLogger("harness").setLevel(logging.INFO)


TRUST = "--trust"


@app.callback()
def root(
    trust: Annotated[
        bool,
        typer.Option(
            TRUST, help="Let declarations run code, send keys elsewhere, and name files outside; after any command too."
        ),
    ] = False,
) -> None:
    if trust:
        from harness.trust import VARIABLE

        os.environ[VARIABLE] = "1"


def main(arguments: list[str] | None = None) -> None:
    """The ``harness`` command. Every error that a user can cause is one sentence on stderr and an exit code."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        code = app(args=_trust_first(sys.argv[1:] if arguments is None else arguments), standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        code = _complain("interrupted: everything finished is kept; run again to go on", INTERRUPTED)
    except USAGE as error:
        code = _complain(error.format_message(), BadInput.exit_code)
    except HarnessError as error:
        code = _complain(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        code = _complain(_of_system(error), BadInput.exit_code if error.errno in NAMED else HarnessError.exit_code)
    sys.exit(code)


def _of_system(error: OSError) -> str:
    """What the system says of a file, or of a disk that is full."""
    place = f"{error.filename}: " if error.filename else ""
    kept = "" if error.errno in NAMED else "; everything finished before is kept"
    return f"{place}{(error.strerror or str(error)).lower()}{kept}"


def _trust_first(arguments: list[str]) -> list[str]:
    """``--trust`` may stand anywhere before ``--``."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options, rest = arguments[:end], arguments[end:]
    return [TRUST, *(a for a in options if a != TRUST), *rest] if TRUST in options else arguments


def _complain(message: str, code: int) -> int:
    print(f"harness: {visible(message)}", file=sys.stderr)
    return code
