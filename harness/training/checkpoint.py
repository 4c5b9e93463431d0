"""Checkpoints of a training under way, in ``<out>.work/checkpoint-<step>/``: the newest whole one, and the time spent until then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from harness.files.whole import fault_in

STATE = "trainer_state.json"
SECONDS = "seconds.json"


def last_checkpoint(work: Path) -> Path | None:
    """The newest checkpoint that is whole; what a kill or a full disk left half-written is removed."""
    found = sorted(work.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    for path in found:
        if (path / STATE).is_file() and fault_in(path) is None:
            return path
        shutil.rmtree(path)
    return None


def spent(checkpoint: Path | None) -> float:
    """Seconds that an interrupted training had taken."""
    try:
        return float(json.loads((checkpoint / SECONDS).read_text())) if checkpoint else 0.0
    except (OSError, ValueError):
        return 0.0
