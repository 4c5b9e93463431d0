"""Asking any model, and keeping what it says the moment it is there.

asking = Asking(store, vendors, home, meter)
asking.answers(model, trials)["5f0c…"].text          # from the store, or asked for now
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.engine import Generate
from harness.engine.local import Pool
from harness.experiment import Model
from harness.grade import Replies, checked
from harness.machine import cores
from harness.metrics.juror import Juror
from harness.models import is_local
from harness.progress.meter import Meter
from harness.store import Store
from harness.trial import Generation, Step, Training, Trial
from harness.vendors import Vendors

Told = dict[str, tuple[Generation, datetime | None]]
"""Trial id → what came back, and when."""
Check = Callable[[Generation], Generation]


@dataclass(frozen=True)
class Asking:
    """Whoever is asked answers into one store, on one account."""

    store: Store
    vendors: Vendors
    home: Path
    meter: Meter

    def answers(self, model: Model, trials: Sequence[Trial], what: str, check: Check = lambda row: row) -> Told:
        """Everything that is known of ``trials`` when those without an answer have been asked.

        Raises:
            Incomplete: when the next answer might cost more than may be spent; what was answered is kept.
        """
        ids = [trial.id for trial in trials]
        wanted = self.store.missing(ids)
        missing = list({trial.id: trial for trial in trials if trial.id in wanted}.values())
        if missing:
            self.meter.begin(what, len(missing))
            try:
                self._ask(model, missing, _Sink(self.store, self.meter, check))
            finally:
                self.meter.end()
        return self.store.generations(ids)

    def grade(self, juror: Juror, trials: list[Trial]) -> Replies:
        """A juror's replies, for ``harness.grade``."""
        found = self.answers(juror.grader.model, trials, "gradings", lambda row: checked(juror, row))
        return {name: (row.text, row.error, row.served) for name, (row, _) in found.items()}

    def recall(self, juror: Juror, trials: list[Trial]) -> Replies:
        """Those of them that are stored; asks nobody."""
        return self.store.replies([trial.id for trial in trials])

    def _ask(self, model: Model, trials: list[Trial], sink: _Sink) -> None:
        if is_local(model):
            with Pool(workers=1, threads=cores()) as pool:
                pool.run([Generate(f"answers of {model.id}", model, self.home, lambda: trials)], sink)
            return
        for rows in self.vendors.answers(model, trials):
            sink.batch(rows)


@dataclass(frozen=True)
class _Sink:
    store: Store
    meter: Meter
    check: Check

    def batch(self, generations: list[Generation]) -> None:
        rows = [self.check(row) for row in generations]
        self.store.add_generations(rows)
        self.meter.add(len(rows), sum(row.error is not None for row in rows))

    def trained(self, training: Training) -> None: ...

    def step(self, key: str, step: Step) -> None: ...
