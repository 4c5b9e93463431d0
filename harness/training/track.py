"""Trackers that are told of a training beside our own record: TensorBoard, MLflow and Weights & Biases, through Transformers.

    report_to = ["tensorboard", "mlflow"]       in experiment.toml; loss, learning rate, gradient norm and the method's own

Where a tracker's own variables say nothing, everything is kept on disk, in ``.harness/logs/<tracker>``, and nothing is sent. A
training that is taken up again, after a kill or a look at dev, goes on in the run that it had.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.training.job import Job

RUN = "MLFLOW_RUN_ID"


def named(job: Job) -> str:
    """``sft@triage seed 1000``."""
    return f"{job.recipe_name}@{job.suite} seed {job.seed}"


@contextmanager
def tracking(job: Job) -> Iterator[None]:
    """Tells the trackers where to keep what, where the environment does not, and ends what they leave open."""
    added = {name: value for name, value in _defaults(job).items() if name not in os.environ}
    os.environ.update(added)
    ended = "KILLED"
    try:
        yield
        ended = "FINISHED"
    finally:
        _finish(job, ended)
        for name in added.keys() | ({RUN} if _run(job).exists() else set()):
            os.environ.pop(name, None)


def remember(job: Job) -> None:
    """MLflow gives a run its id when it begins; the others are told theirs."""
    if "mlflow" in job.report_to and RUN not in os.environ:
        import mlflow

        run = mlflow.active_run()
        if run is not None:
            os.environ[RUN] = run.info.run_id
            _run(job).write_text(run.info.run_id, encoding="utf-8")


def forget(job: Job) -> None:
    """MLflow refuses to go on in a run whose arguments were others: with smaller batches a new one begins."""
    if _run(job).exists():
        _run(job).unlink()
        os.environ.pop(RUN, None)


def _defaults(job: Job) -> dict[str, str]:
    if not job.report_to or job.logs is None:
        return {}
    logs = job.logs.absolute()
    for tracker in job.report_to:
        (logs / tracker).mkdir(parents=True, exist_ok=True)
    resumed = {}
    with suppress(OSError):
        resumed[RUN] = _run(job).read_text(encoding="utf-8")
    return {
        "TENSORBOARD_LOGGING_DIR": str(logs / "tensorboard" / f"{named(job)} {job.adapter[:8]}"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{logs / 'mlflow' / 'mlflow.db'}",
        "MLFLOW_EXPERIMENT_NAME": "tuneworthy",
        "WANDB_PROJECT": "tuneworthy",
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(logs / "wandb"),
        "WANDB_RUN_ID": job.adapter,
        "WANDB_RESUME": "allow",
        "WANDB_SILENT": "true",
        **resumed,
    }


def _run(job: Job) -> Path:
    return job.work / "mlflow_run"


def _finish(job: Job, ended: str) -> None:
    """What a training that was stopped leaves open, the next one of this process would go on in."""
    if "mlflow" in job.report_to:
        import mlflow

        if mlflow.active_run() is not None:
            mlflow.end_run(ended)
    if "wandb" in job.report_to:
        import wandb

        if wandb.run is not None:
            wandb.finish(exit_code=0 if ended == "FINISHED" else 1)
