"""What cells may ask of a machine, and which nodes of a Ray cluster can give it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.engine.ray import capacity, options_of, shown, wanted
from harness.resources import Resources
from tests.conftest import Project, Ran

GIB = 2**30


def node(labels: dict[str, str] | None = None, **resources: float) -> dict[str, Any]:
    return {
        "Resources": {"CPU": 8.0, "memory": 32.0 * GIB, "node:10.0.0.1": 1.0, **resources},
        "Labels": {"ray.io/node-id": "5f0c", **(labels or {})},
        "NodeManagerHostname": "big",
        "Alive": True,
    }


@pytest.mark.parametrize(
    ("asked", "has", "fits"),
    [
        (Resources(), node(), 8),
        (Resources(cpus=0.5), node(), 16),
        (Resources(cpus=16), node(), 0),
        (Resources(gpus=1), node(), 0),
        (Resources(gpus=0.5), node(GPU=2.0), 4),
        (Resources(gpus=0.3), node(GPU=1.0), 3),
        (Resources(gpus=0.6), node(GPU=2.0), 2),
        (Resources(gpus=2), node(GPU=3.0), 1),
        (Resources(memory_gib=20), node(), 1),
        (Resources(custom={"h200": 0.25}), node(h200=1.0), 4),
        (Resources(custom={"h200": 1}), node(), 0),
        (Resources(labels={"zone": "a"}), node({"zone": "a"}), 8),
        (Resources(labels={"zone": "a"}), node({"zone": "b"}), 0),
    ],
)
def test_how_many_tasks_a_node_can_hold(asked: Resources, has: dict[str, Any], fits: int) -> None:
    assert capacity(asked, has) == fits


def test_what_ray_is_told() -> None:
    asked = Resources(cpus=2, gpus=0.5, memory_gib=4, custom={"h200": 1}, labels={"zone": "a"})
    assert options_of(asked) == {
        "num_cpus": 2,
        "num_gpus": 0.5,
        "memory": 4 * GIB,
        "resources": {"h200": 1},
        "label_selector": {"zone": "a"},
    }
    assert wanted(asked) == "2 CPU, 0.5 GPU, 4 GiB, 1 h200, label zone=a"
    assert shown(node({"zone": "b"}, GPU=1.0)) == "big with 8 CPU, 1 GPU, 32 GiB, label zone=b"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            "[engine.ray]\ntrain = { gpus = 1.5 }",
            "engine.ray.train: gpus: given 1.5: write a share of one, such as 0.5",
        ),
        ("[engine.slurm]\njudge = { gpus = 0.5 }", "engine.slurm: judge: Slurm gives whole CPUs and GPUs"),
        ('[engine.slurm]\ntrain = { labels = { zone = "a" } }', "engine.slurm: train.labels: given {'zone': 'a'}"),
        ("[engine.ray]\ntrain = { options = { x = 1 } }", "train.options: given {'x': 1}: options are submitit's"),
        ("[engine.ray]\ntrain = { gpu = 1 }", "engine.ray.train.gpu: unknown key: did you mean 'gpus'?"),
        ("[engine.dask]\n", "engine.dask: unknown key"),
    ],
)
def test_wrong_settings_are_one_sentence(
    project: Project, harness: Callable[..., Ran], settings: str, said: str
) -> None:
    project.write("experiment.toml", project.experiment.read_text(encoding="utf-8") + settings)
    ran = harness("run", project.experiment)
    assert ran.code == 4
    assert said in ran.err


def test_an_engine_that_is_none(project: Project, harness: Callable[..., Ran]) -> None:
    ran = harness("run", project.experiment, "--engine", "rey")
    assert (ran.code, ran.err) == (4, "harness: --engine 'rey': did you mean 'ray'?\n")
