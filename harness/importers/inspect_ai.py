"""inspect_ai's logs, ``.eval`` and ``.json``, read as the files they are: inspect_ai itself is not needed.

    {"id": "town-03", "epoch": 1, "scores": {"match": {"value": "C"}}, "model_usage": {"vllm/sft-0": {"input_tokens": 20, …}},
     "total_time": 0.5, "working_time": 0.5, "error": null, …}                    one member of summaries.json

``harness import inspect logs/ --map runs.toml --out rows.parquet`` reads a folder of them. An ``.eval`` log is a ZIP whose
``summaries.json`` has everything a row needs without the transcripts, so that a log of gigabytes is read in megabytes, and
a log that was cut off is read from its journal. Epochs are repeats. The letters C, I, P and N are 1, 0, 0.5 and 0 as in
inspect_ai. What failed, was invalidated, was not scored, or is planned in the header and not there has an error, not a zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.importers.answer import Answer, Keys, Logged, Tool, Unmeasured, Value, brief, usage, value
from harness.importers.archive import Archive
from harness.importers.document import clean, lookup, mapping, part, read_document

STAMPED = re.compile(r"\d{4}-\d\d-\d\dT.*\.json")
"""A folder of logs may hold other JSON; a log's name begins with its time."""
LETTERS: Mapping[str, float] = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
WORDS: Mapping[str, float] = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
MOST_PLANNED = 10_000_000
SUMMARIES, JOURNAL, SAMPLES = "summaries.json", "_journal/summaries/", "samples/"

Sample = Mapping[str, Any]


def files(folder: Path) -> Iterator[Path]:
    """Logs under a folder."""
    yield from folder.rglob("*.eval")
    yield from (path for path in folder.rglob("*.json") if STAMPED.fullmatch(path.name))


def read(path: Path, keys: Keys) -> Iterator[Logged]:
    """The one run in a log.

    Raises:
        BadInput: with file and key, when it is none.
    """
    header, samples = _json(path) if path.suffix == ".json" else _eval(path)
    spec = part(header, "eval", str(path), dict)
    model = clean(part(spec, "model", str(path), str))
    graders = _Graders(header, model)
    found = [_answer(sample, f"{path}: sample {number}", keys, graders) for number, sample in enumerate(samples, 1)]
    task = clean(part(spec, "task", str(path), str))
    yield Logged(
        path=path.as_posix(),
        suite=task,
        labels={
            "path": (path.as_posix(),),
            "task": (task,),
            "model": (model,),
            "args": tuple(f"{name}={clean(given)}" for name, given in mapping(spec, "task_args").items()),
            "tag": tuple(map(clean, _list(header, "tags") or _list(spec, "tags"))),
        },
        answers=[*found, *_absent(header, found, path, keys)],
    )


def _json(path: Path) -> tuple[Sample, Iterable[Sample]]:
    document = read_document(path)
    return document, _objects(part(document, "samples", str(path), list), str(path))


def _eval(path: Path) -> tuple[Sample, Iterable[Sample]]:
    """Header and samples' summaries; the samples themselves only where summaries cannot say what is asked."""
    with Archive(path) as archive:
        if "header.json" in archive:
            header = archive.json("header.json")
        elif "_journal/start.json" in archive:
            header = {"status": "started", **archive.json("_journal/start.json")}
        else:
            raise BadInput(f"{path}: neither header.json nor _journal/start.json inside: not an inspect_ai log")
        members = archive.names(SAMPLES) if header.get("invalidated") else []
        if members:
            samples = [archive.json(name) for name in members]
        elif SUMMARIES in archive:
            samples = _objects(archive.json(SUMMARIES, list), f"{path}: {SUMMARIES}")
        else:
            parts = sorted(archive.names(JOURNAL), key=lambda name: (len(name), name))
            samples = [one for name in parts for one in _objects(archive.json(name, list), f"{path}: {name}")]
    return header, {(str(one.get("id")), str(one.get("epoch"))): one for one in samples}.values()


def _list(owner: Sample, key: str) -> list[Any]:
    found = owner.get(key)
    return found if isinstance(found, list) else []


def _objects(samples: list[Any], where: str) -> list[Sample]:
    for number, sample in enumerate(samples, 1):
        if not isinstance(sample, dict):
            raise BadInput(f"{where}: sample {number}: given {brief(sample, 60)!r}: it must be a JSON object")
    return samples


