"""``harness judge …`` and ``harness review``: models and people who grade."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.argument import DEFAULT, ExperimentFile, Json, say
from harness.errors import BadInput
from harness.plural import plural

app = typer.Typer()
judge = typer.Typer(help="The judge behind a rubric, and people beside it.", no_args_is_help=True)


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
    from harness.sample import sample, write
    from harness.trust import load_trusted

    with evidence(load_trusted(experiment)) as found:
        count = write(out, sample(found, suite, model=model, contenders=contender or [], cases=cases))
    say(
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
    from harness.trust import load_trusted

    loaded = load_trusted(experiment)
    with evidence(labelled(loaded, labels) if labels else loaded) as found:
        made = {model: calibrations(found, model) for model in found.models}
    shown = {model: as_dict(some) for model, some in made.items()}
    say(
        json.dumps(shown, indent=2) if as_json else "\n".join(line for some in made.values() for line in lines(some)),
        as_json=as_json,
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
    from harness.trust import load_trusted

    loaded = load_trusted(experiment)
    count = missing(loaded, suite, cases=cases)
    if dry_run:
        said = f"{plural(count, 'grading')} to ask for"
        say(json.dumps({"gradings": count}, indent=2) if as_json else said, as_json=as_json)
        return
    made = probe(loaded, suite, cases=cases, wait=wait)
    say(json.dumps(as_dict(made), indent=2) if as_json else "\n".join(lines(made)), as_json=as_json)


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
    from harness.review import Wanted, agreements, open_session
    from harness.review.agreement import as_dict, lines
    from harness.trust import load_trusted

    if agreement:
        with evidence(load_trusted(experiment)) as found:
            made = agreements(found, suite, model=model)
        say(json.dumps(as_dict(made), indent=2) if as_json else "\n".join(lines(made)), as_json=as_json)
        return
    if reviewer is None:
        raise BadInput("--reviewer: missing: give your name or a pseudonym, so that two reviewers can be told apart")
    wanted = Wanted(cases, "disagree" if disagree else "even", tuple(between or ()), trainings, rate)
    with evidence(load_trusted(experiment)) as found:
        session = open_session(found, suite, wanted, reviewer, model=model)
    session.settle()
    from harness.review.server import Server

    server = Server(session, port=port)
    say(f"{session.said_of()}\n{session.becomes}\nopen {server.url} and stop with Ctrl-C whenever you like")
    server.run(show=not no_open)
    say(session.said_of())
