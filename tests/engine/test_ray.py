"""Cells on a Ray cluster of three nodes on this machine: the same rows as without, also when a node or the run is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.experiment import load_experiment
from harness.progress import Console
from harness.run import Outcome, run
from tests.conftest import Project
from tests.local_project import make
from tests.test_run import plain, rows

pytest.importorskip("ray", reason="ray is not installed: tox run -e engines")
pytestmark = pytest.mark.exhaustive

OBJECTS = 80 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes that may answer; this process is at the first of them, so that others can be killed."""
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": OBJECTS, "labels": {"does": "answers"}}
    made = Cluster(initialize_head=True, head_node_args=head)
    ray.init(address=made.address, log_to_driver=False, configure_logging=False)
    made.add_node(num_cpus=1, num_gpus=2, object_store_memory=OBJECTS, labels={"does": "answers"})
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = smaller(tmp_path_factory.mktemp("undisturbed"))
    fill(project)
    return project


def smaller(folder: Path, settings: str = "") -> Project:
    """One training of each kind, long enough to be killed in the middle."""
    project = make(folder)
    project.replace("experiment.toml", "training_seeds = 2", "training_seeds = 1")
    project.replace("experiment.toml", "epochs = 2", "epochs = 8")
    project.write("experiment.toml", project.experiment.read_text(encoding="utf-8") + settings)
    return project


def settings(cluster: Any, more: str = "", *, trains: str = "trains") -> str:
    return (
        f'\n[engine.ray]\naddress = "{cluster.address}"\n{more}'
        f'train = {{ labels = {{ does = "{trains}" }} }}\ngenerate = {{ labels = {{ does = "answers" }} }}\n'
    )


def fill(project: Project, engine: str = "local") -> Outcome:
    return run(load_experiment(project.experiment), progress=Console(quiet=True), engine=engine)


def below(pid: int) -> list[int]:
    """All processes that a process has started."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return [one for child in children for one in (child, *below(child))]


def at_work(raylet: int) -> bool:
    """Whether a cell is under way on a node."""
    return any("harness.engine.process" in Path(f"/proc/{pid}/cmdline").read_text() for pid in below(raylet))


def wait_for(found: Callable[[], object], seconds: float = 1500) -> None:
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)


def test_a_node_is_killed_while_it_trains(undisturbed: Project, tmp_path: Path, cluster: Any) -> None:
    """Its training goes on from the last checkpoint on the other node that may train."""
    project = smaller(tmp_path / "project", settings(cluster))
    trains = [
        cluster.add_node(num_cpus=1, object_store_memory=OBJECTS, labels={"does": "trains"})
        .all_processes["raylet"][0]
        .process
        for _ in range(2)
    ]
    adapters, said, killed = project.folder / ".harness/adapters", list[str](), list[int]()

    def kill() -> None:
        wait_for(lambda: list(adapters.glob("*.work/checkpoint-*")))
        raylet = next(one for one in trains if at_work(one.pid))
        killed.extend([raylet.pid, *below(raylet.pid)])
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    class Telling(Console):
        def waiting(self, line: str) -> None:  # type: ignore[override]
            said.append(line)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = run(load_experiment(project.experiment), progress=Telling(quiet=True), engine="ray")
    killer.join()
    assert killed
    assert (outcome.trained, outcome.errors) == (2, 0)
    assert any("given out again" in line for line in said), said
    assert plain(rows(project)) == plain(rows(undisturbed))
    assert not list((project.folder / ".harness/spool").iterdir())


def test_the_run_itself_is_killed(undisturbed: Project, tmp_path: Path, cluster: Any) -> None:
    """What its workers had finished is in the spool, and is not asked again. Nothing of a shared folder is needed: adapters are
    carried too.
    """
    shared = tmp_path / "bucket"
    project = smaller(
        tmp_path / "project", settings(cluster, f'shared = "file://{shared}"\nportion = 10\n', trains="answers")
    )
    command = [sys.executable, "-m", "harness.cli", "run", str(project.experiment), "--engine", "ray"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(lambda: list(shared.glob("spool/*")) or process.poll())
    assert process.poll() is None
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: list(shared.glob("spool/*/*.parquet")))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = list(shared.glob("spool/*/*.parquet"))
    said: list[str] = []
    run(load_experiment(project.experiment), progress=Console(quiet=True), engine="ray", say=said.append)
    assert left
    assert any("of a run that was killed taken in" in line for line in said)
    assert plain(rows(project)) == plain(rows(undisturbed))
    assert not list(shared.glob("spool/*/*.parquet"))


def test_what_no_node_can_do_is_refused_before_anything_is_done(
    tmp_path: Path, cluster: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    project = smaller(tmp_path, f'\n[engine.ray]\naddress = "{cluster.address}"\ntrain = {{ gpus = 4, cpus = 64 }}\n')
    with pytest.raises(SystemExit) as left:
        main(["run", str(project.experiment), "--engine", "ray"])
    said = capsys.readouterr().err
    assert left.value.code == 4
    assert "[engine.ray] train: no node has 64 CPU, 4 GPU: the cluster has " in said
    assert "ask for less, or add such a node" in said
    assert not (project.folder / ".harness/adapters").exists()


@pytest.mark.parametrize(("gpus", "seen"), [(0.5, ("0", "1")), (0, ("",))])
def test_a_cell_sees_the_gpus_that_it_asked_for(
    tmp_path: Path, cluster: Any, gpus: float, seen: tuple[str, ...]
) -> None:
    project = smaller(
        tmp_path / "project", f'\n[engine.ray]\naddress = "{cluster.address}"\ntrain = {{ gpus = {gpus} }}\n'
    )
    text = project.experiment.read_text(encoding="utf-8")
    candidates = text[text.index("[candidates.sft]") : text.index("[engine.ray]")]
    told = tmp_path / "seen"
    command = f'["sh", "-c", "printenv CUDA_VISIBLE_DEVICES > {told}; exit 3"]'
    project.write(
        "experiment.toml", text.replace(candidates, f'[candidates.own]\nmethod = "external"\ncommand = {command}\n')
    )
    with pytest.raises(SystemExit) as left:
        main(["run", str(project.experiment), "--engine", "ray"])
    assert left.value.code == 3
    assert told.read_text().strip() in seen
