"""Commands that take from other tools and give to them: ``harness import | export``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.argument import DEFAULT, Json, say
from harness.errors import BadInput, suggest
from harness.plural import plural

DTYPES = ("bfloat16", "float16", "float32")
CHECK = "check"

app = typer.Typer()


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
    say(json.dumps(done.as_dict(), indent=2) if as_json else "\n".join(done.lines()), as_json=as_json)
    if not as_json:
        say(f"wrote {out}: {plural(done.rows, 'row')}; next: harness verdict --scores {out} --policy policy.toml")


@app.command()
def export(
    form: Annotated[
        str, typer.Argument(help="adapter, merged, vllm, ollama, gguf or axolotl; check, for what is served.")
    ],
    candidates: Annotated[list[str], typer.Argument(help="CANDIDATE@SUITE, such as sft@triage.")],
    *,
    out: Annotated[Path | None, typer.Option(help="The new folder to write.")] = None,
    experiment: Annotated[Path, typer.Option(help="The experiment.")] = DEFAULT,
    seed: Annotated[int | None, typer.Option(help="Which training; the first otherwise.")] = None,
    model: Annotated[str | None, typer.Option(help="The base model, where there are several.")] = None,
    dtype: Annotated[str, typer.Option(help="Of merged weights: bfloat16, float16 or float32.")] = "bfloat16",
    llama_cpp: Annotated[Path | None, typer.Option(help="A copy of llama.cpp, for gguf.")] = None,
    served: Annotated[str | None, typer.Option(help="For check: openai:MODEL@URL of its own server.")] = None,
    cases: Annotated[int, typer.Option(min=1, help="For check: how many cases it is asked.")] = 50,
    as_json: Json = False,
) -> None:
    """Write a trained candidate as what is deployed, and say whether it still answers as it was evaluated; `check` asks it through
    its own server, and ends with 1 when it does not, with 2 when the cases do not tell.
    """
    from harness.export import export as write
    from harness.export.trained import find
    from harness.matrix import expand
    from harness.trust import load_trusted

    if dtype not in DTYPES:
        raise BadInput(f"--dtype {dtype!r}: {suggest(dtype, DTYPES)}")
    if (served if form == CHECK else out) is None or (out if form == CHECK else served) is not None:
        raise BadInput(f"export {form}: check takes --served openai:MODEL@URL, and every other form --out FOLDER")
    found = find(expand(load_trusted(experiment)), candidates, seed=seed, model=model, trained=form != "axolotl")
    if out is not None:
        say("\n".join(write(form, found, out, dtype=dtype, llama_cpp=llama_cpp)))
        return
    from harness.export.served import EXIT_CODES, check

    checked = [check(one, str(served), cases=cases) for one in found]
    lines = [line for one in checked for line in one.lines()]
    say(json.dumps([one.as_dict() for one in checked], indent=2) if as_json else "\n".join(lines), as_json=as_json)
    states = {one.state for one in checked}
    raise typer.Exit(next((code for state, code in EXIT_CODES.items() if state in states and code), 0))
