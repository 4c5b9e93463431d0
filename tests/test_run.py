"""The run fills in what is missing and nothing else; killed anywhere, it goes on."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness import errors
from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.matrix import expand
from harness.progress import Console
from harness.run import Outcome, run
from harness.store import database, open_store
from tests import made_project
from tests.conftest import Project, Ran
from tests.faults.state import differences, state_of
from tests.local_project import make

Harness = Callable[..., Ran]

UNTIMED = [
    "suite",
    "contender",
    "technique",
    "metric",
    "case_id",
    "training_seed",
    "split",
    "cluster",
    "score",
    "error",
]


def fill(project: Project) -> Outcome:
    return run(load_experiment(project.experiment), progress=Console(quiet=True))


def rows(project: Project) -> pa.Table:
    with evidence(load_experiment(project.experiment)) as found:
        return found.rows(found.models[0])


def plain(table: pa.Table) -> list[dict[str, Any]]:
    return list(table.select(UNTIMED).to_pylist())


# --- on a scripted model


@pytest.mark.parametrize(("package", "extra"), [("transformers", "train"), ("trl", "train"), ("lm_eval", "lm-eval")])
def test_a_missing_extra_is_said_before_anything_is_done(
    tmp_path: Path, harness: Harness, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    """Not after an hour of training, when the guard suite is answered last."""
    small = make(tmp_path / "small")
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name == package else object())
    ran = harness("run", small.experiment)
    assert ran.code == 4
    assert ran.err == (
        f"harness: this needs the package {package!r}, which is not installed: pip install 'tuneworthy[{extra}]'\n"
    )


def test_a_second_run_does_nothing(project: Project) -> None:
    first = fill(project)
    assert (first.generated, first.scored, first.errors) == (48, 48, 0)
    second = fill(project)
    assert (second.generated, second.scored) == (0, 0)


def test_a_run_that_finds_nothing_leaves_no_trace(project: Project) -> None:
    fill(project)
    with open_store(project.folder / ".harness", write=False) as store:
        first = store.last_run("sums")
    fill(project)
    with open_store(project.folder / ".harness", write=False) as store:
        assert store.last_run("sums") == first


def test_in_bits_and_at_once_are_the_same(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(project.folder, tmp_path / "bits")
    fill(project)
    monkeypatch.setattr(database, "BATCH", 5)
    bits = Project(tmp_path / "bits")
    outcome = fill(bits)
    assert (outcome.generated, outcome.scored) == (48, 48)
    assert plain(rows(bits)) == plain(rows(project))


def test_a_run_killed_while_it_asked_goes_on(project: Project) -> None:
    matrix = expand(load_experiment(project.experiment))
    with open_store(matrix.experiment.home, write=True) as store:
        for cell in matrix.cells:
            store.add_trials(cell.id, list(cell.trials())[:7])
    assert fill(project).generated == 48
    assert rows(project)["error"].null_count == 48


def test_the_collector_is_left_as_it_was(project: Project) -> None:
    before = gc.get_threshold()
    fill(project)
    assert gc.get_threshold() == before


def test_every_case_has_a_row_and_its_score(project: Project) -> None:
    fill(project)
    found = rows(project)
    assert found.num_rows == 2 * 24
    right = {row["case_id"] for row in found.to_pylist() if row["score"] == 1.0}
    assert right == {"s2"}, "the model always says 4"


def test_rows_come_in_one_order(project: Project) -> None:
    fill(project)
    found = [(row["metric"], row["suite"], row["contender"], row["case_id"]) for row in rows(project).to_pylist()]
    assert len(found) == 48
    assert found == sorted(found)


def test_a_renamed_contender_is_not_asked_again(project: Project) -> None:
    fill(project)
    (project.folder / "baselines/zero_shot.toml").rename(project.folder / "baselines/plain.toml")
    again = fill(project)
    assert (again.generated, again.scored) == (0, 0)
    assert {row["contender"] for row in rows(project).to_pylist()} == {"few_shot", "plain"}


def test_another_metric_scores_without_generating(project: Project) -> None:
    fill(project)
    project.replace("suites/sums/suite.toml", '"exact_match"', '"token_f1"')
    again = fill(project)
    assert (again.generated, again.scored) == (0, 48)


def test_a_changed_case_is_asked_again_alone(project: Project) -> None:
    fill(project)
    project.replace("suites/sums/cases.jsonl", '"3 + 3"', '"3 + 3 = ?"')
    assert fill(project).generated == 2, "one case, two contenders"


def test_a_changed_prompt_asks_that_contender_again(project: Project) -> None:
    fill(project)
    project.write("baselines/few_shot.toml", "shots = 3\n")
    assert fill(project).generated == 24


def test_a_verdict_on_what_was_edited_since_is_refused(project: Project, harness: Harness) -> None:
    fill(project)
    project.replace("suites/sums/suite.toml", 'default = "Add."', 'default = "Add up."')
    ran = harness("verdict", project.experiment)
    assert ran.code == 3
    assert "2 of 2 cells were changed or added since the last run (few_shot on sums, zero_shot on sums)" in ran.err


def test_a_limited_run_answers_the_first_cases_and_the_full_one_the_rest(project: Project) -> None:
    limited = run(load_experiment(project.experiment), progress=Console(quiet=True), limit=2)
    assert limited.generated == 2 * 2 * 2, "two contenders, two splits"
    assert fill(project).generated == 48 - 8


def test_dry_run_writes_nothing(project: Project, harness: Harness) -> None:
    ran = harness("run", project.experiment, "--dry-run")
    assert ran.code == 0
    assert "2 cells, 2 to answer: up to 48 answers" in ran.out
    assert not (project.folder / ".harness").exists()


def test_thinking_is_not_scored(project: Project) -> None:
    project.replace("experiment.toml", "constant=4", "constant=2 and 2 make 4. Answer: 4")
    project.write("baselines/think.toml", "think = true\n")
    fill(project)
    right = {(r["contender"], r["case_id"]) for r in rows(project).to_pylist() if r["score"] == 1.0}
    assert right == {("think", "s2")}


def test_a_second_writer_is_told_who_holds_the_store(project: Project, harness: Harness) -> None:
    with open_store(project.folder / ".harness", write=True):
        held = subprocess.run(
            [sys.executable, "-m", "harness.cli", "run", str(project.experiment)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert held.returncode == 4
    assert str(os.getpid()) in held.stderr
    assert "Traceback" not in held.stderr


def test_the_same_twice_is_the_same(project: Project, tmp_path: Path) -> None:
    shutil.copytree(project.folder, tmp_path / "again")
    again = Project(tmp_path / "again")
    fill(project)
    fill(again)
    assert differences(state_of(again.folder / ".harness"), state_of(project.folder / ".harness")) == []


def test_a_report_that_cannot_be_written_leaves_the_one_that_is_there(
    project: Project, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(project)
    assert harness("report", project.experiment).code == 0
    page = project.folder / "reports/sums/report.html"
    before = page.read_text()

    def full(path: Path, text: str, **_: Any) -> None:
        path.write_bytes(text[:100].encode())
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        ran = harness("report", project.experiment)
    assert (ran.code, "the report cannot be written: No space left on device" in ran.err) == (4, True)
    assert page.read_text() == before
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.md"]


def test_a_disk_that_is_full_is_said_in_one_sentence(
    project: Project, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **named: object) -> None:
        raise OSError(28, "No space left on device", "/data/batch.arrow")

    monkeypatch.setattr("harness.run.run", full)
    ran = harness("run", project.experiment)
    assert ran.code == 3
    assert ran.err == "harness: /data/batch.arrow: no space left on device; everything finished before is kept\n"


def test_a_damaged_adapter_is_named_before_anything_is_done(project: Project, harness: Harness) -> None:
    made_project.make(project)
    matrix = expand(load_experiment(project.experiment))
    adapter = matrix.jobs[1].out
    adapter.mkdir(parents=True)
    (adapter / "training.json").write_text('{"adapter": "…"}')
    (adapter / "adapter_model.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{")
    ran = harness("run", project.experiment)
    assert ran.code == 4
    assert ran.err == (
        f"harness: {adapter}: adapter_model.safetensors is cut off: 9 bytes: move this folder away and run again, which "
        "trains the adapter anew (suite 'sums', candidate 'sft', seed 1001)\n"
    )
    assert [path.name for path in adapter.parent.iterdir()] == [adapter.name], "nothing was trained before"


ORPHANING = """
import os, signal, sys, time
from harness.engine.local import Pool
if __name__ == "__main__":
    pool = Pool(workers=1, threads=1)
    worker = pool._start()
    worker.pipe.send(("nothing", None))
    assert worker.pipe.recv()[0] == "failed", "it works"
    print(worker.process.pid, flush=True)
    if os.fork() == 0:  # whoever holds the run's end of the pipe keeps a worker waiting
        os.close(1)
        time.sleep(3)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker looks once a second")
