"""lm-eval's sample logs: the ``samples_TASK_TIME.jsonl`` that ``--log_samples`` writes beside ``results_TIME.json``.

    {"doc_id": 0, "doc": {"id": "town-00", …}, "filter": "none", "metrics": ["acc", "acc_norm"], "doc_hash": "17b1…",
     "acc": 1.0, "acc_norm": 1.0, …}

``harness import lm-eval runs/ --map runs.toml --out rows.parquet`` reads a folder of them. A case is known by its
``doc_hash``, since ``doc_id`` is only a place in a list that another data file may not share. A metric is named as in
lm-eval's own results, ``exact_match,strict``, or without its filter where there is only one. lm-eval logs no errors
(a run that fails writes nothing), no tokens and no times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.declaration import read_jsonl
from harness.errors import BadInput
from harness.importers.answer import Answer, Keys, Logged, Tool, Value, value
from harness.importers.document import clean, digest, lookup, mapping, read_document

NAME = re.compile(r"samples_(?P<task>.+?)(_(?P<time>\d{4}-\d\d-\d\dT[\d.-]+))?\.jsonl")
SHA256 = re.compile("[0-9a-f]{64}")
OTHER = frozenset(
    [
        "doc_id",
        "doc",
        "target",
        "arguments",
        "resps",
        "filtered_resps",
        "filter",
        "metrics",
        "doc_hash",
        "prompt_hash",
        "target_hash",
    ]
)
"""Keys of a sample that are no metric; older logs have no list ``metrics``."""
ENOUGH = 16
"""Hex digits of a ``doc_hash`` that tell documents apart."""


def files(folder: Path) -> Iterator[Path]:
    """Sample logs under a folder."""
    return folder.rglob("samples_*.jsonl")


def read(path: Path, keys: Keys) -> Iterator[Logged]:
    """The one run in a sample log.

    Raises:
        BadInput: with file and line, when it is none.
    """
    named = NAME.fullmatch(path.name)
    results = _results(path, named["time"] if named else None)
    task = named["task"] if named else None
    higher = mapping(mapping(results, "higher_is_better"), task or "")
    answers = [_answer(sample, f"{path}:{line}", keys) for line, sample in read_jsonl(path)]
    metrics = {name for answer in answers for name in answer.scores}
    yield Logged(
        path=path.as_posix(),
        suite=task,
        labels={
            "path": (path.as_posix(),),
            "task": (task or path.stem,),
            "model": (clean(results.get("model_name") or ""),),
        },
        answers=answers,
        falling=frozenset(name for name in metrics if higher.get(name.split(",")[0]) is False),
    )


def _results(path: Path, time: str | None) -> dict[str, Any]:
    """The summary of the same run, where it still lies beside the samples."""
    beside = path.with_name(f"results_{time}.json")
    return read_document(beside) if time and beside.is_file() else {}


def _answer(sample: Mapping[str, Any], where: str, keys: Keys) -> Answer:
    if "doc" not in sample or "doc_id" not in sample:
        missing = "doc" if "doc_id" in sample else "doc_id"
        raise BadInput(f"{where}: {missing}: missing: this is no sample that lm-eval's --log_samples wrote")
    document = mapping(sample, "doc")
    content = clean(sample.get("doc_hash") or digest(sample["doc"]))
    content = content[:ENOUGH] if SHA256.fullmatch(content) else content
    return Answer(
        where=where,
        case=content if keys.case is None else lookup(keys.case, where, sample, document),
        content=content,
        scores=dict(_scores(sample)),
        cluster=None if keys.cluster is None else lookup(keys.cluster, where, document, sample),
    )


def _scores(sample: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    listed = sample.get("metrics")
    metrics = listed if isinstance(listed, list) else [name for name in sample if name not in OTHER]
    for metric in metrics:
        yield f"{clean(metric)},{clean(sample.get('filter', 'none'))}", value(sample.get(metric))


TOOL = Tool("lm-eval", ("path", "task", "model"), files, read, "run lm_eval with --log_samples --output_path FOLDER")
