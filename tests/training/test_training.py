"""Trainings of a random model: the record, equal curves, kills, rows too long, and DPO's reference."""

from __future__ import annotations

import json
import math
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput, HarnessError
from harness.experiment import Model
from harness.recipe import Adapter, Recipe
from harness.training import Job, train
from harness.training.rows import Row
from harness.trial import Step

pytest.importorskip("trl")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from tests.models.tiny_models import KINDS, build_tiny

RECIPE = Recipe(
    method="sft", learning_rate=1e-2, epochs=4, batch_size=4, save_steps=3, max_length=120, adapter=Adapter(rank=4)
)
DPO = RECIPE.model_copy(update={"method": "dpo", "start_from": "sft", "learning_rate": 1e-3})
NAMES = ("Ada", "Otto", "Uma", "Mira")


def demonstrations(count: int = 10) -> tuple[Row, ...]:
    """Notes of different lengths."""
    return tuple(
        {"prompt": f"label the message of {NAMES[i % 4]}" + " boats" * i, "completion": NAMES[i % 4]}
        for i in range(count)
    )


def preferences(count: int = 10) -> tuple[Row, ...]:
    return tuple(
        {"prompt": row["prompt"], "chosen": row["completion"], "rejected": "the old red lighthouse"}
        for row in demonstrations(count)
    )


PAIRS: dict[str, Any] = {"rows": preferences(), "data": "preferences"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("base") / "llama")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home") / "adapters"


@pytest.fixture(scope="module")
def sft(base: Path, home: Path) -> Any:
    """A finished SFT training, and the job that made it."""
    asked = job(base, home)
    return asked, train(asked)


def job(base: Path, home: Path, **changes: Any) -> Job:
    name = changes.pop("adapter", "sft")
    made = Job(
        adapter=name,
        model=Model(id=str(base)),
        recipe=RECIPE,
        recipe_name="sft",
        suite="towns",
        seed=1000,
        rows=demonstrations(),
        out=home / name,
        threads=1,
    )
    return replace(made, **changes)


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "adapter_model.safetensors")


def same(first: Path, second: Path) -> bool:
    import torch

    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_record(sft: Any) -> None:
    asked, training = sft
    assert (training.adapter, training.recipe, training.suite, training.seed) == ("sft", "sft", "towns", 1000)
    assert training.path == str(asked.out)
    assert (training.rows_in, training.rows_kept) == (10, 10)
    assert training.steps == 12  # 10 rows in batches of 4, 4 times
    assert [loss[0] for loss in training.losses] == list(range(1, 13))
    assert training.losses[-1][1] < training.losses[0][1] / 2
    assert training.losses[0][2] == 0
    assert max(loss[2] for loss in training.losses) == pytest.approx(1e-2, rel=0.1)
    assert all(math.isfinite(number) for loss in training.losses for number in loss)
    assert {"torch", "trl", "peft", "transformers"} <= training.versions.keys()
    assert training.seconds > 0
    assert training.tokens > 0


def test_folder(sft: Any) -> None:
    asked, training = sft
    assert sorted(p.name for p in asked.out.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
    ]
    assert not asked.work.exists()
    assert json.loads((asked.out / "training.json").read_text())["losses"] == [list(loss) for loss in training.losses]
    config = json.loads((asked.out / "adapter_config.json").read_text())
    assert len({name.rpartition(".")[2] for name in config["target_modules"]}) == 7
    assert {tensor.dtype.__str__() for tensor in weights(asked.out).values()} == {"torch.float32"}


def test_finished_is_not_trained_again(sft: Any) -> None:
    asked, training = sft
    said: list[int] = []
    assert train(asked, lambda step: said.append(step.step)) == training
    assert said == []


def test_same_seed_same_weights_and_progress(sft: Any, base: Path, home: Path) -> None:
    asked, training = sft
    said: list[Any] = []
    again = job(base, home, adapter="again")
    repeated = train(again, said.append)
    assert same(asked.out, again.out)
    told = [(step.step, step.loss, step.learning_rate, step.gradient) for step in said]
    assert told == training.losses
    assert all(step.total == 12 and step.speed > 0 for step in said)
    assert min(step.speed for step in said) <= repeated.speed <= max(step.speed for step in said)
    other = job(base, home, adapter="other", seed=1001)
    assert train(other).losses != repeated.losses
    assert not same(asked.out, other.out)


def test_job_can_be_sent(base: Path, home: Path) -> None:
    asked = job(base, home)
    assert pickle.loads(pickle.dumps(asked)) == asked


def test_nf4_and_unpacked_weights_give_one_curve_even_after_an_evaluation(sft: Any, base: Path, home: Path) -> None:
    """The fast path of a CPU trains what NF4 trains; and a forward in eval mode leaves NF4 weights as they were."""
    import torch

    from harness.training import sft as method
    from harness.training.session import Session

    _, training = sft
    asked = job(base, home, adapter="nf4")
    session = Session(asked, lambda *_: None, unpack=False)
    load = session.base

    def evaluated() -> Any:
        model = load()
        with torch.no_grad():
            model.eval()(torch.arange(5, 60)[None])
        return model

    session.base = evaluated  # type: ignore[method-assign]
    packed = session.run(lambda: method._trainer(session))
    for ours, theirs in zip(training.losses, packed.losses, strict=True):
        assert ours[1] == pytest.approx(theirs[1], rel=1e-5)


