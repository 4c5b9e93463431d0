"""A training by two processes on CPUs (gloo): as many updates of as many rows, about the same losses, and one adapter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.errors import BadInput, HarnessError
from harness.experiment import Model
from harness.recipe import Adapter, Recipe
from harness.training import Job, adapter_fingerprint, train
from harness.training.rows import Row
from harness.trial import Step, Training

pytest.importorskip("trl")
pytest.importorskip("peft")

from tests.models.tiny_models import build_tiny

ONE = Recipe(method="sft", learning_rate=1e-2, epochs=4, batch_size=4, save_steps=3, adapter=Adapter(rank=4))
TWO = ONE.model_copy(update={"processes": 2})
NAMES = ("Ada", "Otto", "Uma", "Mira")


def demonstrations(count: int = 16) -> tuple[Row, ...]:
    return tuple(
        {"prompt": f"label the message of {NAMES[i % 4]}" + " boats" * i, "completion": NAMES[i % 4]}
        for i in range(count)
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("base") / "llama")


def job(base: Path, home: Path, recipe: Recipe, **more: Any) -> Job:
    model = Model(id=str(base), quantization="none")
    rows = more.pop("rows", demonstrations())
    return Job("5f0c", model, recipe, "sft", "sums", 1, rows, home / "adapters/5f0c", threads=2, **more)


def curve(training: Training) -> list[float]:
    return [loss for _, loss, _, _ in training.losses]


@pytest.mark.exhaustive
def test_two_processes_train_as_one(base: Path, tmp_path: Path) -> None:
    told: list[Step] = []
    one = train(job(base, tmp_path / "one", ONE))
    two = train(job(base, tmp_path / "two", TWO), say=told.append)
    assert one.steps == two.steps == 16
    assert (one.rows_in, one.rows_kept, one.tokens) == (two.rows_in, two.rows_kept, two.tokens)
    assert [rate for _, _, rate, _ in one.losses] == [rate for _, _, rate, _ in two.losses]
    first, last = slice(0, 4), slice(12, 16)
    for part in (first, last):
        ours, theirs = curve(two)[part], curve(one)[part]
        assert sum(ours) / 4 == pytest.approx(sum(theirs) / 4, rel=0.1), "an epoch's mean: every row once"
    assert [step.step for step in told] == list(range(1, 17))
    assert sorted(path.name for path in (tmp_path / "two/adapters").iterdir()) == ["5f0c"]
    assert (tmp_path / "two/adapters/5f0c/adapter_model.safetensors").exists()


@pytest.mark.exhaustive
def test_dpo_s_first_loss_is_that_of_equal_models(base: Path, tmp_path: Path) -> None:
    rows = tuple({"prompt": r["prompt"], "chosen": r["completion"], "rejected": "red"} for r in demonstrations(8))
    recipe = TWO.model_copy(update={"method": "dpo", "from_base": True, "epochs": 1, "learning_rate": 1e-3})
    made = train(job(base, tmp_path, recipe, rows=rows, data="preferences"))
    assert made.steps == 2
    assert made.losses[0][1] == pytest.approx(0.6931, abs=1e-3)


@pytest.mark.exhaustive
def test_killed_it_goes_on_and_ends_as_it_would_have(base: Path, tmp_path: Path) -> None:
    """In the middle of the second epoch; nobody of the processes stays behind."""
    whole = train(job(base, tmp_path / "whole", TWO))
    killed = job(base, tmp_path / "killed", TWO)
    code = (
        "import pickle, sys\nfrom harness.training import train\n"
        "train(pickle.load(open(sys.argv[1], 'rb')), say=lambda step: print(step.step, flush=True))"
    )
    import pickle

    (tmp_path / "job").write_bytes(pickle.dumps(killed))
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "job")], stdout=subprocess.DEVNULL)
    while not list(killed.work.glob("checkpoint-6/trainer_state.json")):
        assert process.poll() is None
        time.sleep(0.05)
    ranks = _descendants(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(ranks) >= 3, "torchrun and two processes"
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in ranks):
        assert time.monotonic() < until, "somebody stayed behind"
        time.sleep(0.1)
    assert curve(train(killed)) == pytest.approx(curve(whole), rel=1e-5)


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in map(int, children) for one in (child, *_descendants(child))]


@pytest.mark.exhaustive
def test_what_is_wrong_is_said_once(base: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="training rows are longer than max_length of 8 tokens"):
        train(job(base, tmp_path, TWO.model_copy(update={"max_length": 8})))
    with pytest.raises(HarnessError, match=r"the loss of step \d+ is nan: lower learning_rate"):
        train(job(base, tmp_path / "b", TWO.model_copy(update={"learning_rate": 1e30, "warmup": 0.0, "epochs": 8})))


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"method": "kto", "processes": 2}, "method 'kto' trains in one process, only sft and dpo in several"),
        ({"method": "sft", "processes": 3}, "batch_size is 8, and processes 3: each takes the same share"),
    ],
)
def test_what_several_processes_cannot_do(recipe: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Recipe(**recipe)


def test_more_processes_than_gpus_are_refused(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.training.parallel.devices", lambda: ["0"])
    with pytest.raises(BadInput, match=r"processes = 2, and this cell sees 1 of the GPUs: ask for 2"):
        train(job(base, tmp_path, TWO))


def test_one_process_leaves_fingerprints_as_they_were() -> None:
    """Several change which rows are in one update, and with it the weights."""

    def of(recipe: Recipe) -> str:
        return adapter_fingerprint(model="m", recipe=recipe, rows=demonstrations(2), seed=1)

    assert of(ONE) == of(Recipe.model_validate({**json.loads(ONE.model_dump_json()), "processes": 1}))
    assert of(ONE) != of(TWO)
    assert replace(job(Path("/m"), Path("/h"), TWO)).recipe.processes == 2
