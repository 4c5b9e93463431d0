"""Tasks on a Ray cluster: each asks for its CPUs, GPUs, memory, amounts and labels, and runs in a process of its own.

    harness run --engine ray

Ray keeps its workers and their environment from one task to the next. A process for each cell has its environment before torch is
imported, gives all of its GPU's memory back, and dies alone when memory runs out. It leaves within a second when its worker is gone.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.engine.order import Order, Outcome
from harness.engine.remote import Remote, spool_of
from harness.errors import BadInput, need
from harness.experiment import Experiment
from harness.resources import Ray, Resources, Role

OBJECTS = 128 * 2**20
"""Bytes of the object store where a cluster of this machine alone is started: nothing but questions goes through it."""
GIB = 2**30


def open_ray(experiment: Experiment, say: Callable[[str], None]) -> Remote:
    """The engine on the cluster that the experiment names.

    Raises:
        BadInput: when it cannot be reached.
        MissingExtra: without Ray.
    """
    machines, home = experiment.engine.ray, experiment.home
    return Remote(_Ray(machines), spool_of(machines, home), machines, home, say)


@dataclass
class _Ray:
    """The launcher. It starts a cluster of this machine alone where there is none, and then ends it."""

    machines: Ray
    ours: bool = False
    _cells: dict[Role, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ray: Any = need("ray", extra="ray")
        if not self.ray.is_initialized():
            self._join()
            self.ours = True
        for role in ("train", "generate", "judge"):
            cell = self.ray.remote(max_retries=0)(run_order)
            self._cells[role] = cell.options(**options_of(self.machines.of(role)))

    def _join(self) -> None:
        quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
        address = self.machines.address or os.environ.get("RAY_ADDRESS")
        try:
            self.ray.init(address=address or "auto", **quiet)
        except ConnectionError as error:
            if address:
                raise BadInput(
                    f"[engine.ray] address: no cluster at {address!r}: {str(error).splitlines()[0]}: start one with `ray start`, or "
                    "leave the address out"
                ) from error
            self.ray.init(include_dashboard=False, object_store_memory=OBJECTS, **quiet)

    def refuse(self, roles: Collection[Role]) -> None:
        """Raises:
        BadInput: for what no node of the cluster has; Ray itself would wait for it for ever.
        """
        nodes = self._nodes
        for role in sorted(roles):
            asked = self.machines.of(role)
            if not any(capacity(asked, node) for node in nodes):
                raise BadInput(
                    f"[engine.ray] {role}: no node has {wanted(asked)}: the cluster has {'; '.join(map(shown, nodes)) or 'no node'}: "
                    "ask for less, or add such a node"
                )

    def places(self, role: Role) -> int:
        return sum(capacity(self.machines.of(role), node) for node in self._nodes)

    @property
    def _nodes(self) -> list[Mapping[str, Any]]:
        return [node for node in self.ray.nodes() if node["Alive"]]

    def submit(self, order: Order) -> Any:
        return self._cells[order.role].remote(pickle.dumps(order))

    def ended(self, handles: Sequence[Any], wait: float) -> list[tuple[Any, Outcome]]:
        if not handles:
            return []
        over, _ = self.ray.wait(list(handles), num_returns=len(handles), timeout=0)
        if not over:
            over, _ = self.ray.wait(list(handles), num_returns=1, timeout=wait)
        return [(handle, self._outcome(handle)) for handle in over]

    def _outcome(self, handle: Any) -> Outcome:
        try:
            outcome: Outcome = pickle.loads(self.ray.get(handle))
        except self.ray.exceptions.RayError as error:
            return Outcome(lost=f"{type(error).__name__}: {str(error).strip().splitlines()[0][:160]}")
        return outcome

    def cancel(self, handles: Sequence[Any]) -> None:
        for handle in handles:
            self.ray.cancel(handle, force=True)

    def left(self) -> list[Any]:
        """None: Ray ends a driver's tasks when it is gone."""
        return []

    def close(self) -> None:
        if self.ours:
            self.ray.shutdown()


def options_of(asked: Resources) -> dict[str, Any]:
    """As Ray's ``options`` take it."""
    said: dict[str, Any] = {"num_cpus": asked.cpus, "num_gpus": asked.gpus}
    if asked.memory_gib is not None:
        said["memory"] = int(asked.memory_gib * GIB)
    if asked.custom:
        said["resources"] = dict(asked.custom)
    if asked.labels:
        said["label_selector"] = dict(asked.labels)
    return said


def amounts(asked: Resources) -> dict[str, float]:
    """What is asked of a node, under the names that it has for it."""
    memory = (asked.memory_gib or 0) * GIB
    said = {"CPU": asked.cpus, "GPU": asked.gpus, "memory": memory, **asked.custom}
    return {name: amount for name, amount in said.items() if amount}


def capacity(asked: Resources, node: Mapping[str, Any]) -> int:
    """How many tasks a node could hold were it empty; a GPU is shared by whole numbers of tasks."""
    has, labels = node["Resources"], node.get("Labels", {})
    if any(labels.get(name) != value for name, value in asked.labels.items()):
        return 0
    return min(_times(has.get(name, 0.0), amount, whole=name == "GPU") for name, amount in amounts(asked).items())


def _times(has: float, amount: float, *, whole: bool) -> int:
    if whole and amount < 1:
        return int(has) * int(1 / amount + 1e-9)
    return int(has / amount + 1e-9)


def wanted(asked: Resources) -> str:
    """What is asked, for a message."""
    said = [_shown(name, amount) for name, amount in amounts(asked).items()]
    said += [f"label {name}={value}" for name, value in asked.labels.items()]
    return ", ".join(said)


def shown(node: Mapping[str, Any]) -> str:
    """What a node has, for a message."""
    has = {n: a for n, a in node["Resources"].items() if n != "object_store_memory" and not n.startswith("node:")}
    labels = {n: v for n, v in node.get("Labels", {}).items() if n != "ray.io/node-id"}
    said = [_shown(name, has[name]) for name in sorted(has)] + [f"label {n}={v}" for n, v in sorted(labels.items())]
    return f"{node['NodeManagerHostname']} with {', '.join(said)}"


def _shown(name: str, amount: float) -> str:
    return f"{amount / GIB:.3g} GiB" if name == "memory" else f"{amount:g} {name}"


# --- in Ray's worker --------------------------------------------------------------------------------------------------


def run_order(given: bytes) -> bytes:
    """Carry out a pickled order in a process of its own; the outcome, pickled."""
    order: Order = pickle.loads(given)
    with tempfile.TemporaryDirectory() as folder:
        asked, told, log = (Path(folder) / name for name in ("order", "outcome", "log"))
        asked.write_bytes(given)
        with log.open("wb") as file:
            ran = subprocess.run(
                [sys.executable, "-m", "harness.engine.process", str(asked), str(told)],
                env={**os.environ, **order.environment},
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        if told.exists():
            return told.read_bytes()
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    return pickle.dumps(
        Outcome(lost=f"its process {_ended(ran.returncode)}{''.join(f' ({line[:160]})' for line in last)}")
    )


def _ended(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
