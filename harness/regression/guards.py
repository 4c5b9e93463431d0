"""Guards that an experiment names beside its suites, as suite folders.

    guards = ["mmlu", "hellaswag", "tasks/towns.yaml", "texts/neutral.txt"]        # in experiment.toml

A task of lm-eval, by name or as a YAML, and a text whose likelihood must not fall. Each is written as a suite into
``.harness/guards/`` once (``harness.regression.task``), so that its questions are fixed; one from a YAML is written again when the files in
the YAML's folder, or its local data, have changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from harness.errors import BadInput
from harness.experiment import Experiment
from harness.fingerprint import fingerprint, fingerprint_files
from harness.formats.prose import is_prose
from harness.regression.task import is_yaml, write_task
from harness.suite import Task, load_task

SOURCE = "source.json"
TEXT = """\
description = {description}
role = "guard"
form = "text"
metric = "byte_probability"
metrics = ["bits_per_byte", "perplexity"]
cases = {cases}
"""
READ = ("*.yaml", "*.yml", "*.py", "*.json", "*.jsonl", "*.csv", "*.parquet", "*.txt")
"""Files beside a YAML that its task may be made of."""


def load_guards(experiment: Experiment) -> list[Task]:
    """The guards of an experiment, written where they are not there yet.

    Raises:
        BadInput: as ``write_task``, for two of one name, or a text that is not there.
    """
    places: dict[Path, str] = {}
    for guard in experiment.guards:
        folder = experiment.home / "guards" / _name(guard)
        if folder in places:
            raise BadInput(
                f"{experiment.folder / experiment.file}: guards: {places[folder]!r} and {guard!r} have one name"
            )
        places[folder] = guard
        _write(folder, guard, experiment)
    return [load_task(folder) for folder in places]


def _write(folder: Path, guard: str, experiment: Experiment) -> None:
    path = experiment.folder / Path(guard).expanduser()
    if (is_prose(path) or is_yaml(path)) and not path.is_file():
        raise BadInput(f"{experiment.folder / experiment.file}: guards: {guard!r}: there is no such file")
    said = {"guard": guard, "items": experiment.guard_items, "content": _content(path)}
    try:
        if json.loads((folder / SOURCE).read_text(encoding="utf-8")) == said:
            return
    except (OSError, ValueError):
        pass
    draft = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.parent.mkdir(parents=True, exist_ok=True)
    if is_prose(path):
        _write_text(draft, path, folder)
    else:
        write_task(draft, str(path) if is_yaml(path) else guard, items=experiment.guard_items)
    (draft / SOURCE).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)


def _write_text(draft: Path, path: Path, folder: Path) -> None:
    draft.mkdir()
    description = f"How likely the passages of {path.name} are: what the base model found likely must stay so."
    cases = os.path.relpath(path, folder)
    text = TEXT.format(description=json.dumps(description, ensure_ascii=False), cases=json.dumps(cases))
    (draft / "suite.toml").write_text(text, encoding="utf-8")


def _content(path: Path) -> str:
    """Fingerprint of what a YAML's task is made of: the files beside it, and local ones that it names. Others have none: a text
    is read where it lies, and a task of lm-eval's own is fixed once it is written.
    """
    if not is_yaml(path):
        return ""
    beside = {found for pattern in READ for found in path.parent.glob(pattern)}
    return fingerprint(fingerprint_files(*sorted(beside | set(_named(path)))))


def _named(path: Path) -> Iterator[Path]:
    """Files whose paths stand in a YAML."""
    for word in re.findall(
        r"[^\s\"'\[\]{},]+\.(?:jsonl?|csv|parquet|txt)\b", path.read_text(encoding="utf-8", errors="replace")
    ):
        for found in (Path(word), path.parent / word):
            if found.is_file():
                yield found.resolve()


def _name(guard: str) -> str:
    """A suite's name: letters, digits, - and _, a letter first."""
    stem = Path(guard).stem if is_prose(Path(guard)) or is_yaml(Path(guard)) else guard
    name = re.sub(r"[^a-z0-9_-]+", "_", stem.lower()).strip("_")
    return name if name[:1].isalpha() else f"guard_{name}"
