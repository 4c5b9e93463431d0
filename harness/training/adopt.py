"""Weights that were made elsewhere become a candidate's: an adapter, or a whole model, by path or Hub id, or by a command.

    [candidates.ours]
    method = "given"
    given = ["adapters/run-1", "adapters/run-2", "our-org/run-3"]     # one a training seed

    [candidates.axolotl]
    method = "external"                                               # runs in an environment of its own
    command = ["/opt/axolotl/bin/axolotl", "train", "{config}"]
    config = "recipes/axolotl.yaml"                                   # {model}, {rows}, {out} and {seed} in it are filled in

Only safetensors are taken: a pickle can run code when it is read.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import BadInput, HarnessError, need
from harness.experiment import Model
from harness.models.weights import content_of, identity, locate, refuse_foreign
from harness.training.job import Job, Say, examples, publish
from harness.trial import Training

ADAPTER, WHOLE = "adapter_config.json", "config.json"
LAST = 5
"""Lines of a failed command's log that are shown."""
KEPT = (
    ADAPTER,
    "adapter_model.safetensors",
    WHOLE,
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
)


def given(job: Job, say: Say) -> Training:
    """Take the weights that are named.

    Raises:
        BadInput: when they are not there, are pickled, or are neither adapter nor model.
    """
    folder = fetched(str(job.source), job.named)
    refuse_foreign(folder, identity(job.model), job.model.id)
    return _adopt(job, folder, seconds=0.0)


def external(job: Job, say: Say) -> Training:
    """Run the recipe's command, and take what it leaves in ``{out}``.

    Raises:
        BadInput: when the command is not there, or what it leaves is no adapter.
        HarnessError: when it fails; its log is kept.
    """
    started = time.perf_counter()
    out = job.work / "out"
    out.mkdir(parents=True, exist_ok=True)
    said = {"model": str(locate(job.model)), "rows": str(_write_rows(job)), "out": str(out), "seed": str(job.seed)}
    if job.source is not None:
        said["config"] = str(_filled(job.source, job.work, said))
    _run([part.format_map(_Known(said, job)) for part in job.recipe.command], job)
    return _adopt(job, out, seconds=time.perf_counter() - started)


def fetched(source: str, named: str) -> Path:
    """The folder of an adapter or model, by path, or from the Hub.

    Raises:
        BadInput: when it is in neither.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    hub = need("huggingface_hub", extra="train")
    try:
        return Path(hub.snapshot_download(source, allow_patterns=list(KEPT)))
    except Exception as error:  # the Hub's client raises its own, httpx's and the system's errors
        raise BadInput(
            f"{named}: given {source!r}: there is no such folder, and the Hub did not give it ({str(error).splitlines()[0][:160]})"
        ) from error


def content(source: str, named: str, *, model: Model, base: str) -> list[list[str]]:
    """[[name, digest], …] of the weights that are named, for their fingerprint; ``base`` is the hash of ``model``.

    Raises:
        BadInput: when they are not there, or their record says that they are another base's.
    """
    folder = _checked(fetched(source, named), named)
    refuse_foreign(folder, base, model.id)
    return content_of(folder)


class _Known(dict[str, str]):
    """What a command may name."""

    def __init__(self, said: Mapping[str, str], job: Job) -> None:
        super().__init__(said)
        self._job = job

    def __missing__(self, key: str) -> str:
        known = ", ".join(f"{{{name}}}" for name in self)
        raise BadInput(f"{self._job.named}: command: unknown {{{key}}}: {known} are filled in")


def _write_rows(job: Job) -> Path:
    """The training rows in the form that every tool reads: messages, one conversation a line."""
    path = job.work / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for example in examples(job):
            messages = [*example.messages, {"role": "assistant", "content": example.answers[0]}]
            row: dict[str, Any] = {"messages": messages}
            if len(example.answers) > 1:
                row = dict(zip(("chosen", "rejected"), ([_said(answer)] for answer in example.answers), strict=True))
                row = {"prompt": list(example.messages), **row}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def _said(answer: str) -> dict[str, str]:
    return {"role": "assistant", "content": answer}


def _filled(source: Path, folder: Path, said: Mapping[str, str]) -> Path:
    """The tool's own config; only our names are replaced, whatever other braces stand in it."""
    text = source.read_text(encoding="utf-8")
    for name, value in said.items():
        text = text.replace(f"{{{name}}}", value)
    path = folder / source.name
    path.write_text(text, encoding="utf-8")
    return path


def _run(command: list[str], job: Job) -> None:
    log = job.work / "log.txt"
    try:
        with log.open("wb") as file:
            ran = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise BadInput(f"{job.named}: command: {command[0]!r} cannot be run: {error.strerror}") from error
    if ran.returncode:
        last = " | ".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-LAST:])
        raise HarnessError(f"{job.named}: {command[0]!r} ended with exit code {ran.returncode} ({log}): {last}")


def _adopt(job: Job, folder: Path, *, seconds: float) -> Training:
    """Copy the weights to where candidates' adapters lie, whole or not at all."""
    _checked(folder, job.named)
    history = _history(folder)
    training = job.record(
        seconds=seconds,
        steps=max((step for step, *_ in history), default=0),
        losses=history,
        base=identity(job.model),
        notes=[f"weights made elsewhere: {job.source}" if job.recipe.method == "given" else "trained by a command"],
    )
    draft = job.work / "adopted"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for path in {path for pattern in KEPT for path in folder.glob(pattern)}:
        shutil.copyfile(path, draft / path.name)
    return publish(draft, job, training)


def _checked(folder: Path, named: str) -> Path:
    whole = (folder / WHOLE).is_file()
    if not whole and not (folder / ADAPTER).is_file():
        raise BadInput(f"{named}: {folder} holds neither {ADAPTER} nor {WHOLE}: it is no adapter and no model")
    if not any(folder.glob("*.safetensors")):
        raise BadInput(f"{named}: {folder} has no *.safetensors: save the weights again as safetensors, not pickled")
    return folder


def _history(folder: Path) -> list[tuple[int, float, float, float]]:
    """Losses that a trainer of the Transformers family has left; none where there are none."""
    found = [*folder.glob("trainer_state.json"), *folder.glob("checkpoint-*/trainer_state.json")]
    logged: list[dict[str, float]] = []
    for path in sorted(found, key=lambda path: path.stat().st_mtime)[-1:]:
        try:
            logged = json.loads(path.read_text(encoding="utf-8")).get("log_history", [])
        except (OSError, ValueError, AttributeError):
            continue
    numbers = [e for e in logged if "loss" in e and "step" in e]
    return [
        (int(e["step"]), float(e["loss"]), float(e.get("learning_rate", 0)), float(e.get("grad_norm", 0)))
        for e in numbers
    ]
