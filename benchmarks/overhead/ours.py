"""tuneworthy: ``harness.run.run`` from the files of a project to scores in DuckDB.

python benchmarks/overhead/ours.py WARM FOLDER [PROFILE]     # PROFILE: a file for cProfile's figures
"""

from __future__ import annotations

import cProfile
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from cases import measure

from harness.experiment import load_experiment
from harness.run import Outcome, run
from harness.scoring import hashes_of, metrics_of
from harness.store import open_store
from harness.todo import Todo
from harness.trial import Step, Training


@dataclass
class Stages:
    """Seconds that the stages of a run took; generating and scoring take turns."""

    last: float = field(default_factory=time.perf_counter)
    spent: dict[str, float] = field(default_factory=dict)

    def begin(self, todo: Todo) -> None:
        self._note("expand and ask")

    def train_step(self, label: str, step: Step) -> None:
        pass

    def trained(self, training: Training) -> None:
        pass

    def generated(self, count: int, errors: int) -> None:
        self._note("generate")

    def scored(self, count: int) -> None:
        self._note("score")

    def waiting(self, said: str) -> None:
        pass

    def end(self) -> None:
        pass

    def _note(self, stage: str) -> None:
        now = time.perf_counter()
        self.spent[stage] = self.spent.get(stage, 0.0) + now - self.last
        self.last = now


Done = tuple[Outcome, Stages]


def evaluate(folder: Path) -> Done:
    stages = Stages()
    return run(load_experiment(folder / "experiment.toml"), progress=stages), stages


def profiled(folder: Path) -> Done:
    profile = cProfile.Profile(time.process_time)
    done = profile.runcall(evaluate, folder)
    profile.dump_stats(sys.argv[3])
    return done


def mean(done: Done) -> float:
    matrix = done[0].matrix
    with open_store(matrix.experiment.home, write=False) as store:
        scores = store.rows(matrix.experiment.name, metrics=hashes_of(metrics_of(matrix)))["score"].to_pylist()
    assert len(scores) == done[0].scored, "the store was not empty"
    return sum(scores) / len(scores)


if __name__ == "__main__":
    for given in sys.argv[1:3]:
        shutil.rmtree(Path(given) / ".harness", ignore_errors=True)
    measure(profiled if len(sys.argv) > 3 else evaluate, mean, stages=lambda done: done[1].spent)