def test_a_worker_dies_with_its_run(tmp_path: Path) -> None:
    """A run that is taken up at once would else train beside what is left of the killed one, in the same folder."""
    script = tmp_path / "orphaning.py"
    script.write_text(ORPHANING)
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, str(script)], env=env, stdout=subprocess.PIPE, text=True) as ran:
        assert ran.stdout is not None
        stat = Path(f"/proc/{int(ran.stdout.readline())}/stat")
        assert ran.wait() == -signal.SIGKILL
        ran.stdout.close()  # the worker has it too: its end would be waited for
    for _ in range(20):  # half a second; by itself it looks after one
        if not stat.exists() or stat.read_text().rpartition(") ")[2][0] in "ZX":
            return
        time.sleep(0.025)
    pytest.fail("the worker lives on")


# --- on a model that is trained


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Outcome]:
    project = make(tmp_path_factory.mktemp("undisturbed"))
    return project, fill(project)


def test_the_whole_matrix(undisturbed: tuple[Project, Outcome]) -> None:
    project, outcome = undisturbed
    assert (outcome.trained, outcome.errors) == (4, 0), "sft and dpo, two seeds each"
    found = rows(project)
    assert found["error"].null_count == found.num_rows
    contenders = {(r["suite"], r["contender"]) for r in found.to_pylist()}
    assert contenders == {
        *(("label", name) for name in ("zero_shot", "rag", "sft", "sft+rag", "dpo")),
        *(("facts", name) for name in ("base", "sft@label", "sft+rag@label", "dpo@label")),
    }
    assert outcome.generated == 20 * (2 + 3 * 2) + 15 * (1 + 2 * 2), "sft+rag shares its adapter's guard answers"