KILLED = """
import os, pickle, signal, sys
from harness.training import train

def say(step):
    if step.step == 8:
        os.kill(os.getpid(), signal.SIGKILL)

train(pickle.load(open(sys.argv[1], "rb")), say)
"""


def test_killed_and_resumed_ends_with_the_same_weights(sft: Any, base: Path, home: Path, tmp_path: Path) -> None:
    finished, training = sft
    asked = job(base, home, adapter="killed")
    (tmp_path / "job").write_bytes(pickle.dumps(asked))
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "job")], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert not asked.out.exists()
    (asked.work / "checkpoint-9").mkdir()  # as if killed while it was being written
    said: list[int] = []
    resumed = train(asked, lambda step: said.append(step.step))
    assert said == list(range(7, 13))
    assert resumed.losses == training.losses
    assert same(finished.out, asked.out)
    assert not asked.work.exists()


def test_killed_when_all_steps_are_done(sft: Any, base: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.training import session

    finished, training = sft
    asked = job(base, home, adapter="late")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(session, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            train(asked)
    assert train(asked).losses == training.losses
    assert same(finished.out, asked.out)


def test_rows_too_long_are_refused_before_training(base: Path, home: Path) -> None:
    rows = (*demonstrations(3), {"prompt": "boats " * 30, "completion": "Ada"})
    asked = job(base, home, adapter="long", rows=rows)
    with pytest.raises(BadInput) as refused:
        train(asked)
    message = str(refused.value)
    assert message.startswith(
        "suite 'towns', candidate 'sft', seed 1000: 1 of 4 training rows are longer than max_length"
    )
    for part in ("of 120 tokens", "allows 0%", "(row 4)", "raise max_length to", "max_dropped = 0.25"):
        assert part in message
    allowed = RECIPE.model_copy(update={"max_dropped": 0.25, "epochs": 1})
    training = train(replace(asked, recipe=allowed))
    assert (training.rows_in, training.rows_kept) == (4, 3)


def test_no_row_fits(base: Path, home: Path) -> None:
    recipe = RECIPE.model_copy(update={"max_length": 5, "max_dropped": 0.99})
    with pytest.raises(BadInput, match="10 of 10 training rows are longer than max_length of 5 tokens"):
        train(job(base, home, adapter="none", recipe=recipe))


def test_no_rows(base: Path, home: Path) -> None:
    with pytest.raises(BadInput, match="there are no training rows"):
        train(job(base, home, adapter="empty", rows=()))


def test_replay_is_mixed_in(base: Path, home: Path) -> None:
    recipe = RECIPE.model_copy(update={"replay": 0.5, "replay_file": "r.jsonl", "epochs": 1})
    general = tuple({"prompt": f"which city {name}", "completion": "Mira"} for name in NAMES * 3)
    training = train(job(base, home, adapter="replay", recipe=recipe, replay=general, system="label"))
    assert training.rows_in == 15


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "llama"] + ["bare"])
def test_other_families_learn(kind: str, home: Path, tmp_path: Path) -> None:
    path = build_tiny("llama" if kind == "bare" else kind, tmp_path / kind, chat_template=kind != "bare")
    recipe = RECIPE.model_copy(update={"epochs": 2, "max_length": 160})
    training = train(job(path, home, adapter=kind, recipe=recipe, system="label"))
    assert training.losses[-1][1] < training.losses[0][1]


def test_learns_to_answer_and_to_stop(base: Path, home: Path) -> None:
    """What is trained is what answers: the same template, and the end of the answer is in the loss."""
    from harness.models.local import Local
    from harness.trial import Trial

    recipe = RECIPE.model_copy(update={"epochs": 100, "adapter": Adapter(rank=16)})
    rows = tuple({"prompt": f"the boats of {name}", "completion": name} for name in NAMES)
    training = train(job(base, home, adapter="learnt", rows=rows, recipe=recipe, system="label"))
    assert training.losses[-1][1] < 0.05
    asked = [
        Trial(
            id=row["prompt"],
            suite="towns",
            contender="sft",
            technique="tune",
            model="m",
            case_id=row["prompt"],
            split="test",
            cluster="",
            messages=({"role": "system", "content": "label"}, {"role": "user", "content": row["prompt"]}),
            max_new_tokens=8,
            adapter="learnt",
        )
        for row in rows
    ]
    given = [g for batch in Local(Model(id=str(base)), home=home.parent).generate(asked) for g in batch]
    assert {g.trial_id.rpartition(" ")[2]: (g.text, g.finish) for g in given} == {n: (n, "stop") for n in NAMES}


