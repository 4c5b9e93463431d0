"""Commands for what comes after a verdict: ``harness rollout plan | judge``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.argument import Json, say
from harness.errors import BadInput

rollout = typer.Typer(
    no_args_is_help=True,
    help="Take a candidate to production by stages, and judge it on ratings.",
    rich_markup_mode=None,
)
Declared = Annotated[Path, typer.Argument(help="rollout.toml.")]


@rollout.command("plan")
def plan_(declared: Declared = Path("rollout.toml"), as_json: Json = False) -> None:
    """Say how many users each stage takes, and for how long."""
    from harness.rollout import load_rollout, plan
    from harness.rollout.words import plan_dict, plan_lines

    found = plan(load_rollout(declared))
    say(json.dumps(plan_dict(found), indent=2) if as_json else "\n".join(plan_lines(found)), as_json=as_json)


@rollout.command("judge")
def judge_(
    declared: Declared,
    ratings: Annotated[list[Path], typer.Argument(help="Ratings so far: JSONL, CSV, Parquet, …")],
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: Json = False,
) -> None:
    """Decide on the ratings of both arms, as often as you like. Exit codes: 0 PROMOTE, 1 ROLL_BACK, 2 HOLD, 3 INVALID."""
    from harness.rollout import judge, load_ratings, load_rollout, words
    from harness.rollout.judgement import EXIT

    if markdown and as_json:
        raise BadInput("--markdown and --json: choose one")
    declaration = load_rollout(declared)
    found = judge(load_ratings(ratings, declaration), declaration)
    if as_json:
        say(json.dumps(words.as_dict(found), indent=2), as_json=True)
    else:
        say("\n".join((words.markdown if markdown else words.lines)(found, declaration)))
    raise typer.Exit(EXIT[found.decision])
