"""``harness data …``: what a suite is made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.argument import DEFAULT, Json, aside, here, say
from harness.errors import BadInput
from harness.files.draft import draft, refuse_taken
from harness.plural import plural

TOUCHED = 1

data = typer.Typer(help="Suites' data.", no_args_is_help=True)


@data.command("mmlu")
def data_mmlu(
    folder: Annotated[Path, typer.Argument(help="The suite folder to write, for example suites/mmlu.")],
    per_subject: Annotated[int, typer.Option(help="Questions of each of the 57 subjects.")] = 20,
) -> None:
    """Write a guard suite from MMLU; needs the Hugging Face Hub."""
    from harness.regression.mmlu import write_mmlu

    say(f"wrote {write_mmlu(folder, per_subject=per_subject)}")


@data.command("guard")
def data_guard(
    task: Annotated[str, typer.Argument(help="A task of lm-eval: its name, or a YAML on this disk.")],
    folder: Annotated[Path, typer.Argument(help="The suite folder to write, for example suites/hellaswag.")],
    *,
    items: Annotated[int, typer.Option(min=1, help="Questions in all; subtasks have equal shares.")] = 1140,
    shots: Annotated[
        int | None, typer.Option(min=0, help="Examples before each question, if not as the task says.")
    ] = None,
) -> None:
    """Write a guard suite from a task of lm-eval; what has its data on the Hub needs that once."""
    from harness.regression.task import write_task

    say(write_task(folder, task, items=items, shots=shots).said())


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
    from harness.trust import refuse_suites
    from harness.verdict import Policy

    limit = Policy().max_flagged if max_flagged is None else max_flagged
    if not 0 <= limit <= 1:
        raise BadInput(f"--max-flagged: given {limit}: a share between 0 and 1")
    least = SIMILAR if similar is None else similar
    if not 0 < least <= 1 or (similar is not None and embed is None):
        raise BadInput(f"--similar: given {least}: a cosine above 0 and up to 1, and --embed MODEL with it")
    refuse_suites(paths)
    found = find(paths, meaning=Meaning(load_encoder(embed), least) if embed else None)
    shown = json.dumps(as_dict(found, limit), indent=2) if as_json else "\n".join(lines(found, limit, every=every))
    say(shown)
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
    say(json.dumps(done.as_dict(), indent=2) if as_json else "\n".join(done.lines()), as_json=as_json)


@data.command("text")
def data_text(
    path: Annotated[
        Path, typer.Argument(metavar="IN", help="Rows whose input may be audio, an image, a PDF or a url.")
    ],
    out: Annotated[Path, typer.Argument(help="The file to write, with all inputs as text.")],
    *,
    converter: Annotated[
        list[str] | None, typer.Option(help="KIND=NAME:ARGUMENT, such as image=tesseract:deu; may be repeated.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write rows with the text of what their inputs name: speech, images, PDF files, web pages."""
    from harness.texts import chosen, texts

    done = texts(path, out, chosen(converter or []), replace=replace)
    say(json.dumps(done.as_dict(), indent=2) if as_json else "\n".join(done.lines()), as_json=as_json)


