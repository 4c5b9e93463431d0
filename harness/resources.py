"""Where cells run when one machine is not enough, and what each kind of cell asks of a machine.

# in experiment.toml
[engine.ray]
shared = "s3://bucket/project"          # left out: the store's own folder, which all machines then see under one path
train = { gpus = 1, cpus = 4, memory_gib = 40, labels = { "ray.io/accelerator-type" = "H100" } }
generate = { gpus = 0.5, cpus = 2 }

[engine.slurm]
generate = { gpus = 1, cpus = 8, options = { slurm_partition = "gpu", slurm_qos = "low" } }
minutes = 120

``harness run --engine ray`` takes the first, ``--engine slurm`` the second; what each does is told in docs/scale.md.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from harness.declaration import Declaration

Role = Literal["train", "generate", "judge"]


class Resources(Declaration):
    """What one cell has for itself. ``gpus`` may be a share of one, where the engine can share them; ``custom`` are amounts of
    what the cluster calls so, ``labels`` what a node must be labelled, and ``options`` go to submitit as they are.
    """

    cpus: float = Field(default=1, gt=0, le=1024)
    gpus: float = Field(default=0, ge=0, le=64)
    memory_gib: float | None = Field(default=None, gt=0)
    custom: dict[str, float] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _whole(self) -> Resources:
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ValueError(f"gpus: given {self.gpus:g}: write a share of one, such as 0.5, or a whole number")
        return self

    @property
    def threads(self) -> int:
        """Of arithmetic."""
        return max(1, int(self.cpus))


class Machines(Declaration):
    """What every engine of several machines is told.

    ``shared`` is a folder or URL (``s3://``, ``gcs://``, whatever fsspec reads) that all of them write to; ``portion`` the most
    questions that one task is given, and ``retries`` how often a task is given out again whose machine was lost.
    """

    train: Resources = Resources()
    generate: Resources = Resources()
    judge: Resources | None = None
    shared: str | None = Field(default=None, min_length=1)
    portion: int = Field(default=5000, gt=0)
    retries: int = Field(default=3, ge=0, le=100)

    def of(self, role: Role) -> Resources:
        """Judges get what generation gets, unless they are told otherwise."""
        return {"train": self.train, "generate": self.generate, "judge": self.judge or self.generate}[role]


def _refuse(machines: Machines, key: str, why: str) -> None:
    for role in ("train", "generate", "judge"):
        asked = getattr(machines, role)
        if asked is not None and getattr(asked, key):
            raise ValueError(f"{role}.{key}: given {getattr(asked, key)!r}: {key} {why}")


class Ray(Machines):
    """``address`` as ``ray.init`` takes it; left out, the cluster that this machine is part of, or one of this machine alone."""

    address: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Ray:
        _refuse(self, "options", "are submitit's: write custom or labels")
        return self


class Slurm(Machines):
    """``minutes`` is the time limit of a job, ``jobs`` how many are queued at once, ``folder`` where their logs lie (below the
    store), and ``cluster`` where submitit sends them: ``local`` runs them on this machine.
    """

    minutes: int = Field(default=240, gt=0)
    jobs: int = Field(default=16, gt=0, le=10_000)
    cluster: Literal["slurm", "local"] = "slurm"

    @model_validator(mode="after")
    def _known(self) -> Slurm:
        _refuse(self, "custom", "are Ray's: write options")
        _refuse(self, "labels", "are Ray's: write options")
        for role, asked in (("train", self.train), ("generate", self.generate), ("judge", self.of("judge"))):
            if asked.gpus != int(asked.gpus) or asked.cpus != int(asked.cpus):
                raise ValueError(
                    f"{role}: Slurm gives whole CPUs and GPUs, and {asked.cpus:g} and {asked.gpus:g} are asked"
                )
        return self


class Engines(Declaration):
    """Settings by engine; which of them is taken, the command line says."""

    ray: Ray = Ray()
    slurm: Slurm = Slurm()
