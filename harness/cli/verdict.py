"""Commands that answer: ``harness verdict | report``."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.argument import DEFAULT, ExperimentFile, Json, aside, say
from harness.errors import BadInput, suggest

REQUIRE_UNMET = 1
ANSWERS = ("JUSTIFIED", "NOT_JUSTIFIED", "INCONCLUSIVE", "INVALID", "prompt", "constrain", "rag", "fine-tune", "fine-tune+rag", "collect-data", "none")  # fmt: skip

Requirement = tuple[str, str]
"""A suite, and what must be its verdict or recommendation."""

app = typer.Typer()


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
    wanted = [_requirement(one) for one in require or []]
    if schema is not None:
        from harness.verdict.schemas import load_schema

        say(json.dumps(load_schema(schema), indent=2), as_json=True)
        return
    if scores is not None:
        from harness.verdict import Policy, decide, describe, load_policy

        found = decide(scores, load_policy(policy) if policy else Policy(), look=1 if look is None else look)
        _refuse_unknown(wanted, found.suites)
        say(found.to_json().decode().rstrip() if as_json else "\n".join(describe(found)), as_json=as_json)
        raise typer.Exit(_exit_code([found], wanted))
    if policy is not None:
        raise BadInput("--policy judges the rows of --scores: give both, or write [policy] into the experiment")
    if look is not None:
        raise BadInput("--look counts the looks of --scores: a store counts its own")
    from harness.matrix import expand
    from harness.trust import load_trusted

    matrix = expand(load_trusted(experiment))
    _refuse_unknown(wanted, [task.suite.name for task in matrix.tasks])  # before the look is counted
    raise typer.Exit(show_verdicts(matrix, as_json=as_json, require=wanted))


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
    from harness.report import gather, to_html, to_markdown, to_terminal
    from harness.trust import load_trusted

    loaded = load_trusted(experiment)
    with evidence(loaded) as found:
        gathered = gather(found)
    if markdown:
        say(to_markdown(gathered))
        return
    folder = out or loaded.folder / "reports" / loaded.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _place(folder / "report.html", to_html(gathered))
        _place(folder / "report.md", to_markdown(gathered))
    except OSError as error:
        raise BadInput(
            f"{folder}: the report cannot be written: {error.strerror}: choose another folder with --out"
        ) from error
    say(to_terminal(gathered))
    say(f"wrote {folder / 'report.html'} and {folder / 'report.md'}")


def _place(path: Path, text: str) -> None:
    """The whole file or what was there before: somebody may be reading it."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def show_verdicts(matrix: Any, *, as_json: bool, require: Sequence[Requirement] = ()) -> int:
    from harness.evidence import evidence
    from harness.verdict import describe

    with evidence(matrix) as found:
        verdicts = found.verdicts
    for made in verdicts.values():
        _refuse_unknown(require, made.suites)
    if not found.noted:
        aside("this look was not entered in the ledger: the store cannot be written now")
    if as_json:
        shown: Any = {model: made.as_dict() for model, made in verdicts.items()}
        say(
            json.dumps(next(iter(shown.values())) if len(shown) == 1 else shown, indent=2, sort_keys=True), as_json=True
        )
    for model, made in verdicts.items() if not as_json else ():
        if len(verdicts) > 1:
            say(f"{model}\n{'=' * len(model)}")
        say("\n".join(describe(made)))
    return _exit_code(list(verdicts.values()), require)


def _exit_code(verdicts: list[Any], require: Sequence[Requirement]) -> int:
    """The worst of the verdicts' codes; with ``--require``, whether every requirement holds."""
    if require:
        return 0 if all(_holds(verdict, one) for verdict in verdicts for one in require) else REQUIRE_UNMET
    return max((verdict.exit_code for verdict in verdicts), default=3)


def _requirement(text: str) -> Requirement:
    suite, _, answer = text.partition("=")
    if answer not in ANSWERS:
        raise BadInput(f"--require {text!r}: write SUITE=ANSWER: {suggest(answer, ANSWERS)}")
    return suite, answer


def _refuse_unknown(require: Sequence[Requirement], suites: Collection[str]) -> None:
    for suite, answer in require:
        if suite not in suites:
            raise BadInput(f"--require '{suite}={answer}': no deciding suite {suite!r}: {suggest(suite, suites)}")


def _holds(verdict: Any, requirement: Requirement) -> bool:
    suite, answer = requirement
    found = verdict.suites[suite]
    return answer in (found.verdict, found.recommendation)
