"""``harness embedded …``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.argument import say

embedded = typer.Typer(help="The embedded model, for machines that can download no weights.", no_args_is_help=True)


@embedded.command("train")
def embedded_train(
    out: Annotated[Path, typer.Option(help="Folder for the weights.")],
    tokens: Annotated[float | None, typer.Option(help="Millions of tokens a stage, for a short trial.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed than the shipped weights'.")] = None,
) -> None:
    """Raise the embedded model again from its grammar and its seed; an hour and a half on two cores, or more."""
    from harness.errors import need

    need("torch", extra="train")
    from dataclasses import replace

    from harness.embedded.pretrain import Plan, pretrain

    plan = Plan()
    if tokens is not None:
        plan = replace(plan, stages=tuple(replace(stage, tokens=tokens) for stage in plan.stages))
    if seed is not None:
        plan = replace(plan, seed=seed)
    say(f"wrote {pretrain(plan, out, say=say)}")
