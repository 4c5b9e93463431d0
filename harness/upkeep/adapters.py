"""The folders beside a store: adapters under their fingerprints, trainings that never ended, and what a removal left.

Adapter(name='5f0c…', path=Path('.harness/adapters/5f0c…'), bytes=86016, age_days=12.4, kind='finished')
Adapter(name='a81c…', path=Path('.harness/adapters/a81c….work'), bytes=412000, age_days=0.1, kind='unfinished')
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.files.whole import fault_in
from harness.training.job import RECORD

DAY = 86_400.0
WORK, GONE = ".work", ".gone"
"""How the folder of a training that goes on ends, and one that is being removed."""
Kind = Literal["finished", "unfinished", "removed"]
KINDS: dict[str, Kind] = {WORK: "unfinished", GONE: "removed"}


@dataclass(frozen=True, slots=True)
class Adapter:
    """One folder; ``age_days`` since anything in it was written."""

    name: str
    path: Path
    bytes: int
    age_days: float
    kind: Kind

    @property
    def fault(self) -> str | None:
        """What is wrong with a finished one; None where it is whole."""
        if self.kind != "finished":
            return None
        return fault_in(self.path) if (self.path / RECORD).is_file() else f"has no {RECORD}"


def shelf(home: Path) -> list[Adapter]:
    """Everything that lies in the adapters' folder of a home, by name; none where there is no such folder."""
    folder = home / "adapters"
    return [_one(path) for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []


def _one(path: Path) -> Adapter:
    files = [found for found in path.rglob("*") if found.is_file()]
    stats = [found.stat() for found in files] or [path.stat()]
    newest = max(stat.st_mtime for stat in stats)
    size = sum(stat.st_size for stat in stats) if files else 0
    # a clock that was set back makes nothing younger than it is: an age below nothing is none
    age = max(0.0, (time.time() - newest) / DAY)
    return Adapter(path.name.removesuffix(path.suffix), path, size, age, KINDS.get(path.suffix, "finished"))
