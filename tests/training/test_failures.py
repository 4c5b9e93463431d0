"""What goes wrong while a training runs: numbers that are none, and a disk that fills. What was good before stays."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from harness.errors import HarnessError
from harness.training import train
from harness.training.checkpoint import last_checkpoint
from harness.trial import Step
from tests.models.tiny_models import build_tiny
from tests.training.test_training import job, same, weights


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("base") / "llama")


@pytest.fixture(scope="module")
def finished(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    asked = job(base, tmp_path_factory.mktemp("finished"))
    train(asked)
    return asked.out


def test_a_gradient_that_is_no_number(
    base: Path, tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It spoils the weights before any loss shows it: they are not saved, and the checkpoint before goes on once it is mended."""
    import torch
    from trl import SFTTrainer

    step, done = SFTTrainer.training_step, [0]

    def spoilt(trainer: Any, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        done[0] += 1
        loss = step(trainer, model, inputs, *rest, **named)
        if done[0] == 6:  # where a checkpoint is due
            next(p for p in model.parameters() if p.grad is not None).grad.fill_(float("nan"))
        return loss

    asked = job(base, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(SFTTrainer, "training_step", spoilt)
        with pytest.raises(HarnessError) as refused:
            train(asked)
    said = str(refused.value)
    assert said.startswith(
        "suite 'towns', candidate 'sft', seed 1000: the norm of the gradient of step 6 is nan: lower"
    )
    assert f"the last good checkpoint stays: {asked.work / 'checkpoint-3'}" in said
    assert [path.name for path in asked.work.glob("checkpoint-*")] == ["checkpoint-3"]
    assert all(bool(torch.isfinite(tensor).all()) for tensor in weights(asked.work / "checkpoint-3").values())
    train(asked)
    assert same(asked.out, finished)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file may be larger: the kernel refuses what is written beyond, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_during_a_checkpoint(base: Path, tmp_path: Path, finished: Path) -> None:
    asked, limit = job(base, tmp_path), room_for(30_000)

    def filling(step: Step) -> None:
        if step.step == 6:
            limit.__enter__()

    try:
        with pytest.raises(HarnessError) as refused:
            train(asked, filling)
    finally:
        limit.__exit__(None, None, None)
    said = str(refused.value)
    assert f"{asked.work / 'checkpoint-6'} could not be written (" in said
    assert "GiB are free there; make room and run again: it goes on from" in said
    assert said.endswith(str(asked.work / "checkpoint-3"))
    assert last_checkpoint(asked.work) == asked.work / "checkpoint-3"
    assert not (asked.work / "checkpoint-6").exists()
    train(asked)
    assert same(asked.out, finished)


@pytest.mark.exhaustive
def test_a_disk_that_fills_at_the_end(
    base: Path, tmp_path: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, write = job(base, tmp_path), Path.write_text

    def full(path: Path, *given: Any, **named: Any) -> int:
        if path.name == "training.json":
            write(path, "{", encoding="utf-8")
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        with pytest.raises(HarnessError, match=r"could not be written \(\[Errno 28\] No space left on device\): "):
            train(asked)
    assert not asked.out.exists()
    said: list[Step] = []
    train(asked, said.append)
    assert said == []  # all steps were done
    assert same(asked.out, finished)


def test_the_newest_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    for step in (3, 6, 9, 12):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "trainer_state.json").write_text("{}")
        (folder / "optimizer.json").write_text("{}")
    (tmp_path / "checkpoint-12" / "trainer_state.json").unlink()  # it is written last
    (tmp_path / "checkpoint-9" / "optimizer.json").write_text('{"cut')
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-6"