@data.command("distill")
def data_distill(
    suite: Annotated[Path, typer.Argument(help="The suite's folder.")],
    out: Annotated[Path, typer.Argument(help="The file of training rows to write.")],
    *,
    teacher: Annotated[str, typer.Option(help="The model that writes: any that an experiment can name.")],
    inputs: Annotated[Path | None, typer.Option(help="Inputs to answer, in any format.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="The format of --inputs, where it cannot be told.")
    ] = None,
    new: Annotated[int, typer.Option(help="So many new inputs, written by the teacher and answered too.", min=0)] = 0,
    seeds: Annotated[
        Path | None, typer.Option(help="What new inputs shall be like; --inputs, or the training rows, otherwise.")
    ] = None,
    prompt: Annotated[str, typer.Option(help="Which of the suite's prompts the teacher is told.")] = "default",
    baseline: Annotated[
        Path | None,
        typer.Option(help="A file of baselines/: the teacher answers as that does (examples, documents, …)."),
    ] = None,
    judge: Annotated[
        list[str] | None, typer.Option(help="Who grades by the suite's rubric; the experiment's judge otherwise.")
    ] = None,
    least: Annotated[float, typer.Option(help="The least score by the rubric, 0 to 1.")] = 0.75,
    max_new_tokens: Annotated[
        int | None, typer.Option(help="Tokens of an answer; the suite's otherwise.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed shows other seeds for new inputs.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked and what that costs.")] = False,
    max_cost: Annotated[
        float | None, typer.Option(help="USD that served models may cost; exit 3 before more.", min=0)
    ] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="Ask served models in batches: half the price, up to a day.")
    ] = False,
    partial: Annotated[bool, typer.Option("--partial", help="Write what is there, where answers are missing.")] = False,
    experiment: Annotated[
        Path | None, typer.Option(help="Whose store, prices and judge count; experiment.toml where it is there.")
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another process holds the store.")] = 0.0,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Have a stronger model write training rows: outputs for your inputs, or new inputs too; filtered, and marked as synthetic."""
    from harness.distill import Wanted, distill, estimate, open_desk
    from harness.progress.meter import Meter
    from harness.trust import load_trusted, refuse_suites
    from harness.vendors import Spending

    refuse_suites([suite])
    if (there := here(experiment)) is not None:
        load_trusted(there)
    wanted = Wanted(
        teacher=teacher,
        inputs=inputs,
        format=from_,
        new=new,
        seeds=seeds,
        prompt=prompt,
        baseline=baseline,
        judges=tuple(judge or ()),
        least=least,
        max_new_tokens=max_new_tokens,
        seed=seed,
        partial=partial,
        replace=replace,
    )
    desk = open_desk(suite, wanted, there)
    if dry_run:
        done: Any = estimate(desk, batch=batch)
    else:
        spending, meter = Spending(batch=batch, most=max_cost), Meter(quiet=as_json)
        done = distill(desk, out, spending=spending, meter=meter, wait=wait, say=aside)
    say(json.dumps(done.as_dict(), indent=2) if as_json else "\n".join(done.lines()), as_json=as_json)


@data.command("check")
def data_check(
    paths: Annotated[list[Path], typer.Argument(help="Suite folders, or files of rows in any format.")],
    *,
    from_: Annotated[str | None, typer.Option("--from", help="The format, where it cannot be told.")] = None,
    slice_: Annotated[
        list[str] | None, typer.Option("--slice", help="A column (or a tag of cases) whose values are counted.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The base model whose tokens count; the experiment's first local one otherwise.")
    ] = None,
    experiment: Annotated[
        Path | None, typer.Option(help="Whose policy, model and recipes count; experiment.toml where it is there.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="A policy (TOML) whose [data] says what is allowed.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file.")] = None,
    sample: Annotated[
        Path | None, typer.Option(help="Write 50 random rows to this file, for somebody to read.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other rows.")] = 1,
    replace: Annotated[bool, typer.Option("--replace", help="Write over files that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Say whether rows are good enough to train on; exit 1 when they are not."""
    from harness.check import Asked, allowed, check
    from harness.report.audited import lines, to_html
    from harness.tokens import Tokens
    from harness.trust import load_trusted, refuse_suites

    there = here(experiment)
    declared = load_trusted(there) if there else None
    refuse_suites(paths, code=True)
    tokens, limits = Tokens.of(model, declared), allowed(declared, policy)
    for path in filter(None, (html, sample)):
        refuse_taken(path, replace=replace)
    checked = check(paths, Asked(limits, from_, tuple(slice_ or ()), tokens, seed))
    if html is not None:
        with draft(html, replace=replace) as unfinished:
            unfinished.write_text(to_html(checked), encoding="utf-8")
    drawn = checked.write_sample(sample, replace=replace) if sample else None
    say(json.dumps(checked.as_dict(), indent=2) if as_json else "\n".join(lines(checked)), as_json=as_json)
    if drawn is not None:
        aside(f"wrote {sample}: {plural(drawn, 'row')} to read; filled in, harness data signals takes it")
    raise typer.Exit(0 if checked.good else TOUCHED)


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
    from harness.trust import load_trusted

    if experiment.is_file():
        load_trusted(experiment)
    plan = Plan(Shares.read(shares), tuple(cluster or ()), stratify, seed, rows)
    done = split(paths, out, plan, format_=from_, golden=golden, homes=stores(out, experiment), replace=replace)
    say(json.dumps(done.as_dict(), indent=2) if as_json else "\n".join(done.lines()), as_json=as_json)


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
    from harness.trust import load_trusted

    if forget is not None and experiment.is_file():
        load_trusted(experiment)
    limits = declare(Thresholds, {"gap": gap, "top": top, "low": low, "least": least}, where="harness data signals")
    options = Options(scale, limits, columns(column or []), tuple(keep or ()), replace or forget is not None)
    trace = withdraw(forget, out, experiment) if forget is not None else None
    made = make(feedback, out, options)
    if as_json:
        say(json.dumps(made.as_dict() | ({"forgotten": trace.as_dict()} if trace else {}), indent=2), as_json=True)
    else:
        say("\n".join([*(trace.said() if trace else ()), *made.lines()]))
