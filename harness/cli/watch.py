"""``harness watch``: the same cases asked again, and whether the answers have drifted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.argument import DEFAULT, Json, aside, say
from harness.errors import BadInput

if TYPE_CHECKING:
    from harness.watch import Drift

DRIFTED, UNFINISHED = 1, 3

app = typer.Typer()


@app.command()
def watch(
    targets: Annotated[list[str], typer.Argument(metavar="SUITE=CONTENDER...", help="Whose answers, to what.")],
    *,
    experiment: Annotated[Path, typer.Option(help="The experiment.")] = DEFAULT,
    model: Annotated[str | None, typer.Option(help="The base model, where there are several.")] = None,
    cases: Annotated[
        int | None, typer.Option(help="How many test cases, the same every time; all otherwise.", min=2)
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", "--report", help="Show the rounds so far and ask nothing.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with a chart to this file.")] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="Ask served models in batches: half the price, up to a day.")
    ] = False,
    max_cost: Annotated[
        float | None, typer.Option(help="USD that served models may cost in this round; exit 3 before more.", min=0)
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another process holds the store.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Ask the test cases again as a new round, and say what drifted, since when and by how much; exit 1 where drift is shown."""
    from harness.trust import load_trusted
    from harness.vendors import Spending
    from harness.watch import as_dict, lines, seen
    from harness.watch import watch as ask

    named, loaded = [_target(text) for text in targets], load_trusted(experiment)
    if html is not None and (html.is_dir() or not html.parent.is_dir()):  # before anything is paid for
        raise BadInput(f"{html}: no file can be written there: choose another one with --html")
    if replay:
        found = seen(loaded, named, model=model, cases=cases)
    else:
        spending = Spending(batch=batch, most=max_cost)
        found = ask(loaded, named, model=model, cases=cases, wait=wait, spending=spending, say=aside)
    say(json.dumps(as_dict(found), indent=2) if as_json else "\n".join(lines(found)), as_json=as_json)
    if html is not None:
        _write(html, found)
    if any(one.alarm for one in found):
        raise typer.Exit(DRIFTED)
    if any(one.under_way is not None for one in found) and not replay:
        raise typer.Exit(UNFINISHED)


def _target(text: str) -> tuple[str, str]:
    suite, found, contender = text.partition("=")
    if not (suite and found and contender):
        raise BadInput(f"{text!r}: write SUITE=CONTENDER, such as triage=zero_shot")
    return suite, contender


def _write(path: Path, found: list[Drift]) -> None:
    """The whole file or what was there before."""
    from harness.watch import to_html

    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    text = to_html(found)
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror}: choose another file with --html") from error
    finally:
        unfinished.unlink(missing_ok=True)
    aside(f"wrote {path}")
