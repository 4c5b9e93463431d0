"""Tasks as Slurm jobs, through submitit: each asks for its CPUs, GPUs and memory, and for the options of the cluster.

    harness run --engine slurm

Jobs outlive the run that submitted them. Its next one finds them by their numbers in ``<store>/slurm/jobs``, waits for those that
are still at work, and takes in what they have left; nothing is submitted twice.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.engine.order import Order, Outcome, execute
from harness.engine.remote import Remote, spool_of
from harness.errors import BadInput, need
from harness.experiment import Experiment
from harness.resources import Role, Slurm

KINDS = {"slurm": ("submitit.slurm.slurm", "SlurmJob"), "local": ("submitit.local.local", "LocalJob")}
PLACES = ("slurm_partition", "slurm_qos", "slurm_account", "slurm_constraint", "slurm_reservation")
"""Options that say where a job may run."""
POLL = 0.5


def open_slurm(experiment: Experiment, say: Callable[[str], None]) -> Remote:
    """The engine on the cluster whose ``sbatch`` is at hand.

    Raises:
        BadInput: when there is none.
        MissingExtra: without submitit.
    """
    machines, home = experiment.engine.slurm, experiment.home
    return Remote(_Slurm(machines, (home / "slurm").resolve()), spool_of(machines, home), machines, home, say)


@dataclass
class _Slurm:
    """The launcher; ``folder`` holds submitit's files and the numbers of the jobs under way."""

    machines: Slurm
    folder: Path
    _executors: dict[Role, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.submitit: Any = need("submitit", extra="slurm")
        (self.folder / "jobs").mkdir(parents=True, exist_ok=True)

    def refuse(self, roles: Collection[Role]) -> None:
        """Have ``sbatch`` look at each kind of job without submitting it.

        Raises:
            BadInput: with what Slurm says.
        """
        for role in sorted(roles):
            self._executor(role)
            if self.machines.cluster == "slurm":
                self._tried(role)

    def _tried(self, role: Role) -> None:
        asked, flags = self.machines.of(role), {"time": self.machines.minutes}
        said: dict[str, Any] = {**flags, "cpus-per-task": int(asked.cpus), "gpus-per-node": int(asked.gpus) or None}
        said["mem"] = f"{asked.memory_gib * 1024:.0f}M" if asked.memory_gib is not None else None
        said |= {name.removeprefix("slurm_"): value for name, value in asked.options.items() if name in PLACES}
        command = [f"--{name}={value}" for name, value in said.items() if value is not None]
        ran = subprocess.run(
            ["sbatch", "--test-only", *command, "--wrap=true"], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            why = " ".join(ran.stderr.split()) or f"exit code {ran.returncode}"
            raise BadInput(f"[engine.slurm] {role}: Slurm has no place for {' '.join(command)}: {why}")

    def _executor(self, role: Role) -> Any:
        if role not in self._executors:
            self._executors[role] = self._make(role)
        return self._executors[role]

    def _make(self, role: Role) -> Any:
        asked = self.machines.of(role)
        said: dict[str, Any] = {
            "timeout_min": self.machines.minutes,
            "cpus_per_task": int(asked.cpus),
            "gpus_per_node": int(asked.gpus),
            "name": f"tuneworthy-{role}",
            **asked.options,
        }
        if asked.memory_gib is not None:
            said["mem_gb"] = asked.memory_gib
        try:
            executor = self.submitit.AutoExecutor(folder=self.folder / "%j", cluster=self.machines.cluster)
            executor.update_parameters(**said)
        except (RuntimeError, ValueError, TypeError, NameError) as error:
            raise BadInput(f"[engine.slurm] {role}: {str(error).splitlines()[0]}") from error
        return executor

    def places(self, role: Role) -> int:
        return max(1, self.machines.jobs // 2)

    def submit(self, order: Order) -> Any:
        try:
            job = self._executor(order.role).submit(execute, order)
        except self.submitit.core.utils.FailedJobError as error:
            raise BadInput(
                f"[engine.slurm] {order.role}: Slurm refuses the job: {' '.join(str(error).split())}"
            ) from error
        (self.folder / "jobs" / str(job.job_id)).touch()
        return job

    def ended(self, handles: Sequence[Any], wait: float) -> list[tuple[Any, Outcome]]:
        until = time.monotonic() + wait
        while True:
            over = [job for job in handles if job.done()]
            if over or time.monotonic() >= until:
                return [(job, self._outcome(job)) for job in over]
            time.sleep(POLL)

    def _outcome(self, job: Any) -> Outcome:
        self._forget(job)
        try:
            outcome: Outcome = job.result()
        except Exception as error:  # submitit's own, and whatever ended the job
            why = next((line for line in reversed(str(error).strip().splitlines()) if line.strip()), "")
            return Outcome(lost=f"job {job.job_id} {job.state}: {type(error).__name__}: {why.strip()[:160]}")
        return outcome

    def cancel(self, handles: Sequence[Any]) -> None:
        for job in handles:
            with suppress(Exception):  # it may have ended just now
                job.cancel()
            self._forget(job)

    def left(self) -> list[Any]:
        module, _, name = ".".join(KINDS[self.machines.cluster]).rpartition(".")
        kind = getattr(need(module, extra="slurm"), name)
        jobs = [kind(self.folder / path.name, path.name) for path in sorted((self.folder / "jobs").iterdir())]
        for job in jobs:
            if job.done():
                self._forget(job)
        return [job for job in jobs if not job.done()]

    def _forget(self, job: Any) -> None:
        (self.folder / "jobs" / str(job.job_id)).unlink(missing_ok=True)

    def close(self) -> None:
        """Jobs that are under way were cancelled, or go on without this process."""
