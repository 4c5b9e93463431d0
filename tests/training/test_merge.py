"""Adapters merged into one: what `cat` keeps, what must be equal, and a merge in the matrix."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.experiment import load_experiment
from harness.matrix import expand
from harness.recipe import Adapter, Recipe
from harness.store import open_store
from harness.todo import missing
from harness.training import Job, train

pytest.importorskip("trl")
pytest.importorskip("peft")

from tests.models.tiny_models import build_tiny
from tests.training.test_training import RECIPE, demonstrations, job


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Job]:
    """Two adapters of rank 4, and one of rank 2."""
    folder = tmp_path_factory.mktemp("merge")
    base = build_tiny("llama", folder / "llama")
    made = []
    for name, rank, rows in (("a", 4, demonstrations()), ("b", 4, demonstrations(6)), ("c", 2, demonstrations(8))):
        recipe = RECIPE.model_copy(update={"epochs": 2, "adapter": Adapter(rank=rank)})
        made.append(job(base, folder / "home" / "adapters", adapter=name, recipe=recipe, rows=rows))
        train(made[-1])
    return made


def merged(parts: list[Job], name: str, **changes: Any) -> Job:
    recipe = Recipe.model_validate({"method": "merge", "parts": [f"{part.adapter}@towns" for part in parts], **changes})
    out = parts[0].out.with_name(name)
    return replace(parts[0], adapter=name, recipe=recipe, out=out, parts=tuple(part.out for part in parts), rows=())


def logits(one: Job) -> Any:
    import torch

    from harness.models.local import Local

    local = Local(one.model, home=one.out.parent.parent)
    with torch.no_grad(), local.wearing(one.adapter) as model:
        return model(torch.arange(5, 40)[None]).logits


def delta(one: Job) -> dict[str, Any]:
    """What an adapter adds to each weight."""
    from safetensors.torch import load_file

    config = json.loads((one.out / "adapter_config.json").read_text())
    found = load_file(one.out / "adapter_model.safetensors")
    names = sorted(name.removesuffix(".lora_A.weight") for name in found if name.endswith("lora_A.weight"))
    scale = config["lora_alpha"] / config["r"]
    return {n: scale * found[f"{n}.lora_B.weight"] @ found[f"{n}.lora_A.weight"] for n in names}


def test_cat_adds_what_each_part_does(parts: list[Job]) -> None:
    import torch

    one = merged([parts[0], parts[2]], "cat", weights=[0.5, 2.0])
    training = train(one)
    assert training.notes == ["merged by cat from a@towns, c@towns"]
    ours, first, second = delta(one), delta(parts[0]), delta(parts[2])
    assert ours.keys() == first.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, 0.5 * first[name] + 2.0 * second[name], atol=1e-5, rtol=1e-4)
    assert (logits(one) - logits(parts[0])).abs().max() > 0.01
    assert train(one) == training


@pytest.mark.parametrize("combination", ["svd", "linear", "ties", "dare_ties", "ties_svd", "dare_ties_svd"])
def test_every_combination(combination: str, parts: list[Job]) -> None:
    one, again = (merged(parts[:2], f"{combination}{n}", combination=combination) for n in (1, 2))
    train(one)
    train(again)
    assert logits(one).equal(logits(again))


def test_unequal_ranks(parts: list[Job], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'ties' needs equal ranks, and a@towns has 4, c@towns has 2: take 'cat'"):
        train(merged([parts[0], parts[2]], "unequal", combination="ties"))
    gone = replace(merged(parts[:2], "gone"), parts=(parts[0].out, tmp_path))
    with pytest.raises(BadInput, match="there is no LoRA adapter in"):
        train(gone)


def whole_model(parts: list[Job], name: str, seed: int) -> Job:
    """The base with other weights, as full fine-tuning leaves it."""
    import torch
    from transformers import AutoModelForCausalLM

    from harness.models.base import quiet

    with quiet():
        model = AutoModelForCausalLM.from_pretrained(parts[0].model.id)
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.01)
        model.save_pretrained(parts[0].out.with_name(name))
    return replace(parts[0], adapter=name, out=parts[0].out.with_name(name))


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_whole_models_by_mergekit(parts: list[Job]) -> None:
    """``linear`` adds up what each has changed of the base; it answers as a candidate; the others give the same twice."""
    import torch

    pytest.importorskip("mergekit")
    one, other = whole_model(parts, "whole1", 1), whole_model(parts, "whole2", 2)
    added = merged([one, other], "added", combination="linear", weights=[0.5, 1.0])
    training = train(added)
    assert training.notes == ["merged by linear from whole1@towns, whole2@towns"]
    base = weights(Path(parts[0].model.id))
    for name, value in weights(added.out).items():
        expected = base[name] + 0.5 * (weights(one.out)[name] - base[name]) + (weights(other.out)[name] - base[name])
        torch.testing.assert_close(value, expected, atol=1e-6, rtol=1e-5)
    assert (logits(added) - logits(one)).abs().max() > 1e-3
    for combination in ("ties", "dare_ties"):
        twice = [merged([one, other], f"whole-{combination}{n}", combination=combination) for n in (1, 2)]
        assert [train(some).adapter for some in twice]
        first, second = (weights(some.out) for some in twice)
        assert all(first[name].equal(second[name]) for name in base)
    with pytest.raises(
        BadInput, match="combination 'cat' is one of adapters, and whole1@towns, whole2@towns are whole"
    ):
        train(merged([one, other], "cats"))
    with pytest.raises(BadInput, match="are whole models and some are adapters: merge like with like"):
        train(merged([one, parts[0]], "unlike", combination="linear"))


def test_what_a_merge_would_lose_without_a_word(parts: list[Job]) -> None:
    """A DoRA adapter that was given is recognised by what lies in its folder."""
    dora = replace(parts[0], adapter="dora", out=parts[0].out.with_name("dora"))
    shutil.copytree(parts[0].out, dora.out)
    config = json.loads((dora.out / "adapter_config.json").read_text())
    (dora.out / "adapter_config.json").write_text(json.dumps({**config, "use_dora": True}))
    with pytest.raises(BadInput, match=r"more than two matrices a layer \(DoRA's magnitudes"):
        train(merged([parts[1], dora], "magnitudes"))


EXPERIMENT = """
models = ["{model}"]
suites = ["suites/*"]
training_seeds = 2
[candidates.sft]
method = "sft"
adapter = {{ kind = "{kind}" }}
[candidates.all]
method = "merge"
parts = ["sft@one", "sft@{other}"]
"""


def project(folder: Path, model: str, *, kind: str = "lora", other: str = "two") -> Path:
    for name in ("one", "two"):
        suite = folder / "suites" / name
        suite.mkdir(parents=True, exist_ok=True)
        (suite / "suite.toml").write_text('metric = "exact_match"\ntrain = "train.jsonl"\n')
        (suite / "train.jsonl").write_text("".join(json.dumps({**row, "n": name}) + "\n" for row in demonstrations()))
        (suite / "cases.jsonl").write_text('{"id": "1", "input": "q", "reference": "a"}\n')
    (folder / "baselines").mkdir(exist_ok=True)
    (folder / "baselines" / "zero_shot.toml").write_text('technique = "prompt"\n')
    (folder / "experiment.toml").write_text(EXPERIMENT.format(model=model, kind=kind, other=other))
    return folder / "experiment.toml"


def test_a_merge_in_the_matrix(parts: list[Job], tmp_path: Path) -> None:
    """One adapter serves both suites; it waits for its parts, and is made once."""
    matrix = expand(load_experiment(project(tmp_path, parts[0].model.id)))
    ours = [made for made in matrix.jobs if made.recipe_name == "all"]
    assert [(made.suite, made.seed) for made in ours] == [("one", 1000), ("one", 1001), ("two", 1000), ("two", 1001)]
    assert ours[0].adapter == ours[2].adapter != ours[1].adapter
    assert {folder.name for folder in ours[0].behind} == {
        made.adapter for made in matrix.jobs if made.recipe_name == "sft" and made.seed == 1000
    }
    assert matrix.policy.merge.parts == {"all": ("sft@one", "sft@two")}
    with open_store(matrix.experiment.home, write=True) as store:
        todo = missing(matrix, store)
    assert [made.recipe_name for made in todo.jobs].count("all") == 2
    assert [made.recipe_name for made in todo.jobs].count("sft") == 4


def test_mergekit_is_looked_for_before_anything_is_trained(
    parts: list[Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness import errors
    from harness.progress import Console
    from harness.run import run

    path = project(tmp_path, parts[0].model.id, kind="full")
    model = parts[0].model.id
    text = path.read_text().replace(f'"{model}"', f'{{ id = "{model}", quantization = "none" }}')
    path.write_text(text + 'combination = "linear"\n')
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == "mergekit" else object())
    with pytest.raises(errors.MissingExtra, match=r"pip install 'tuneworthy\[merge\]'"):
        run(load_experiment(path), progress=Console(quiet=True))
    assert not (tmp_path / ".harness" / "adapters").exists()


def test_what_cannot_be_merged(parts: list[Job], tmp_path: Path) -> None:
    model = parts[0].model.id
    with pytest.raises(
        BadInput, match=r"candidates.all.parts: no candidate 'sft@tow' to merge: did you mean 'sft@two'"
    ):
        expand(load_experiment(project(tmp_path, model, other="tow")))
    narrow = project(tmp_path, model)
    narrow.write_text(narrow.read_text() + 'suites = ["one"]\n')
    with pytest.raises(
        BadInput, match=r"\['one'\] leaves out 'two', the suite of its part 'sft@two': a merge is measured"
    ):
        expand(load_experiment(narrow))
    full = project(tmp_path, model, kind="full")
    full.write_text(full.read_text().replace(f'"{model}"', f'{{ id = "{model}", quantization = "none" }}'))
    with pytest.raises(
        BadInput, match=r"combination: 'cat' is one of adapters, and the parts are whole models: linear"
    ):
        expand(load_experiment(full))
    with pytest.raises(
        BadInput, match=r"'sft@one' is of kind 'dora', and only lora, rslora, pissa, loftq, full can be merged"
    ):
        expand(load_experiment(project(tmp_path, model, kind="dora")))
