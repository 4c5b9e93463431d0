"""Small cells of several adapters as one piece of work: which, and that the answers are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.bundle import SMALL, bundles
from harness.experiment import load_experiment
from harness.matrix import Cell, expand
from harness.store import open_store
from tests.conftest import Project, Ran, write_rows

pytest.importorskip("peft")

from tests.local_project import make
from tests.models.test_local import save_adapter

GIVEN = """
name = "given"
models = [{{ id = {model!r}, quantization = "none" }}]
suites = ["suites/label"]
baselines = ["baselines/zero_shot.toml"]
workers = 1
mix_adapters = {mix}
[candidates.ours]
method = "given"
given = ["a", "b", "c"]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three adapters that are there, a suite of 20 cases."""
    made = make(tmp_path_factory.mktemp("bundle"))
    for seed, name in enumerate("abc"):
        save_adapter(made.folder / "model", made.folder / name, seed=seed, rank=4)
    return experiment(made, mix="true")


def experiment(project: Project, *, mix: str) -> Project:
    text = GIVEN.format(model=str(project.folder / "model"), mix=mix)
    project.write("experiment.toml", text)
    return project


def cells(project: Project) -> list[Cell]:
    return list(expand(load_experiment(project.experiment)).cells)


def names(found: list[list[Cell]]) -> list[list[Any]]:
    return [[(cell.contender.name, cell.seed) for cell in some] for some in found]


def test_small_cells_of_adapters_that_are_there(project: Project) -> None:
    """What is not tuned, or waits for its training, is work of its own."""
    found = names(bundles(cells(project), ready=lambda adapter: True, workers=1))
    assert found[0] == [("zero_shot", None)]
    assert sorted(found[1]) == [("ours", 1000), ("ours", 1001), ("ours", 1002)]
    last = next(cell.adapter for cell in cells(project) if cell.seed == 1002)
    waiting = names(bundles(cells(project), ready=lambda adapter: adapter != last, workers=1))
    assert waiting[:2] == [[("zero_shot", None)], [("ours", 1002)]]
    assert len(waiting[2]) == 2


def test_no_worker_is_left_idle(project: Project) -> None:
    assert [len(some) for some in bundles(cells(project), ready=lambda adapter: True, workers=3)] == [1, 1, 1, 1]


def test_a_large_cell_fills_batches_by_itself(project: Project, tmp_path: Path) -> None:
    rows = [{"id": f"l{i}", "input": f"the city {i}", "reference": "city"} for i in range(SMALL + 1)]
    large = make(tmp_path)
    for name in "abc":
        save_adapter(project.folder / "model", large.folder / name, seed=0, rank=4)
    write_rows(experiment(large, mix="true").folder / "suites/label/cases.jsonl", rows)
    assert [len(some) for some in bundles(cells(large), ready=lambda adapter: True, workers=1)] == [1, 1, 1, 1]


@pytest.mark.exhaustive
def test_a_run_that_mixes_says_the_same(project: Project, harness: Callable[..., Ran], tmp_path: Path) -> None:
    said = []
    for mix in ("true", "false"):
        experiment(project, mix=mix)
        project.replace("experiment.toml", 'name = "given"', f'name = "given"\nstore = "{mix}"')
        assert "answers 80/80" in harness("run", str(project.experiment)).err
        with open_store(project.folder / mix, write=False) as store:
            said.append(store.replies([trial.id for cell in cells(project) for trial in cell.trials()]))
    assert len(said[0]) == 4 * 20
    assert said[0] == said[1]
    assert len({text for text, *_ in said[0].values()}) > 3
