"""The command line: one of the two doors (the other is the pytest plugin). Printing happens here and nowhere below.

    harness init my-project && cd my-project
    harness run --dry-run && harness run
    harness verdict --require triage=fine-tune
    harness report

Exit codes: 0 decided · 1 ``--require`` unmet, or too many leaks · 2 inconclusive · 3 invalid or incomplete evidence · 4 bad input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.errors import BadInput, HarnessError, suggest
from harness.plural import plural

# typer brings its own copy of click from 0.20 on: its exceptions are found through one that typer exports
USAGE: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
REQUIRE_UNMET = 1
DTYPES = ("bfloat16", "float16", "float32")
TOUCHED = 1
INTERRUPTED = 130

app = typer.Typer(
    name="harness",
    help="Is fine-tuning justified at all? Prompt, RAG and tuned contenders on the same cases, with a verdict.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
embedded = typer.Typer(help="The embedded model, for machines that can download no weights.", no_args_is_help=True)
data = typer.Typer(help="Suites' data.", no_args_is_help=True)
app.add_typer(embedded, name="embedded")
app.add_typer(data, name="data")
judge = typer.Typer(help="The judge behind a rubric, and people beside it.", no_args_is_help=True)
app.add_typer(judge, name="judge")

ExperimentFile = Annotated[Path, typer.Argument(help="The experiment.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
DEFAULT = Path("experiment.toml")


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="Where to write the project.")]) -> None:
    """Write a ready project: an experiment, the shipped suites and the baselines."""
    from harness.project import init as write

    for path in write(folder):
        typer.echo(f"wrote {path}")
    typer.echo(f"next: cd {folder} && harness run --dry-run")


@app.command()
def run(
    experiment: ExperimentFile = DEFAULT,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the matrix, what is missing and what it takes.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Another experiment seed than the file's.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another run holds the store.")] = 0.0,
    batch: Annotated[
        bool, typer.Option("--batch", help="Ask served models in batches: half the price, up to a day.")
    ] = False,
    max_cost: Annotated[
        float | None, typer.Option(help="USD that served models may cost in this run; exit 3 before more.", min=0)
    ] = None,
    as_json: Json = False,
) -> None:
    """Do the work that is missing (train, generate, score), then print the verdict."""
    from harness.experiment import load_experiment
    from harness.progress import Console, plan_lines, plan_of

    loaded = load_experiment(experiment)
    if seed is not None:
        loaded = loaded.model_copy(update={"seed": seed})
    if dry_run:
        todo = plan_of(loaded, batch=batch)
        typer.echo(json.dumps(todo.as_dict(), indent=2) if as_json else "\n".join(plan_lines(todo)))
        return
    from harness.run import run as fill
    from harness.vendors import Spending

    spending = Spending(batch=batch, most=max_cost)
    outcome = fill(loaded, progress=Console(quiet=as_json), wait=wait, say=_aside, spending=spending)
    raise typer.Exit(_show_verdicts(outcome.matrix, as_json=as_json, require=[]))


@app.command()
def verdict(
    experiment: ExperimentFile = DEFAULT,
    scores: Annotated[Path | None, typer.Option(help="Decide on these rows instead (Parquet, CSV or JSONL).")] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy for --scores, as TOML.")] = None,
    *,
    require: Annotated[
        list[str] | None, typer.Option(help="SUITE=ANSWER that must hold, such as triage=fine-tune.")
    ] = None,
    look: Annotated[int | None, typer.Option(help="Which look at the test cases of --scores this is.")] = None,
    schema: Annotated[str | None, typer.Option(help="Print the JSON Schema of the policy or the verdict.")] = None,
    as_json: Json = False,
) -> None:
    """Say whether fine-tuning is justified, suite by suite, and why."""
    if schema is not None:
        from harness.verdict.schemas import load_schema

        typer.echo(json.dumps(load_schema(schema), indent=2))
        return
    if scores is not None:
        from harness.verdict import Policy, decide, describe, load_policy

        found = decide(scores, load_policy(policy) if policy else Policy(), look=1 if look is None else look)
        typer.echo(found.to_json().decode(), nl=False) if as_json else typer.echo("\n".join(describe(found)))
        raise typer.Exit(_exit_code([found], require or []))
    if policy is not None:
        raise BadInput("--policy judges the rows of --scores: give both, or write [policy] into the experiment")
    if look is not None:
        raise BadInput("--look counts the looks of --scores: a store counts its own")
    from harness.experiment import load_experiment
    from harness.matrix import expand

    raise typer.Exit(_show_verdicts(expand(load_experiment(experiment)), as_json=as_json, require=require or []))


@app.command()
def lock(
    experiment: ExperimentFile = DEFAULT,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another process holds the store.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Freeze the question before its answers are seen: test cases, metrics, margins, guards, plan and prices."""
    from harness.experiment import load_experiment
    from harness.matrix import expand
    from harness.question import as_dict, freeze, lines, questions

    loaded = load_experiment(experiment)
    done = freeze(loaded.home, questions(expand(loaded)), wait=wait, say=_aside)
    typer.echo(json.dumps(as_dict(done), indent=2) if as_json else "\n".join(lines(done)))


