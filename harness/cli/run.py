"""Commands that measure, and what is said before: ``harness init | run | lock | plan | forget``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.argument import DEFAULT, ExperimentFile, Json, aside, here, say
from harness.cli.verdict import show_verdicts

app = typer.Typer()


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="Where to write the project.")]) -> None:
    """Write a ready project: an experiment, the shipped suites and the baselines."""
    from harness.project import init as write

    for path in write(folder):
        say(f"wrote {path}")
    say(f"next: cd {folder} && harness run --dry-run")


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
    engine: Annotated[
        str,
        typer.Option(help="Where cells are trained and answered: local, ray or slurm ([engine] has their settings)."),
    ] = "local",
    as_json: Json = False,
) -> None:
    """Do the work that is missing (train, generate, score), then print the verdict."""
    from harness.progress import Console, plan_lines, plan_of
    from harness.trust import load_trusted

    loaded = load_trusted(experiment)
    if seed is not None:
        loaded = loaded.model_copy(update={"seed": seed})
    if dry_run:
        todo = plan_of(loaded, batch=batch)
        say(json.dumps(todo.as_dict(), indent=2) if as_json else "\n".join(plan_lines(todo)), as_json=as_json)
        return
    from harness.run import run as fill
    from harness.vendors import Spending

    spending = Spending(batch=batch, most=max_cost)
    outcome = fill(loaded, progress=Console(quiet=as_json), wait=wait, say=aside, spending=spending, engine=engine)
    raise typer.Exit(show_verdicts(outcome.matrix, as_json=as_json))


@app.command()
def lock(
    experiment: ExperimentFile = DEFAULT,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another process holds the store.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Freeze the question before its answers are seen: test cases, metrics, margins, guards, plan and prices."""
    from harness.matrix import expand
    from harness.question import as_dict, freeze, lines, questions
    from harness.trust import load_trusted

    loaded = load_trusted(experiment)
    done = freeze(loaded.home, questions(expand(loaded)), wait=wait, say=aside)
    say(json.dumps(as_dict(done), indent=2) if as_json else "\n".join(lines(done)), as_json=as_json)


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
    from harness.trust import load_trusted

    path = here(experiment) if cases is None else experiment
    if path is not None:
        load_trusted(path)
    found = forecast(path, Options(cases, seeds, margin, gain, power, alpha, case_sd, seed_sd))
    say(json.dumps(as_dict(found), indent=2) if as_json else "\n".join(text(found)), as_json=as_json)


@app.command()
def forget(
    experiment: ExperimentFile = DEFAULT,
    *,
    served: Annotated[str | None, typer.Option(help="A model, by the name that its vendor's replies have.")] = None,
    batch: Annotated[str | None, typer.Option(help="A batch that nobody shall wait for any more.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another process holds the store.")] = 0.0,
) -> None:
    """Take a served model's answers and their scores out of the store, so that the next run asks anew."""
    from harness.origins import forget as take_out
    from harness.trust import load_trusted

    say("\n".join(take_out(load_trusted(experiment).home, served=served, batch=batch, wait=wait)))