def test_dpo_starts_from_the_sft_adapter(sft: Any, base: Path, home: Path) -> None:
    started, _ = sft
    asked = job(base, home, adapter="dpo", recipe=DPO, **PAIRS, start_from=started.out)
    training = train(asked)
    assert training.losses[0][1] == pytest.approx(math.log(2), abs=1e-4)
    assert training.losses[-1][1] < math.log(2)
    assert sorted(p.name for p in asked.out.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
    ]
    assert weights(asked.out).keys() == weights(started.out).keys()
    assert not same(asked.out, started.out)
    assert (training.rows_in, training.steps) == (10, 12)

    interrupted = replace(asked, adapter="dpo2", out=home / "dpo2")

    def stop(step: Step) -> None:
        if step.step == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(interrupted, stop)
    assert train(interrupted).losses == training.losses
    assert same(asked.out, interrupted.out)


def test_dpo_refuses_a_start_that_is_not_there(base: Path, home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no adapter in"):
        train(job(base, home, adapter="orphan", recipe=DPO, **PAIRS, start_from=tmp_path))


def test_dpo_refuses_a_base_that_was_never_tuned_to_chat(home: Path, tmp_path: Path) -> None:
    bare = build_tiny("llama", tmp_path / "bare", chat_template=False)
    asked = job(bare, home, adapter="bare-dpo", recipe=DPO.model_copy(update={"epochs": 1}), **PAIRS)
    with pytest.raises(BadInput, match="has no chat template, so it was never instruction-tuned: name start_from"):
        train(asked)
    told = replace(asked, recipe=asked.recipe.model_copy(update={"from_base": True}))
    assert train(told).losses[0][1] == pytest.approx(math.log(2), abs=1e-4)


def test_a_memory_too_small_halves_the_batch(base: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from trl import SFTTrainer

    step, sizes = SFTTrainer.training_step, list[int]()

    def small(trainer: Any, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        sizes.append(len(inputs["input_ids"]))
        if len(inputs["input_ids"]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return step(trainer, model, inputs, *rest, **named)

    monkeypatch.setattr(SFTTrainer, "training_step", small)
    training = train(job(base, home, adapter="small", recipe=RECIPE.model_copy(update={"epochs": 1})))
    assert sizes == [4, 2, 2, 2, 2, 2]
    assert training.steps == 3
    assert training.notes == [
        "out of memory: trained in batches of 2 with 2 accumulated, the same rows an update",
    ]
    monkeypatch.setattr(
        SFTTrainer, "training_step", lambda *_, **__: (_ for _ in ()).throw(torch.OutOfMemoryError("x"))
    )
    with pytest.raises(HarnessError, match="out of memory with batches of 1: lower max_length"):
        train(job(base, home, adapter="smaller"))


def test_dpo_with_a_wrong_reference_is_stopped(
    sft: Any, base: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.training import dpo

    started, _ = sft
    made = dpo._trainer

    def spoilt(session: Any) -> Any:
        trainer = made(session)
        for name, parameter in trainer.model.named_parameters():
            if ".ref." in name:
                parameter.data.zero_()
        return trainer

    monkeypatch.setattr(dpo, "_trainer", spoilt)
    with pytest.raises(HarnessError, match=r"instead of ln 2 = 0.6931: the reference is not"):
        train(job(base, home, adapter="wrong", recipe=DPO, **PAIRS, start_from=started.out))


def test_loss_that_is_no_number(base: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.training import sft as method

    made = method._trainer

    def spoilt(session: Any) -> Any:
        trainer = made(session)
        for parameter in trainer.model.parameters():
            parameter.data.fill_(float("nan"))
        return trainer

    monkeypatch.setattr(method, "_trainer", spoilt)
    with pytest.raises(HarnessError, match="the loss of step 1 is nan: lower learning_rate"):
        train(job(base, home, adapter="nan"))
    tried = replace(job(base, home, adapter="tried"), tried=True)
    training = train(tried)
    assert training.diverged, "of what a search tries, that is an answer"
    assert (training.steps, tried.finished, train(tried)) == (0, True, training)
    assert not list(tried.out.glob("adapter_*"))


def test_packed_rows_give_the_same_losses(sft: Any, base: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of a packed batch sees itself alone: its losses are those of padded rows, up to rounding."""
    from trl import SFTTrainer

    _, training = sft
    step, shapes = SFTTrainer.training_step, list[Any]()

    def seen(trainer: Any, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        shapes.append((len(inputs["input_ids"]), int((inputs["position_ids"] == 0).sum())))
        return step(trainer, model, inputs, *rest, **named)

    monkeypatch.setattr(SFTTrainer, "training_step", seen)
    packed = train(job(base, home, adapter="packed", recipe=RECIPE.model_copy(update={"packing": True})))
    assert sorted(set(shapes)) == [(1, 2), (1, 4)]  # four rows in one, and two in the last batch of an epoch
    for ours, theirs in zip(packed.losses, training.losses, strict=True):
        assert ours[1] == pytest.approx(theirs[1], rel=1e-4)


def test_nothing_is_printed(base: Path, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train(job(base, home, adapter="silent", recipe=RECIPE.model_copy(update={"epochs": 1})))
    assert capfd.readouterr() == ("", "")
