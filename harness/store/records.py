"""What the store tells besides the rows themselves: runs, counts and answers to read."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypedDict

import pydantic_core

from harness.trial import Look, Message, Training


@dataclass(frozen=True, slots=True)
class Run:
    """One ``harness run``: what it was told, and with what it worked. ``finished`` is None while it runs, and for ever
    when it was killed. Times are UTC.
    """

    id: str
    experiment: str
    fingerprint: str
    config: dict[str, Any]
    versions: dict[str, str]
    hardware: dict[str, Any]
    started: datetime
    finished: datetime | None


@dataclass(frozen=True, slots=True)
class Count:
    """How far one contender on one suite is: ``trials`` in the matrix, of them ``generated`` and ``failed``."""

    suite: str
    contender: str
    model: str
    trials: int
    generated: int
    failed: int

    @property
    def missing(self) -> int:
        """Never tried."""
        return self.trials - self.generated - self.failed


@dataclass(frozen=True, slots=True)
class CellRow:
    """Where a cell stands in the matrix; ``cell`` is the fingerprint of all that it asks, ``data_fraction`` the share of the
    training data that its adapter saw.
    """

    cell: str
    suite: str
    contender: str
    technique: str
    model: str
    training_seed: int | None = None
    adapter: str | None = None
    data_fraction: float = 1.0

    @property
    def place(self) -> tuple[str, str, str, int | None, float]:
        """Where it stands."""
        return self.suite, self.contender, self.model, self.training_seed, self.data_fraction


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds that one answer and one training step took on the average."""

    trial: float | None
    step: float | None


class Answer(TypedDict):
    """One trial to read: what was asked, what came back and what it scored. For browsing failures."""

    suite: str
    contender: str
    model: str
    case_id: str
    split: str
    training_seed: int | None
    repeat: int
    trial_id: str
    messages: list[Message]
    documents: list[str]
    text: str | None
    error: str | None
    finish: str | None
    scores: dict[str, float | None]


def run_of(values: tuple[Any, ...]) -> Run:
    """A row of ``runs``."""
    name, experiment, digest, config, versions, hardware, started, finished = values
    config, versions, hardware = map(from_json, (config, versions, hardware))
    return Run(name, experiment, digest, config, versions, hardware, started, finished)


def training_of(values: tuple[Any, ...]) -> Training:
    """A row of ``trainings``."""
    named: dict[str, Any] = dict(zip((field.name for field in fields(Training)), values, strict=True))
    losses = [tuple(step) for step in from_json(named["losses"])]
    told = {
        "base": named["base"] or "",
        "notes": from_json(named["notes"] or "[]"),
        "looks": [Look(**look) for look in from_json(named["looks"] or "[]")],
    }
    return Training(**{**named, "losses": losses, "versions": from_json(named["versions"]), **told})


def answer_of(values: tuple[Any, ...]) -> Answer:
    """A row of the query ``ANSWERS_OF``."""
    named: dict[str, Any] = dict(zip(Answer.__annotations__, values, strict=True))
    return Answer(**{**named, "messages": from_json(named["messages"]), "scores": dict(named["scores"] or ())})  # type: ignore[typeddict-item]


def from_json(text: str) -> Any:
    """What ``to_json`` wrote."""
    try:
        return pydantic_core.from_json(text)
    except ValueError:  # half a surrogate pair
        return json.loads(text)


def to_json(value: Any) -> str:
    """JSON that can be stored as it is read: half a surrogate pair is escaped, all else stays legible."""
    try:
        return pydantic_core.to_json(value, inf_nan_mode="constants").decode()
    except pydantic_core.PydanticSerializationError:
        return json.dumps(value)