class _Graders:
    """Which metrics a model graded, and whether the log can tell its tokens and seconds from the answers'."""

    def __init__(self, header: Sample, model: str) -> None:
        spec = mapping(header, "eval")
        role = mapping(mapping(spec, "model_roles"), "grader")
        self.model = model
        self.apart = role.get("model", model) != model

    def grade(self, sample: Sample) -> frozenset[str]:
        """Scorers that asked a model: by name, by the grading they keep, or all of them if a grader was at work."""
        scores = mapping(sample, "scores")
        known = {n for n in scores if "model_graded" in n or "grading" in mapping(mapping(scores, n), "metadata")}
        return frozenset(known or (scores if "grader" in mapping(sample, "role_usage") else ()))

    def usage(self, sample: Sample) -> dict[str, float]:
        """Of the answering model alone; what is mixed up with a grader's is not reported."""
        graded = bool(self.grade(sample))
        used = mapping(mapping(sample, "model_usage"), self.model)
        if not used or (graded and not self.apart):
            tokens: dict[str, float] = {}
        else:
            parts = [used.get(f"input_tokens{kind}") or 0 for kind in ("", "_cache_read", "_cache_write")]
            prompt = sum(parts) if all(isinstance(number, int) for number in parts) else None
            tokens = usage(prompt_tokens=prompt, output_tokens=used.get("output_tokens"), cost=used.get("total_cost"))
        seconds = sample.get("working_time", sample.get("total_time"))
        return tokens if graded else {**tokens, **usage(seconds=seconds)}


def _answer(sample: Sample, where: str, keys: Keys, graders: _Graders) -> Answer:
    name = lookup("id", where, sample)
    epoch = sample.get("epoch", 1)
    if not isinstance(epoch, int) or not 0 < epoch < 2**31:
        raise BadInput(f"{where}: epoch: given {brief(repr(epoch), 60)}: it must be a whole number from 1")
    where = f"{where} ({brief(name, 60)!r}, epoch {epoch})"
    metadata = mapping(sample, "metadata")
    scores = dict(_scores(mapping(sample, "scores"), where))
    error = _error(sample) or (None if scores else "not scored")
    judges = graders.grade(sample)
    return Answer(
        where=where,
        case=name if keys.case is None else lookup(keys.case, where, metadata, sample),
        content=name,
        scores={} if error else scores,
        error=error,
        repeat=epoch - 1,
        cluster=None if keys.cluster is None else lookup(keys.cluster, where, metadata, sample),
        usage=graders.usage(sample),
        judged=frozenset(metric for metric in scores if metric in judges or metric.rpartition(".")[0] in judges),
    )


def _error(sample: Sample) -> str | None:
    """Why a sample counts for nothing: it failed (a text in a summary, an object in a sample), or was invalidated."""
    failed = sample.get("error")
    if failed:
        return brief(failed.get("message") if isinstance(failed, dict) else failed) or "failed"
    invalid = sample.get("invalidation")
    if invalid:
        return brief(f"invalidated: {mapping(sample, 'invalidation').get('reason')}")
    return None


def _scores(scores: Mapping[str, Any], where: str) -> Iterator[tuple[str, Value]]:
    """``scorer``, or ``scorer.key`` for a scorer whose value has several parts."""
    for scorer in scores:
        score = part(scores, scorer, f"{where}: scores", dict)
        given = score.get("value")
        parts = given.items() if isinstance(given, dict) else [(None, given)]
        for key, one in parts:
            found = _value(one)
            reason = score.get("reason") or mapping(score, "metadata").get("unscored_reason")
            if isinstance(found, Unmeasured) and reason:
                found = Unmeasured(brief(f"not scored: {reason}"))
            yield clean(scorer if key is None else f"{scorer}.{key}"), found


def _value(given: Any) -> Value:
    if isinstance(given, str):
        known = LETTERS.get(given, WORDS.get(given.lower()))
        if known is not None:
            return known
        try:
            return value(float(given))
        except ValueError:
            pass
    return value(given)


def _absent(header: Sample, found: list[Answer], path: Path, keys: Keys) -> Iterator[Answer]:
    """What was planned and is not in the log, if that says what was: the run failed, was cancelled or was cut off."""
    spec = mapping(header, "eval")
    planned = _list(mapping(spec, "dataset"), "sample_ids")
    epochs = mapping(spec, "config").get("epochs") or 1
    if header.get("status") == "success" or not isinstance(epochs, int):
        return
    if len(planned) * epochs > MOST_PLANNED:
        raise BadInput(f"{path}: eval: plans {len(planned)} samples in {epochs} epochs: more than can be imported")
    there = {(answer.content, answer.repeat) for answer in found}
    known = {answer.content: (answer.case, answer.cluster) for answer in found}
    status = brief(repr(header.get("status")), 40)
    for name, epoch in product(map(clean, planned), range(epochs)):
        if (name, epoch) in there:
            continue
        where = f"{path}: sample {brief(name, 60)!r}"
        if name not in known and keys != Keys():
            raise BadInput(
                f"{where} is not in the log (status {status}), so its case id and cluster are not known: "
                "finish the log with `inspect eval-retry`, or leave out --case-id and --cluster"
            )
        case, cluster = known.get(name, (name, None))
        yield Answer(where, case, name, {}, f"not in the log (status {status})", epoch, cluster)


TOOL = Tool(
    "inspect",
    ("path", "task", "model", "args", "tag"),
    files,
    read,
    "an inspect_ai log is an .eval file, or a .json file of --log-format json",
)
