"""``harness data …``: what a suite is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.argument import DEFAULT, Json
from harness.errors import BadInput

TOUCHED = 1

data = typer.Typer(help="Suites' data.", no_args_is_help=True)


@data.command("mmlu")
def data_mmlu(
    folder: Annotated[Path, typer.Argument(help="The suite folder to write, for example suites/mmlu.")],
    per_subject: Annotated[int, typer.Option(help="Questions of each of the 57 subjects.")] = 20,
) -> None:
    """Write a guard suite from MMLU; needs the Hugging Face Hub."""
    from harness.regression.mmlu import write_mmlu

    typer.echo(f"wrote {write_mmlu(folder, per_subject=per_subject)}")


@data.command("leaks")
def data_leaks(
    paths: Annotated[
        list[Path], typer.Argument(help="Suite folders, or files of cases and of training rows, in any format.")
    ],
    *,
    max_flagged: Annotated[
        float | None, typer.Option(help="The share of a suite's test cases that may be touched; the policy's 0.10.")
    ] = None,
    embed: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Look for other words too: a sentence-transformers model or folder."),
    ] = None,
    similar: Annotated[float | None, typer.Option(help="The least cosine that counts, with --embed; 0.7.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every match, not the worst few.")] = False,
    as_json: Json = False,
) -> None:
    """Say which cases overlap training rows, golden examples or documents; exit 1 when too many test cases do."""
    from harness.data.meaning import SIMILAR
    from harness.leaks import Meaning, as_dict, find, lines
    from harness.retrieval.encoder import load_encoder
    from harness.verdict import Policy

    limit = Policy().max_flagged if max_flagged is None else max_flagged
    if not 0 <= limit <= 1:
        raise BadInput(f"--max-flagged: given {limit}: a share between 0 and 1")
    least = SIMILAR if similar is None else similar
    if not 0 < least <= 1 or (similar is not None and embed is None):
        raise BadInput(f"--similar: given {least}: a cosine above 0 and up to 1, and --embed MODEL with it")
    found = find(paths, meaning=Meaning(load_encoder(embed), least) if embed else None)
    shown = json.dumps(as_dict(found, limit), indent=2) if as_json else "\n".join(lines(found, limit, every=every))
    typer.echo(shown)
    raise typer.Exit(TOUCHED if any(leaks.worst > limit for leaks in found) else 0)


@data.command("convert")
def data_convert(
    path: Annotated[
        Path, typer.Argument(metavar="IN", help="The file to read, or hf:NAME for a Hugging Face dataset.")
    ],
    out: Annotated[Path, typer.Argument(help="The file to write: .jsonl, .json, .csv or .parquet, with .gz or .zst.")],
    *,
    to: Annotated[str | None, typer.Option(help="The format to write; that of IN otherwise.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="The format of IN, where it cannot be told.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write training rows or cases in another format, losing nothing."""
    from harness.formats.convert import convert

    done = convert(path, out, to=to, format_=from_, replace=replace)
    typer.echo(json.dumps(done.as_dict(), indent=2) if as_json else "\n".join(done.lines()))


@data.command("check")
def data_check(
    paths: Annotated[list[Path], typer.Argument(help="Suite folders, or files of rows in any format.")],
    *,
    from_: Annotated[str | None, typer.Option("--from", help="The format, where it cannot be told.")] = None,
    as_json: Json = False,
) -> None:
    """Say whether data is good enough to train on; exit 1 when it is not."""
    from harness.check import check

    reports = check(paths, format_=from_)
    told = json.dumps({"files": [report.as_dict() for report in reports]}, indent=2)
    typer.echo(told if as_json else "\n".join(said for report in reports for said in report.lines()))
    raise typer.Exit(0 if all(report.good for report in reports) else TOUCHED)


@data.command("split")
def data_split(
    paths: Annotated[
        list[Path], typer.Argument(metavar="IN...", help="Files of cases or training rows, dealt as one.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUTDIR", help="The suite's folder.")],
    *,
    shares: Annotated[str, typer.Option(help="Parts of train, dev and test.")] = "80/10/10",
    cluster: Annotated[
        list[str] | None, typer.Option(help="A column whose rows stay together; may be repeated.")
    ] = None,
    stratify: Annotated[
        str | None, typer.Option(help="A column (or: answer) that every split gets its part of.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed deals otherwise.")] = 1,
    golden: Annotated[
        Path | None, typer.Option(help="Golden examples: those that train may see are dealt too.")
    ] = None,
    rows: Annotated[bool, typer.Option("--rows", help="Keep dev and test as rows; make no cases of them.")] = False,
    from_: Annotated[str | None, typer.Option("--from", help="The format of IN, where it cannot be told.")] = None,
    experiment: Annotated[Path, typer.Option(help="Whose locked suites stay as they are.")] = DEFAULT,
    replace: Annotated[bool, typer.Option("--replace", help="Write over files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Deal rows into training data, dev and test cases: by cluster, stratified, seeded."""
    from harness.data.split import Shares
    from harness.splits import Plan, split, stores

    plan = Plan(Shares.read(shares), tuple(cluster or ()), stratify, seed, rows)
    done = split(paths, out, plan, format_=from_, golden=golden, homes=stores(out, experiment), replace=replace)
    typer.echo(json.dumps(done.as_dict(), indent=2) if as_json else "\n".join(done.lines()))


@data.command("signals")
def data_signals(
    feedback: Annotated[Path, typer.Argument(help="A file of edits and ratings, or a folder of such files.")],
    out: Annotated[Path, typer.Argument(metavar="OUTDIR", help="The folder to write the signals to.")],
    *,
    scale: Annotated[float | None, typer.Option(help="The highest rating; the highest there is otherwise.")] = None,
    gap: Annotated[
        float, typer.Option(help="The least distance of two ratings in a pair, as a share of the scale.")
    ] = 0.25,
    top: Annotated[float, typer.Option(help="The least mean rating of a golden output, as a share.")] = 0.9,
    low: Annotated[float, typer.Option(help="What counts as a poor rating, as a share.")] = 0.4,
    least: Annotated[int, typer.Option(help="How many ratings it takes to skip an input.")] = 3,
    column: Annotated[list[str] | None, typer.Option(help="NAME=COLUMN where a column is called otherwise.")] = None,
    keep: Annotated[list[str] | None, typer.Option(help="A column to carry on, for harness data split.")] = None,
    forget: Annotated[str | None, typer.Option(help="A person who withdraws: leave out all that is theirs.")] = None,
    experiment: Annotated[Path, typer.Option(help="Where to look for what --forget must find.")] = DEFAULT,
    replace: Annotated[bool, typer.Option("--replace", help="Write over signals that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Make training signals of people's edits and ratings: SFT pairs, preferences, golden examples, a skip list."""
    from harness.data.signals import Thresholds
    from harness.declaration import declare
    from harness.signals import Options, columns, make
    from harness.signals import forget as withdraw

    limits = declare(Thresholds, {"gap": gap, "top": top, "low": low, "least": least}, where="harness data signals")
    options = Options(scale, limits, columns(column or []), tuple(keep or ()), replace or forget is not None)
    trace = withdraw(forget, out, experiment) if forget is not None else None
    made = make(feedback, out, options)
    if as_json:
        typer.echo(json.dumps(made.as_dict() | ({"forgotten": trace.as_dict()} if trace else {}), indent=2))
    else:
        typer.echo("\n".join([*(trace.said() if trace else ()), *made.lines()]))
