"""The adapter as it was evaluated, with a card that says what it is, what it was trained on and what it is worth."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.export.card import card
from harness.export.trained import Trained


def write(trained: Sequence[Trained], folder: Path, options: dict[str, Any]) -> list[str]:
    """One adapter, or several in folders of their own names."""
    for one in trained:
        place = folder if len(trained) == 1 else folder / one.name
        copy(one, place)
    return [f"{one.name}: the adapter of seed {one.job.seed}, for {one.job.model.id}" for one in trained]


def copy(one: Trained, place: Path) -> None:
    """Weights, record and card."""
    shutil.copytree(one.folder, place, dirs_exist_ok=True)
    (place / "README.md").write_text(card(one), encoding="utf-8")
