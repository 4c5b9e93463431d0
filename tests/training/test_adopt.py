"""Weights of elsewhere as candidates: given by path, or left by a command in an environment of its own."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput, HarnessError
from harness.recipe import Recipe
from harness.training import train

pytest.importorskip("peft")

from tests.models.tiny_models import build_tiny
from tests.training.test_training import RECIPE, demonstrations, job, same

TOOL = """
import json, shutil, sys
rows, out, made, seed = sys.argv[1:5]
lines = [json.loads(line) for line in open(rows)]
assert lines[0]["messages"][-1]["role"] == "assistant"
config = json.load(open(sys.argv[5]))
assert config["seed"] == seed and config["keep"] == {"other": "{braces}"}
for name in ("adapter_config.json", "adapter_model.safetensors"):
    shutil.copy(f"{made}/{name}", out)
state = {"log_history": [{"step": 1, "loss": 2.5, "learning_rate": 1e-3, "grad_norm": 1.0}, {"step": 2, "loss": 1.5}]}
json.dump(state, open(f"{out}/trainer_state.json", "w"))
print("trained on", len(lines))
sys.exit(3 if config.get("fail") else 0)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A base model, and an adapter of it that was trained here."""
    folder = tmp_path_factory.mktemp("elsewhere")
    base = build_tiny("llama", folder / "llama")
    one = job(base, folder / "adapters", recipe=RECIPE.model_copy(update={"epochs": 1}))
    train(one)
    return one


def external(made: Any, tmp_path: Path, config: dict[str, Any], *command: str) -> Any:
    (tmp_path / "tool.py").write_text(TOOL)
    (tmp_path / "config.json").write_text(json.dumps({"seed": "{seed}", "keep": {"other": "{braces}"}, **config}))
    asked = command or ("{rows}", "{out}", str(made.out), "{seed}", "{config}")
    recipe = Recipe(
        method="external", command=(sys.executable, str(tmp_path / "tool.py"), *asked), config="config.json"
    )
    return replace(made, adapter="ext", recipe=recipe, out=tmp_path / "ext", source=tmp_path / "config.json")


def test_a_command_makes_a_candidate(made: Any, tmp_path: Path) -> None:
    one = external(made, tmp_path, {})
    training = train(one)
    assert same(one.out, made.out)
    assert (training.steps, training.losses[0]) == (2, (1, 2.5, 1e-3, 1.0))
    assert training.seconds > 0
    assert training.base
    assert not one.work.exists()
    assert train(one) == training


def test_a_command_that_fails(made: Any, tmp_path: Path) -> None:
    one = external(made, tmp_path, {"fail": True})
    with pytest.raises(HarnessError, match=r"ended with exit code 3 \(.*log.txt\): trained on 10"):
        train(one)
    assert not one.out.exists()
    with pytest.raises(
        BadInput, match=r"command: unknown \{rowz\}: \{model\}, \{rows\}, \{out\}, \{seed\}, \{config\}"
    ):
        train(external(made, tmp_path, {}, "{rowz}"))
    gone = Recipe(method="external", command=("/no/such/tool",))
    with pytest.raises(BadInput, match="'/no/such/tool' cannot be run"):
        train(replace(one, recipe=gone, source=None))
    idle = Recipe(method="external", command=(sys.executable, "-c", "pass"))
    with pytest.raises(BadInput, match=r"holds neither adapter_config\.json nor config\.json"):
        train(replace(one, recipe=idle, source=None, out=tmp_path / "idle"))


def test_given_weights(made: Any, tmp_path: Path) -> None:
    recipe = Recipe(method="given", given=(str(made.out),))
    one = replace(made, adapter="given", recipe=recipe, out=tmp_path / "given", source=made.out)
    training = train(one)
    assert same(one.out, made.out)
    assert training.notes == [f"weights made elsewhere: {made.out}"]
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    shutil.copy(made.out / "adapter_config.json", pickled)
    (pickled / "adapter_model.bin").write_bytes(b"x")
    with pytest.raises(BadInput, match="save the weights again as safetensors"):
        train(replace(one, out=tmp_path / "p", source=pickled))
    with pytest.raises(BadInput, match="'no/such-adapter': there is no such folder, and the Hub did not give it"):
        train(replace(one, out=tmp_path / "p", source=Path("no/such-adapter")))


def test_a_candidate_of_given_weights_is_in_the_matrix(made: Any, tmp_path: Path) -> None:
    """Two folders are two training seeds; what lies in them is their identity."""
    from harness.experiment import load_experiment
    from harness.matrix import expand

    suite = tmp_path / "suites" / "towns"
    suite.mkdir(parents=True)
    (suite / "suite.toml").write_text('metric = "exact_match"\ntrain = "train.jsonl"\n')
    (suite / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in demonstrations()))
    (suite / "cases.jsonl").write_text('{"id": "1", "input": "q", "reference": "a"}\n')
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "zero_shot.toml").write_text('technique = "prompt"\n')
    for name in ("one", "two"):
        shutil.copytree(made.out, tmp_path / name)
    (tmp_path / "two" / "adapter_config.json").write_text((made.out / "adapter_config.json").read_text() + " ")
    (tmp_path / "experiment.toml").write_text(
        f'models = ["{made.model.id}"]\nsuites = ["suites/towns"]\n'
        '[candidates.ours]\nmethod = "given"\ngiven = ["one", "two"]\n'
    )
    matrix = expand(load_experiment(tmp_path / "experiment.toml"))
    tuned = [cell for cell in matrix.cells if cell.contender.tuned]
    assert [cell.seed for cell in tuned] == [1000, 1001]
    assert len({job.adapter for job in matrix.jobs}) == 2
    before = {job.adapter for job in matrix.jobs}
    (tmp_path / "two" / "adapter_config.json").write_text("{}")
    assert len(before & {job.adapter for job in expand(load_experiment(tmp_path / "experiment.toml")).jobs}) == 1
    record = json.loads((made.out / "training.json").read_text())
    (tmp_path / "two" / "training.json").write_text(json.dumps({**record, "base": "0" * 20}))
    with pytest.raises(
        BadInput, match=r"adapter two in .* was trained on other weights than model .* has now \(0{20}, not"
    ):
        expand(load_experiment(tmp_path / "experiment.toml"))
    shutil.rmtree(tmp_path / "two")
    with pytest.raises(BadInput, match=r"candidates\.ours\.given: given 'two'"):
        expand(load_experiment(tmp_path / "experiment.toml"))
