"""The command that records a champion: ``harness bless``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.argument import DEFAULT, Json, aside, say
from harness.errors import BadInput
from harness.plural import plural

if TYPE_CHECKING:
    from harness.gate.blessing import Blessing

LOST = 1

app = typer.Typer()


@app.command()
def bless(
    champions: Annotated[list[str], typer.Argument(help="SUITE=CONTENDER, such as triage=sft.")],
    *,
    experiment: Annotated[Path, typer.Option(help="The experiment.")] = DEFAULT,
    model: Annotated[str | None, typer.Option(help="The base model, where there are several.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Record it though it does not hold its own gates.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be recorded, and write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Record a champion's scores in its suite's folder, as what a gate with over = "blessed" compares with."""
    from harness.gate.bench import Bench
    from harness.gate.blessing import bless as blessed
    from harness.progress import Console
    from harness.trust import load_trusted

    wanted = dict(map(_parted, champions))
    if len(wanted) < len(champions):
        raise BadInput(f"given {', '.join(map(repr, champions))}: a suite has one champion")
    load_trusted(experiment)
    bench = Bench(experiment, replay=True)
    bench.ensure(lambda: set(wanted.items()), lambda: Console(quiet=True))
    found = [blessed(bench, suite, contender, model=model) for suite, contender in wanted.items()]
    refused = [one for one in found if one.lost] if not force else []
    changed = {one.suite: one.write(dry=dry_run or bool(refused)) for one in found}
    if as_json:
        say(json.dumps([_told(one, changed[one.suite], bool(refused)) for one in found], indent=2), as_json=True)
    else:
        _tell(found, changed, refused=bool(refused), dry_run=dry_run)
    raise typer.Exit(LOST if refused else 0)


def _parted(given: str) -> tuple[str, str]:
    suite, equals, contender = given.partition("=")
    if not (suite and equals and contender):
        raise BadInput(f"given {given!r}: write SUITE=CONTENDER, such as triage=sft")
    return suite, contender


def _tell(found: list[Blessing], changed: dict[str, bool], *, refused: bool, dry_run: bool) -> None:
    for one in found:
        for sentence in (*one.skipped, *one.lost):
            aside(f"{one.suite}: {sentence}")
    if refused:
        names = ", ".join(f"{one.head.contender!r} on {one.suite!r}" for one in found if one.lost)
        aside(
            f"not recorded: {names} would be a champion that does not hold its own gates; --force records it all the same"
        )
        return
    for one in found:
        does = "would write" if dry_run else "wrote"
        whose = f"{one.head.contender} on {one.head.model}, {plural(len(one.lines), 'test case')}"
        whose += f", {plural(len(one.head.seeds), 'training seed')}" if one.head.seeds else ""
        say(f"{does} {one.path}: {whose}" if changed[one.suite] else f"{one.path}: holds this already: {whose}")


def _told(one: Blessing, changed: bool, refused: bool) -> dict[str, Any]:
    head = one.head.model_dump(mode="json")
    written = {"file": str(one.path), "changed": changed and not refused, "refused": refused, "cases": len(one.lines)}
    return {"suite": one.suite, **head, **written, "lost": list(one.lost), "skipped": list(one.skipped)}
