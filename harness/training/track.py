"""Trackers that are told of a training beside our own record: TensorBoard, MLflow and Weights & Biases, through Transformers.

    report_to = ["tensorboard", "mlflow"]       in experiment.toml; loss, learning rate, gradient norm and the method's own

Where the tracker's own variables say nothing, everything is kept on disk, in ``.harness/logs/<tracker>``, and nothing is sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.training.job import Job


def named(job: Job) -> str:
    """``sft@triage seed 1000``."""
    return f"{job.recipe_name}@{job.suite} seed {job.seed}"


@contextmanager
def tracking(job: Job) -> Iterator[None]:
    """Trackers as the environment says, or on disk; a training that is taken up again goes on in the same run where it can."""
    before = dict(os.environ)
    try:
        for name, value in _defaults(job).items():
            os.environ.setdefault(name, value)
        yield
    finally:
        _finish(job)
        for name in set(os.environ) - set(before):
            if name.startswith(("TENSORBOARD_", "MLFLOW_", "WANDB_")):
                del os.environ[name]


def _defaults(job: Job) -> dict[str, str]:
    if not job.report_to or job.logs is None:
        return {}
    logs = job.logs.absolute()
    for tracker in job.report_to:
        (logs / tracker).mkdir(parents=True, exist_ok=True)
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
    }


def _finish(job: Job) -> None:
    """Transformers leaves W&B's run open, and the next training would go on in it."""
    if "wandb" in job.report_to:
        import wandb

        if wandb.run is not None:
            wandb.finish(quiet=True)