def test_nothing_is_done_twice(undisturbed: tuple[Project, Outcome]) -> None:
    again = fill(undisturbed[0])
    assert (again.trained, again.generated, again.scored) == (0, 0, 0)


@pytest.mark.parametrize("after", [6.0, pytest.param(14.0, marks=pytest.mark.exhaustive), 18.0])
def test_killed_and_taken_up_again(undisturbed: tuple[Project, Outcome], tmp_path: Path, after: float) -> None:
    project = make(tmp_path / "killed")
    command = [sys.executable, "-m", "harness.cli", "run", str(project.experiment)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
    fill(project)
    assert plain(rows(project)) == plain(rows(undisturbed[0]))
    expected = state_of(undisturbed[0].folder / ".harness")
    # the base models lie beside the projects, and are the same: their names differ
    model = ("cells", "trainings")
    assert (
        differences(
            state_of(project.folder / ".harness"), {name: rows for name, rows in expected.items() if name not in model}
        )
        == []
    ), "every answer, every score and every adapter, byte for byte"


@pytest.mark.exhaustive
def test_two_runs_of_a_matrix_are_the_same_byte_for_byte(undisturbed: tuple[Project, Outcome], tmp_path: Path) -> None:
    again = Project(tmp_path / "again")
    shutil.copytree(undisturbed[0].folder, again.folder, ignore=shutil.ignore_patterns(".harness"))
    fill(again)
    assert differences(state_of(again.folder / ".harness"), state_of(undisturbed[0].folder / ".harness")) == [], (
        "answers, scores, losses and adapters"
    )


@pytest.mark.parametrize(("kind", "chat_template"), [("qwen3", True), ("gemma", True), ("llama", False)])
def test_any_causal_model(tmp_path: Path, kind: str, chat_template: bool) -> None:
    project = make(tmp_path, kind, chat_template=chat_template)
    outcome = fill(project)
    assert (outcome.trained, outcome.errors) == (4, 0)
    assert rows(project)["score"].null_count == 0


def test_a_prompt_longer_than_the_context(tmp_path: Path, harness: Harness) -> None:
    project = make(tmp_path)
    project.replace("suites/label/suite.toml", 'default = "label"', f'default = "{"label the message " * 80}"')
    ran = harness("run", project.experiment)
    assert ran.code == 4
    assert "context of 256" in ran.err
    assert "use fewer examples or documents" in ran.err
    assert not list((project.folder / ".harness" / "adapters").glob("*")), "nothing was trained before"
