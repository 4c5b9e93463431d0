"""`harness store gc` removes what nobody names, and nothing else; `harness store check` looks at adapters and fingerprints."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from harness.experiment import load_experiment
from harness.matrix import Matrix, expand
from harness.store import open_store
from harness.trial import Training
from harness.upkeep import garbage, remove, shelf
from tests.conftest import Project, Ran, set_up
from tests.made_project import fill, make

Harness = Callable[..., Ran]
WEIGHTS = b'\x3c\0\0\0\0\0\0\0{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0,8]}}'
OLD = 40


def put(folder: Path, name: str, *, days: float = OLD, training: Training | None = None) -> Path:
    """An adapter's folder that was written some days ago."""
    path = folder / ".harness" / "adapters" / name
    path.mkdir(parents=True)
    (path / "adapter_model.safetensors").write_bytes(WEIGHTS.ljust(8 + 0x3C, b" ") + b"\0" * 8)
    (path / "training.json").write_text(json.dumps(asdict(training) if training else {}))
    when = time.time() - days * 86_400
    for file in path.iterdir():
        os.utime(file, (when, when))
    return path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose store is filled."""
    made = make(set_up(tmp_path_factory.mktemp("template")))
    fill(made)
    return made.folder


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Project:
    return Project(Path(shutil.copytree(template, tmp_path / "project")))


@pytest.fixture
def matrix(project: Project) -> Matrix:
    return expand(load_experiment(project.experiment))


def trained(matrix: Matrix, number: int = 0) -> Training:
    return matrix.jobs[number].record(seconds=1.0, steps=3, losses=[(1, 2.5, 0.1, 1.0)])


# --- gc


def test_what_nobody_names_goes_and_what_somebody_names_stays(
    project: Project, matrix: Matrix, harness: Harness
) -> None:
    named = put(project.folder, matrix.jobs[0].adapter)
    stray, young = put(project.folder, "stray"), put(project.folder, "young", days=2)
    work, gone = put(project.folder, "killed.work"), put(project.folder, "half.gone", days=0)
    said = harness("store", "gc", project.experiment, "--dry-run")
    assert said.code == 0
    assert "3 would be removed, 1 kB" in said.out.replace("0.2 kB", "1 kB").replace("0.3 kB", "1 kB")
    assert f"{stray}  0.1 kB, 40 days old: no experiment names it" in said.out
    assert all(path.exists() for path in (named, stray, young, work, gone))
    told = json.loads(harness("store", "gc", project.experiment, "--json").out)
    assert {Path(one["path"]).name for one in told["folders"]} == {"stray", "killed.work", "half.gone"}
    assert sorted(path.name for path in named.parent.iterdir()) == sorted([named.name, "young"])
    assert "nothing is older than 30 days" in harness("store", "gc", project.experiment).out
    assert harness("store", "gc", project.experiment, "--keep-days", "1").out.endswith("1 removed, 0.1 kB\n")
    assert not young.exists()


def test_an_adapter_that_a_file_names_and_no_run_stays(project: Project, matrix: Matrix, harness: Harness) -> None:
    """Before its first run an experiment stands in its file alone."""
    other = project.write("other.toml", project.experiment.read_text().replace('"sums"', '"other"', 1))
    text = other.read_text().replace('method = "sft"', 'method = "sft"\nepochs = 7')
    other.write_text(text)
    kept = put(project.folder, expand(load_experiment(other)).jobs[0].adapter)
    assert str(kept) in harness("store", "gc", project.experiment, "--dry-run").out
    assert str(kept) not in harness("store", "gc", project.experiment, other, "--dry-run").out


def test_an_experiment_that_cannot_be_read_removes_nothing(project: Project, matrix: Matrix, harness: Harness) -> None:
    stray = put(project.folder, "stray")
    project.replace("experiment.toml", "training_seeds", "seeds")
    assert harness("store", "gc", project.experiment).code == 4
    assert stray.exists()


def test_experiments_of_two_stores(project: Project, matrix: Matrix, harness: Harness) -> None:
    other = project.write("other.toml", 'store = "elsewhere"\n' + project.experiment.read_text())
    ran = harness("store", "gc", project.experiment, other)
    assert (ran.code, "have 2 stores" in ran.err) == (4, True)


def test_a_removal_that_was_cut_off_is_ended(project: Project, matrix: Matrix) -> None:
    stray = put(project.folder, "stray")
    home = stray.parents[1]
    for _ in remove(garbage(home, named=(), keep_days=1)):
        pass
    assert shelf(home) == []


def test_nobody_trains_meanwhile(project: Project, matrix: Matrix, harness: Harness) -> None:
    put(project.folder, "stray")
    with open_store(matrix.experiment.home, write=True):
        ran = harness("store", "gc", project.experiment)
    assert (ran.code, "has been writing to this store" in ran.err) == (4, True)


# --- check


def test_a_sound_store_with_its_adapters(project: Project, matrix: Matrix, harness: Harness) -> None:
    with open_store(matrix.experiment.home, write=True) as store:
        for number, job in enumerate(matrix.jobs):
            put(project.folder, job.adapter, training=trained(matrix, number))
            store.add_training(trained(matrix, number))
    ran = harness("store", "check", project.experiment)
    assert (ran.code, ran.out) == (0, "sound: nothing is broken\n")
    assert harness("store", "check", matrix.experiment.home).code == 0


@pytest.mark.parametrize(
    ("spoil", "said", "code"),
    [
        (lambda a: os.truncate(a / "adapter_model.safetensors", 70), "is cut off: 70 bytes of 76", 3),
        (lambda a: (a / "training.json").unlink(), "has no training.json", 3),
        (lambda a: (a / "training.json").write_text('{"adapter": '), "training.json is cut off or no JSON", 3),
        (
            lambda a: (a / "training.json").write_text((a / "training.json").read_text().replace("2.5", "2.75")),
            "trained otherwise than the store has it",
            3,
        ),
        (lambda a: a.rename(a.with_name("renamed")), "named by an experiment and not there", 0),
        (lambda a: a.with_name("b.work").mkdir(), "left of a training that never ended", 0),
        (lambda a: put(a.parents[2], "stray", days=0), "named by no experiment: see harness store gc", 0),
    ],
)
def test_what_is_wrong_with_adapters(
    project: Project, matrix: Matrix, harness: Harness, spoil: Callable[[Path], object], said: str, code: int
) -> None:
    adapter = put(project.folder, matrix.jobs[0].adapter, training=trained(matrix))
    with open_store(matrix.experiment.home, write=True) as store:
        store.add_training(trained(matrix))
    spoil(adapter)
    ran = harness("store", "check", project.experiment)
    assert said in ran.out
    assert ran.code == code


def test_a_cell_that_asks_something_else_than_its_fingerprint_says(
    project: Project, matrix: Matrix, harness: Harness
) -> None:
    with open_store(matrix.experiment.home, write=True) as store:
        trials = list(matrix.cells[0].trials())
        trials[0].id = "another"
        store.add_trials(matrix.cells[0].id, trials)
    told = json.loads(harness("store", "check", project.experiment, "--json").out)
    found = {one["kind"]: one for one in told["findings"] if one["broken"]}
    assert not told["sound"]
    assert found["fingerprint"]["examples"] == [matrix.cells[0].id]


# --- the other commands


def test_there_and_back_by_commands(project: Project, matrix: Matrix, harness: Harness, tmp_path: Path) -> None:
    out, home = tmp_path / "out", tmp_path / "home"
    assert "540 asked" in harness("store", "export", out, project.experiment).out
    looked = harness("store", "import", out, home, "--dry-run") if home.mkdir() is None else None
    assert looked is not None
    assert looked.out.endswith("nothing was changed: --dry-run\n")
    assert "generations  540 new, 0 known" in harness("store", "import", out, home).out
    told = json.loads(harness("store", "import", out, home, "--json").out)
    assert {one["new"] for one in told["tables"]} == {0}
    assert "rows compared" in harness("store", "compact", home).out
    assert harness("store", "export", out, home).code == 4


def test_what_a_clock_of_tomorrow_wrote_is_young(project: Project, matrix: Matrix) -> None:
    stray = put(project.folder, "stray", days=-10)
    home = stray.parents[1]
    assert shelf(home)[0].age_days == 0
    assert list(garbage(home, named=(), keep_days=5)) == []


def test_a_removal_that_is_cut_off_leaves_no_half_adapter(
    project: Project, matrix: Matrix, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = put(project.folder, "stray")
    home = stray.parents[1]

    def struck(path: Path, *, ignore_errors: bool = False) -> None:
        if path.exists():
            next(path.iterdir()).unlink()
            raise KeyboardInterrupt

    old = garbage(home, named=(), keep_days=1)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", struck)
        with pytest.raises(KeyboardInterrupt):
            list(remove(old))
    assert not stray.exists()
    assert [one.kind for one in shelf(home)] == ["removed"]
