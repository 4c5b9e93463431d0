"""Commands that keep a store in order: ``harness store check | compact | export | import | gc``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.argument import DEFAULT, Json, aside, say

if TYPE_CHECKING:
    from harness.experiment import Experiment

BROKEN = 3
Where = Annotated[Path, typer.Argument(help="The experiment, or the folder of its store.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait while another process holds the store.")]

store = typer.Typer(help="Keep a store in order.", no_args_is_help=True)


def _place(where: Path) -> tuple[Path, Experiment | None]:
    """The home folder, and the experiment where one is named."""
    if where.is_dir():
        return where, None
    from harness.trust import load_trusted

    loaded = load_trusted(where)
    return loaded.home, loaded


@store.command()
def check(where: Where = DEFAULT, wait: Wait = 0.0, as_json: Json = False) -> None:
    """Look for rows twice, rows that hang on nothing, damaged pages and adapters, fingerprints that do not match; exit 3 where
    something is broken.
    """
    from harness.store import open_store
    from harness.upkeep import inspect

    home, experiment = _place(where)
    with open_store(home, write=False, wait=wait, say=aside) as opened:
        found = inspect(opened, experiment)
    say(json.dumps(found.as_dict(), indent=2) if as_json else "\n".join(found.lines()), as_json=as_json)
    raise typer.Exit(0 if found.sound else BROKEN)


@store.command()
def compact(where: Where = DEFAULT, wait: Wait = 0.0, as_json: Json = False) -> None:
    """Write the file anew without the room of what was deleted; it is compared before it takes the old one's place."""
    from harness.store.compact import compact as write

    home, _ = _place(where)
    done = write(home, wait=wait, say=aside)
    text = f"{home}: {size(done.before)} before, {size(done.after)} now, {sum(done.rows.values()):,} rows compared"
    say(json.dumps(asdict(done), indent=2) if as_json else text, as_json=as_json)


@store.command()
def export(
    out: Annotated[Path, typer.Argument(help="The new folder of Parquet files.")],
    where: Where = DEFAULT,
    *,
    only: Annotated[str | None, typer.Option(help="The name of one experiment; everything otherwise.")] = None,
    run: Annotated[
        str | None, typer.Option(help="The id of one run: its experiment, and of its runs this one.")
    ] = None,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Write the store, or an experiment's part of it, as Parquet."""
    from harness.store import open_store

    home, _ = _place(where)
    with open_store(home, write=False, wait=wait, say=aside) as opened:
        done = opened.export(out, experiment=only, run=run)
    told = {"folder": str(out), "experiment": done.experiment, "rows": done.rows}
    text = f"wrote {out}: {', '.join(f'{count:,} {table}' for table, count in done.rows.items() if count) or 'no rows'}"
    say(json.dumps(told, indent=2) if as_json else text, as_json=as_json)


@store.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="An export, or another store: its folder or file.")],
    where: Where = DEFAULT,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would become of it, and change nothing.")
    ] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Take in what others measured, nothing twice; where both say something else, ours stays and they are named."""
    from harness.store import open_store

    home, _ = _place(where)
    with open_store(home, write=True, wait=wait, say=aside) as opened:
        done = opened.merge(source, say=aside, dry_run=dry_run)
    if as_json:
        say(json.dumps({"dry_run": dry_run, "tables": [asdict(one) for one in done]}, indent=2), as_json=True)
        return
    for one in done:
        said = [f"{one.new:,} new", f"{one.known:,} known"]
        said += [f"{one.replaced:,} instead of ours"] if one.replaced else []
        said += [f"{one.contested:,} contested, ours stay ({', '.join(one.examples)})"] if one.contested else []
        say(f"{one.table:12} {', '.join(said)}")
    say("nothing was changed: --dry-run" if dry_run else f"taken into {home}; next: harness run")


@store.command()
def gc(
    experiments: Annotated[list[Path] | None, typer.Argument(help="Every experiment of the store.")] = None,
    *,
    keep_days: Annotated[
        float, typer.Option(help="Days since they were written that adapters are kept.", min=0)
    ] = 30.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Remove adapters that no experiment in the store, and none of those given, names, and trainings that never ended."""
    from harness.errors import BadInput
    from harness.store import open_store
    from harness.trust import load_trusted
    from harness.upkeep import garbage, remove
    from harness.upkeep.garbage import named_by

    loaded = [load_trusted(path) for path in experiments or [DEFAULT]]
    homes = {one.home.resolve() for one in loaded}
    if len(homes) > 1:
        raise BadInput(f"the experiments have {len(homes)} stores: name those of one store")
    with open_store(loaded[0].home, write=True, wait=wait, say=aside) as opened:  # nobody trains meanwhile
        found = garbage(loaded[0].home, named=opened.adapters() | named_by(loaded), keep_days=keep_days)
        done = found if dry_run else list(remove(found))
    say(
        json.dumps(_told(done, dry_run), indent=2) if as_json else "\n".join(_lines(done, dry_run, keep_days)),
        as_json=as_json,
    )


def _told(done: Sequence[Any], dry_run: bool) -> dict[str, Any]:
    folders = [
        {
            "path": str(one.adapter.path),
            "bytes": one.adapter.bytes,
            "days": round(one.adapter.age_days, 1),
            "why": one.why,
        }
        for one in done
    ]
    return {"dry_run": dry_run, "bytes": sum(one.adapter.bytes for one in done), "folders": folders}


def _lines(done: Sequence[Any], dry_run: bool, keep_days: float) -> list[str]:
    lines = [
        f"{one.adapter.path}  {size(one.adapter.bytes)}, {one.adapter.age_days:.0f} days old: {one.why}" for one in done
    ]
    total = size(sum(one.adapter.bytes for one in done))
    verb = "would be removed" if dry_run else "removed"
    return [*lines, f"{len(done)} {verb}, {total}" if done else f"nothing is older than {keep_days:g} days and unnamed"]


def size(count: int) -> str:
    """Bytes for a person: ``3.2 MB``."""
    if count < 1_000_000:
        return f"{count / 1_000:,.1f} kB"
    return f"{count / 1_000_000:,.1f} MB" if count < 1_000_000_000 else f"{count / 1_000_000_000:,.2f} GB"
