"""A project whose store is filled with made answers: its candidate is never trained.

project = make(project)         # 36 dev and 72 test cases, two prompts, one candidate with 3 seeds
fill(project)                   # the tuned contender is right on some cases that the others get wrong
"""

from __future__ import annotations

from collections.abc import Callable

from harness.experiment import load_experiment
from harness.matrix import Cell, expand
from harness.scoring import metrics_of
from harness.store import CellRow, open_store
from harness.trial import Generation, Score
from tests.conftest import Project, cases, write_rows

CASES = "suites/sums/cases.jsonl"
POLICY = "[policy]\nmargin = 0.03\nmin_prompt_variants = 2\n"


def make(project: Project) -> Project:
    """The project of ``conftest`` with a candidate, 3 seeds and more cases."""
    project.write(
        "experiment.toml",
        'name = "sums"\nmodels = ["embedded:tiny"]\nsuites = ["suites/sums"]\nbaselines = ["baselines"]\n'
        f'training_seeds = 3\n[candidates.sft]\nmethod = "sft"\n{POLICY}',
    )
    write_rows(project.folder / CASES, cases(108))
    return project


Right = Callable[[Cell, int], bool]


def fill(project: Project, *, gain: int = 5, right: Right | None = None) -> None:
    """Answers to everything: the base is right on every second group of cases; the tuned one also on the odd ones of the
    first five in ten, and on test on those of the first ``gain``. ``right`` says it otherwise, by cell and number of the case.
    """
    matrix = expand(load_experiment(project.experiment))
    metrics = metrics_of(matrix)
    with open_store(matrix.experiment.home, write=True) as store:
        rows = [
            CellRow(c.id, c.suite.name, c.contender.name, c.contender.technique, c.model.id, c.seed, c.adapter)
            for c in matrix.cells
        ]
        store.declare(matrix.experiment.name, rows)
        for cell in matrix.cells:
            trials = list(cell.trials())
            store.add_trials(cell.id, trials)
            store.add_generations([Generation(t.id, "x", seconds=0.01) for t in trials])
            found = {
                t.id: float(right(cell, case) if right else _right(case, cell.seed is not None, gain))
                for t in trials
                for case in [int(t.case_id[1:])]
            }
            for name, metric in metrics[cell.suite.name].items():
                store.add_scores([Score(trial, name, metric.hash, value) for trial, value in found.items()])


def _right(case: int, tuned: bool, gain: int) -> bool:
    return case // 3 % 2 == 0 or (tuned and case // 3 % 10 < (5 if case % 3 == 0 else gain))
