"""Rows to store: a small matrix, and answers to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.fingerprint import fingerprint
from harness.store import CellRow, Store, open_store
from harness.trial import Generation, Trial


def declare(store: Store, experiment: str, trials: Sequence[Trial], *, fraction: float = 1.0) -> None:
    """``trials`` as the matrix of an experiment: one cell for each contender, suite, model and seed; those with an adapter
    were trained on that fraction.
    """
    places: dict[tuple[Any, ...], list[Trial]] = {}
    for t in trials:
        place = (t.suite, t.contender, t.technique, t.model, t.training_seed, t.adapter)
        places.setdefault(place, []).append(t)
    cells = {
        CellRow(fingerprint(*p, [(t.id, t.case_id) for t in ts]), *p, fraction if p[-1] else 1.0): ts
        for p, ts in places.items()
    }
    store.declare(experiment, list(cells))
    for cell, asked in cells.items():
        store.add_trials(cell.cell, asked)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with open_store(home, write=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def trial() -> Callable[..., Trial]:
    def make(case: int = 1, **changes: Any) -> Trial:
        values: dict[str, Any] = {
            "suite": "triage",
            "contender": "zero_shot",
            "technique": "prompt",
            "model": "tiny",
            "case_id": f"c{case}",
            "split": "test",
            "cluster": f"k{case}",
            "messages": ({"role": "user", "content": f"Frage {case}: wofür?"},),
            "max_new_tokens": 8,
        } | changes
        asked = (values["model"], values.get("adapter"), values["suite"], values["messages"][0]["content"])
        return Trial(id=values.pop("id", f"{asked!r}"), **values)

    return make


@pytest.fixture(scope="session")
def answered() -> Callable[..., list[Generation]]:
    def make(*trials: Trial, text: str = "billing") -> list[Generation]:
        return [
            Generation(t.id, text=text, prompt_tokens=5, output_tokens=2, seconds=0.5, finish="stop", cost=0.001)
            for t in trials
        ]

    return make