@app.command()
def plan(
    experiment: Annotated[Path | None, typer.Argument(help="experiment.toml, unless --cases are given.")] = None,
    *,
    cases: Annotated[int | None, typer.Option(help="Test cases.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Training seeds.")] = None,
    margin: Annotated[float | None, typer.Option(help="The least gain worth having: 0.03 for 3 points.")] = None,
    gain: Annotated[float | None, typer.Option(help="The true gain that is planned for: 0.08 for 8 points.")] = None,
    power: Annotated[float | None, typer.Option(help="How surely it shall be shown: 0.8.")] = None,
    alpha: Annotated[float | None, typer.Option(help="The one-sided error of a claim: 0.05.")] = None,
    case_sd: Annotated[float | None, typer.Option(help="SD of one case's difference, mean over seeds.")] = None,
    seed_sd: Annotated[float | None, typer.Option(help="SD of one training's mean difference.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a test set can decide, and what a run would take, before anything is paid for."""
    from harness.outlook import Options, as_dict, forecast, text

    path = experiment or (DEFAULT if cases is None and DEFAULT.exists() else None)
    found = forecast(path, Options(cases, seeds, margin, gain, power, alpha, case_sd, seed_sd))
    typer.echo(json.dumps(as_dict(found), indent=2) if as_json else "\n".join(text(found)))


@app.command()
def report(
    experiment: ExperimentFile = DEFAULT,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html and report.md; reports/NAME otherwise.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the Markdown for a pull request.")] = False,
) -> None:
    """Render what the store holds: terminal table, Markdown, one self-contained HTML page."""
    from harness.evidence import evidence
    from harness.experiment import load_experiment
    from harness.report import gather, to_html, to_markdown, to_terminal

    loaded = load_experiment(experiment)
    with evidence(loaded) as found:
        gathered = gather(found)
    if markdown:
        typer.echo(to_markdown(gathered))
        return
    folder = out or loaded.folder / "reports" / loaded.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.html").write_text(to_html(gathered), encoding="utf-8")
        (folder / "report.md").write_text(to_markdown(gathered), encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"{folder}: the report cannot be written: {error.strerror}: choose another folder with --out"
        ) from error
    typer.echo(to_terminal(gathered))
    typer.echo(f"wrote {folder / 'report.html'} and {folder / 'report.md'}")


@app.command()
def forget(
    experiment: ExperimentFile = DEFAULT,
    *,
    served: Annotated[str | None, typer.Option(help="A model, by the name that its vendor's replies have.")] = None,
    batch: Annotated[str | None, typer.Option(help="A batch that nobody shall wait for any more.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another process holds the store.")] = 0.0,
) -> None:
    """Take a served model's answers and their scores out of the store, so that the next run asks anew."""
    from harness.experiment import load_experiment
    from harness.origins import forget as take_out

    typer.echo("\n".join(take_out(load_experiment(experiment).home, served=served, batch=batch, wait=wait)))


@app.command("import")
def import_(
    tool: Annotated[str, typer.Argument(help="lm-eval, inspect or promptfoo.")],
    paths: Annotated[list[Path], typer.Argument(help="Logs, or folders of them.")],
    *,
    out: Annotated[Path, typer.Option(help="The rows to write: .parquet, .csv or .jsonl.")],
    map_: Annotated[Path | None, typer.Option("--map", help="TOML that says who gave the answers of each run.")] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to the rows that are there.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write the file anew.")] = False,
    contender: Annotated[str | None, typer.Option(help="Its name, for one run without --map.")] = None,
    technique: Annotated[str | None, typer.Option(help="prompt, constrain, golden, rag, tune, tune+rag, …")] = None,
    training_seed: Annotated[int | None, typer.Option(help="The seed of a tuned contender's training.")] = None,
    data_fraction: Annotated[float | None, typer.Option(help="The share of the training data it saw.")] = None,
    repeat: Annotated[int | None, typer.Option(help="The number of this answer to the same cases.")] = None,
    suite: Annotated[str | None, typer.Option(help="Another name than the tool's for the task.")] = None,
    split: Annotated[str | None, typer.Option(help="dev or test, for all cases.")] = None,
    dev_share: Annotated[float | None, typer.Option(help="The share of cases drawn for dev, by hash: 0.3.")] = None,
    metric: Annotated[str | None, typer.Option(help="Which of the tool's metrics.")] = None,
    scale: Annotated[str | None, typer.Option(help="WORST:BEST of the metric: 0:100; 1:0 if less is better.")] = None,
    source: Annotated[str | None, typer.Option(help="program, judge or human, if not as the log says.")] = None,
    case_id: Annotated[str | None, typer.Option(help="The field of the tool's cases that identifies one.")] = None,
    cluster: Annotated[str | None, typer.Option(help="The field that cases of one source share.")] = None,
    as_json: Json = False,
) -> None:
    """Turn another tool's results into rows for `harness verdict --scores`."""
    from harness.importers import TOOLS, Destination, import_logs
    from harness.importers.plan import load_plan

    if tool not in TOOLS:
        raise BadInput(f"no importer {tool!r}: {suggest(tool, TOOLS)}")
    run = {"contender": contender, "technique": technique, "training_seed": training_seed, "repeat": repeat}
    said = {"suite": suite, "split": split, "dev_share": dev_share, "metric": metric, "scale": scale, "source": source}
    cases = {"case_id": case_id, "cluster": cluster, "data_fraction": data_fraction}
    plan, where = load_plan(map_, **run, **said, **cases)
    done = import_logs(tool, paths, plan, Destination(out, append, replace), where=where)
    typer.echo(json.dumps(done.as_dict(), indent=2) if as_json else "\n".join(done.lines()))
    if not as_json:
        typer.echo(
            f"wrote {out}: {plural(done.rows, 'row')}; next: harness verdict --scores {out} --policy policy.toml"
        )


@app.command()
def export(
    form: Annotated[str, typer.Argument(help="adapter, merged, vllm, ollama, gguf or axolotl.")],
    candidates: Annotated[list[str], typer.Argument(help="CANDIDATE@SUITE, such as sft@triage.")],
    *,
    out: Annotated[Path, typer.Option(help="The new folder to write.")],
    experiment: Annotated[Path, typer.Option(help="The experiment.")] = DEFAULT,
    seed: Annotated[int | None, typer.Option(help="Which training; the first otherwise.")] = None,
    model: Annotated[str | None, typer.Option(help="The base model, where there are several.")] = None,
    dtype: Annotated[str, typer.Option(help="Of merged weights: bfloat16, float16 or float32.")] = "bfloat16",
    llama_cpp: Annotated[Path | None, typer.Option(help="A copy of llama.cpp, for gguf.")] = None,
) -> None:
    """Write a trained candidate as what is deployed, and say whether it still answers as it was evaluated."""
    from harness.experiment import load_experiment
    from harness.export import export as write
    from harness.export.trained import find
    from harness.matrix import expand

    if dtype not in DTYPES:
        raise BadInput(f"--dtype {dtype!r}: {suggest(dtype, DTYPES)}")
    found = find(expand(load_experiment(experiment)), candidates, seed=seed, model=model, trained=form != "axolotl")
    typer.echo("\n".join(write(form, found, out, dtype=dtype, llama_cpp=llama_cpp)))


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
    typer.echo(f"wrote {pretrain(plan, out, say=typer.echo)}")


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
        list[Path], typer.Argument(help="Suite folders, or files: cases (JSONL) and training rows (JSONL).")
    ],
    *,
    max_flagged: Annotated[
        float | None, typer.Option(help="The share of a suite's test cases that may be touched; the policy's 0.10.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every match, not the worst few.")] = False,
    as_json: Json = False,
) -> None:
    """Say which test cases overlap training rows; exit 1 when too many do."""
    from harness.leaks import as_dict, find, lines
    from harness.verdict import Policy

    limit = Policy().max_flagged if max_flagged is None else max_flagged
    if not 0 <= limit <= 1:
        raise BadInput(f"--max-flagged: given {limit}: a share between 0 and 1")
    found = find(paths)
    shown = json.dumps(as_dict(found, limit), indent=2) if as_json else "\n".join(lines(found, limit, every=every))
    typer.echo(shown)
    raise typer.Exit(TOUCHED if any(leaks.share > limit for leaks in found) else 0)


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


@judge.command("sample")
def judge_sample(
    suite: Annotated[str, typer.Argument(help="The suite's name.")],
    out: Annotated[Path, typer.Argument(help="The file to write, to be filled in by a reviewer.")],
    experiment: ExperimentFile = DEFAULT,
    *,
    cases: Annotated[int, typer.Option(help="How many test cases, the same for every contender.", min=1)] = 60,
    contender: Annotated[list[str] | None, typer.Option(help="Whose answers; the finalists' otherwise.")] = None,
    model: Annotated[str | None, typer.Option(help="The base model, where there are several.")] = None,
) -> None:
    """Write answers to be graded by people: in random order, without saying whose they are."""
    from harness.evidence import evidence
    from harness.experiment import load_experiment
    from harness.sample import sample, write

    with evidence(load_experiment(experiment)) as found:
        count = write(out, sample(found, suite, model=model, contenders=contender or [], cases=cases))
    typer.echo(
        f"wrote {out}: {plural(count, 'answer')}; fill in 'reviewer' and 'scores', and name the file in suite.toml: labels = …"
    )


@judge.command("calibrate")
def judge_calibrate(
    experiment: ExperimentFile = DEFAULT,
    *,
    labels: Annotated[Path | None, typer.Option(help="Labels of people, instead of those in suite.toml.")] = None,
    as_json: Json = False,
) -> None:
    """Say how far the judge and people agree, how steady it is, and whether it favours a contender or length."""
    from harness.calibration import as_dict, calibrations, labelled, lines
    from harness.evidence import evidence
    from harness.experiment import load_experiment

    loaded = load_experiment(experiment)
    with evidence(labelled(loaded, labels) if labels else loaded) as found:
        made = {model: calibrations(found, model) for model in found.models}
    shown = {model: as_dict(some) for model, some in made.items()}
    typer.echo(
        json.dumps(shown, indent=2) if as_json else "\n".join(line for some in made.values() for line in lines(some))
    )


@judge.command("probe")
def judge_probe(
    suite: Annotated[str, typer.Argument(help="The suite's name.")],
    experiment: ExperimentFile = DEFAULT,
    *,
    cases: Annotated[int, typer.Option(help="How many test cases, the same for every contender.", min=2)] = 60,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many gradings that takes.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another process holds the store.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Say what the judge likes besides quality: length, the place where an answer stands, its own family."""
    from harness.bias import as_dict, lines, missing, probe
    from harness.experiment import load_experiment

    loaded = load_experiment(experiment)
    count = missing(loaded, suite, cases=cases)
    if dry_run:
        said = f"{plural(count, 'grading')} to ask for"
        typer.echo(json.dumps({"gradings": count}, indent=2) if as_json else said)
        return
    made = probe(loaded, suite, cases=cases, wait=wait)
    typer.echo(json.dumps(as_dict(made), indent=2) if as_json else "\n".join(lines(made)))


@app.command()
def review(
    suite: Annotated[str, typer.Argument(help="The suite's name.")],
    experiment: ExperimentFile = DEFAULT,
    *,
    reviewer: Annotated[str | None, typer.Option(help="Your name; the store knows a pseudonym made of it.")] = None,
    cases: Annotated[int, typer.Option(help="How many test cases, the same for every pair.", min=1)] = 60,
    disagree: Annotated[
        bool, typer.Option("--disagree", help="Those where the contenders' scores differ most: to read, not to decide.")
    ] = False,
    between: Annotated[list[str] | None, typer.Option(help="Two contenders; the finalists otherwise.")] = None,
    rate: Annotated[bool, typer.Option("--rate", help="Grade one answer at a time by the rubric's criteria.")] = False,
    trainings: Annotated[int, typer.Option(help="Of a tuned contender so many trainings.", min=1)] = 1,
    model: Annotated[str | None, typer.Option(help="The base model, where there are several.")] = None,
    port: Annotated[int, typer.Option(help="On this machine; 0 takes a free one.", min=0, max=65535)] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Print the page's address, open no browser.")] = False,
    agreement: Annotated[bool, typer.Option("--agreement", help="Say how far reviewers agree instead.")] = False,
    as_json: Json = False,
) -> None:
    """Review answers blind on a local page: two side by side, or one by the rubric; kept at each click."""
    from harness.evidence import evidence
    from harness.experiment import load_experiment
    from harness.review import Wanted, agreements, open_session
    from harness.review.agreement import as_dict, lines

    if agreement:
        with evidence(load_experiment(experiment)) as found:
            made = agreements(found, suite, model=model)
        typer.echo(json.dumps(as_dict(made), indent=2) if as_json else "\n".join(lines(made)))
        return
    if reviewer is None:
        raise BadInput("--reviewer: missing: give your name or a pseudonym, so that two reviewers can be told apart")
    wanted = Wanted(cases, "disagree" if disagree else "even", tuple(between or ()), trainings, rate)
    with evidence(load_experiment(experiment)) as found:
        session = open_session(found, suite, wanted, reviewer, model=model)
    session.settle()
    from harness.review.server import Server

    server = Server(session, port=port)
    typer.echo(f"{session.said_of()}\n{session.becomes}\nopen {server.url} and stop with Ctrl-C whenever you like")
    server.run(show=not no_open)
    typer.echo(session.said_of())


def _show_verdicts(matrix: Any, *, as_json: bool, require: list[str]) -> int:
    from harness.evidence import evidence
    from harness.verdict import describe

    with evidence(matrix) as found:
        verdicts = found.verdicts
    if not found.noted:
        _aside("this look was not entered in the ledger: the store cannot be written now")
    if as_json:
        shown: Any = {model: made.as_dict() for model, made in verdicts.items()}
        typer.echo(json.dumps(next(iter(shown.values())) if len(shown) == 1 else shown, indent=2, sort_keys=True))
    for model, made in verdicts.items() if not as_json else ():
        if len(verdicts) > 1:
            typer.echo(f"{model}\n{'=' * len(model)}")
        typer.echo("\n".join(describe(made)))
    return _exit_code(list(verdicts.values()), require)


def _exit_code(verdicts: list[Any], require: list[str]) -> int:
    """The worst of the verdicts' codes; with ``--require``, whether every requirement holds."""
    if require:
        return 0 if all(_holds(verdict, one) for verdict in verdicts for one in require) else REQUIRE_UNMET
    return max((verdict.exit_code for verdict in verdicts), default=3)


ANSWERS = ("JUSTIFIED", "NOT_JUSTIFIED", "INCONCLUSIVE", "INVALID", "prompt", "constrain", "rag", "fine-tune", "fine-tune+rag", "collect-data", "none")  # fmt: skip


def _holds(verdict: Any, requirement: str) -> bool:
    suite, _, answer = requirement.partition("=")
    if answer not in ANSWERS:
        raise BadInput(f"--require {requirement!r}: write SUITE=ANSWER: {suggest(answer, ANSWERS)}")
    if suite not in verdict.suites:
        raise BadInput(f"--require {requirement!r}: no deciding suite {suite!r}: {suggest(suite, verdict.suites)}")
    found = verdict.suites[suite]
    return answer in (found.verdict, found.recommendation)


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


def _aside(line: str) -> None:
    """A line that is no result."""
    typer.echo(f"harness: {line}", err=True)


def _complain(message: str, code: int) -> int:
    print(f"harness: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
