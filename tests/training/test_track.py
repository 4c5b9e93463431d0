"""What trackers are told of a training, all of it on disk; a training that goes from look to look is one run of each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")
pytest.importorskip("peft")
pytest.importorskip("bitsandbytes")

from harness.training import Job, train
from tests.models.tiny_models import build_tiny
from tests.training.test_looks import stopping
from tests.training.test_training import RECIPE, job

SHORT = RECIPE.model_copy(update={"epochs": 2})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny("llama", tmp_path_factory.mktemp("base") / "llama")


def tracked(base: Path, folder: Path, tracker: str) -> Job:
    return job(base, folder / "adapters", recipe=SHORT, report_to=(tracker,), logs=folder / "logs")


def resumed(asked: Job) -> Any:
    """Trained with a kill in between."""
    with pytest.raises(KeyboardInterrupt):
        train(asked, stopping(4))
    before = dict(os.environ)
    training = train(asked)
    assert dict(os.environ) == before
    return training


def test_tensorboard(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    asked = tracked(base, tmp_path, "tensorboard")
    training = train(asked)
    [folder] = (tmp_path / "logs" / "tensorboard").iterdir()
    assert folder.name == "sft@towns seed 1000 sft"
    read = EventAccumulator(str(folder))
    read.Reload()
    told = [(event.step, event.value) for event in read.Scalars("train/loss")]
    assert told == [(step, pytest.approx(loss)) for step, loss, *_ in training.losses]
    assert {"train/learning_rate", "train/grad_norm"} <= set(read.Tags()["scalars"])


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")
def test_mlflow(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    training = resumed(tracked(base, tmp_path, "mlflow"))
    client = MlflowClient(f"sqlite:///{tmp_path}/logs/mlflow/mlflow.db")
    [experiment] = [e for e in client.search_experiments() if e.name == "tuneworthy"]
    [run] = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("sft@towns seed 1000", "FINISHED")
    told = {metric.step: metric.value for metric in client.get_metric_history(run.info.run_id, "loss")}
    assert told == {step: pytest.approx(loss) for step, loss, *_ in training.losses}


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases(base: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    resumed(tracked(base, tmp_path, "wandb"))
    runs = sorted((tmp_path / "logs" / "wandb" / "wandb").glob("offline-run-*"))
    assert {run.name.rpartition("-")[2] for run in runs} == {"sft"}  # the adapter: what is synced is one run
    assert all(list(run.glob("*.wandb")) for run in runs)


def test_a_tracker_that_is_not_there_is_said_before_anything_loads(tmp_path: Path, monkeypatch: Any) -> None:
    from harness.errors import MissingExtra, present

    monkeypatch.setattr("harness.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"'mlflow'.*tuneworthy\[track\]"):
        present("mlflow", extra="track")
