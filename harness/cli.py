"""The command line: one of the two doors (the other is the pytest plugin). Printing happens here and nowhere below.

    harness init my-project && cd my-project
    harness run --dry-run && harness run
    harness verdict --require triage=fine-tune
    harness report

Exit codes: 0 decided · 1 ``--require`` unmet · 2 inconclusive · 3 invalid or incomplete evidence · 4 bad input.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.errors import BadInput, HarnessError, suggest

# typer brings its own copy of click from 0.20 on: its exceptions are found through one that typer exports
USAGE: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
REQUIRE_UNMET = 1
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
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the matrix, what is missing and what it takes.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Another experiment seed than the file's.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another run holds the store.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Do the work that is missing (train, generate, score), then print the verdict."""
    from harness.experiment import load_experiment
    from harness.progress import Console, plan_lines, plan_of

    loaded = load_experiment(experiment)
    if seed is not None:
        loaded = loaded.model_copy(update={"seed": seed})
    if dry_run:
        todo = plan_of(loaded)
        typer.echo(json.dumps(todo.as_dict(), indent=2) if as_json else "\n".join(plan_lines(todo)))
        return
    from harness.run import run as fill

    outcome = fill(loaded, progress=Console(quiet=as_json), wait=wait)
    raise typer.Exit(_show_verdicts(outcome.matrix, as_json=as_json, require=[]))


@app.command()
def verdict(
    experiment: ExperimentFile = DEFAULT,
    scores: Annotated[Path | None, typer.Option(help="Decide on these rows instead (Parquet, CSV or JSONL).")] = None,
    policy: Annotated[Path | None, typer.Option(help="The policy for --scores, as TOML.")] = None,
    require: Annotated[
        list[str] | None, typer.Option(help="SUITE=ANSWER that must hold, such as triage=fine-tune.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether fine-tuning is justified, suite by suite, and why."""
    if scores is not None:
        from harness.verdict import Policy, decide, describe, load_policy

        found = decide(scores, load_policy(policy) if policy else Policy())
        typer.echo(found.to_json().decode(), nl=False) if as_json else typer.echo("\n".join(describe(found)))
        raise typer.Exit(_exit_code([found], require or []))
    if policy is not None:
        raise BadInput("--policy judges the rows of --scores: give both, or write [policy] into the experiment")
    from harness.experiment import load_experiment
    from harness.matrix import expand

    raise typer.Exit(_show_verdicts(expand(load_experiment(experiment)), as_json=as_json, require=require or []))


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


@embedded.command("train")
def embedded_train(
    out: Annotated[Path, typer.Option(help="Folder for the weights.")],
    tokens: Annotated[float | None, typer.Option(help="Millions of tokens a stage, for a short trial.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed than the shipped weights'.")] = None,
) -> None:
    """Raise the embedded model again from its grammar and its seed; about an hour on two cores."""
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


def _show_verdicts(matrix: Any, *, as_json: bool, require: list[str]) -> int:
    from harness.evidence import evidence
    from harness.verdict import describe

    with evidence(matrix) as found:
        verdicts = found.verdicts
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


def _complain(message: str, code: int) -> int:
    print(f"harness: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
