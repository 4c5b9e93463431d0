"""What engines are given to do, and where finished work goes.

Train("5f0c…", job) · Generate("zero_shot on triage (a81c…)", model, home, expand) · Check("model embedded:tiny", …)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.experiment import Model
from harness.resources import Role
from harness.trial import Generation, Step, Training, Trial

if TYPE_CHECKING:
    from harness.metrics.juror import Juror
    from harness.training.job import Job


@dataclass(frozen=True, slots=True)
class Train:
    """Train one adapter; ``key`` is its fingerprint."""

    key: str
    job: Job
    needs: frozenset[str] = frozenset()

    @property
    def role(self) -> Role:
        return "train"

    @property
    def named(self) -> str:
        return f"training {self.job.recipe_name} for {self.job.suite} (seed {self.job.seed})"


@dataclass(frozen=True, slots=True)
class Generate:
    """Answer trials with one base model; ``expand`` runs when the work is handed out, and gives what is missing.

    They are at most ``size``. With a ``juror`` they are its questions, and a reply that it cannot read is an error.
    """

    key: str
    model: Model
    home: Path
    expand: Callable[[], Sequence[Trial]]
    batch_tokens: int | None = None
    needs: frozenset[str] = frozenset()
    size: int = 0
    juror: Juror | None = None

    @property
    def role(self) -> Role:
        return "generate" if self.juror is None else "judge"

    @property
    def named(self) -> str:
        return f"generating {self.key}"


@dataclass(frozen=True, slots=True)
class Check:
    """Refuse prompts that the model's context is too short for, before anything is paid for."""

    key: str
    model: Model
    home: Path
    trials: tuple[Trial, ...]
    needs: frozenset[str] = frozenset()

    @property
    def role(self) -> Role:
        return "generate"

    @property
    def named(self) -> str:
        return f"checking prompts for {self.key}"


Work = Train | Generate | Check


class Sink(Protocol):
    """Where finished work goes; every method returns when it is safe."""

    def batch(self, generations: list[Generation]) -> None: ...

    def trained(self, training: Training) -> None: ...

    def step(self, key: str, step: Step) -> None: ...


class Engine(Protocol):
    """Does works, somewhere; a context manager that leaves nothing running."""

    def __enter__(self) -> Engine: ...

    def __exit__(self, *_: object) -> None: ...

    def refuse(self, roles: Collection[Role]) -> None:
        """Say before anything is paid for that works of these roles can never be done.

        Raises:
            BadInput: when they ask for more than there is anywhere.
        """
        ...

    def left(self, keep: Callable[[list[Generation]], None]) -> int:
        """Take in what an earlier run left behind when it was killed; how many rows."""
        ...

    def run(self, works: Sequence[Work], sink: Sink) -> None:
        """Do all of ``works`` in an order that their needs allow.

        Raises:
            HarnessError: the first failure, after the others have stopped.
        """
        ...
