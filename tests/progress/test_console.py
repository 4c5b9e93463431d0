"""What a person sees of a run."""

from __future__ import annotations

import io

from harness.experiment import load_experiment
from harness.matrix import expand
from harness.progress import Console
from harness.store import open_store
from harness.todo import missing
from tests.conftest import Project


def test_every_round_is_counted_anew(project: Project) -> None:
    """A run with probes has two: the second does not begin with the answers of the first."""
    matrix = expand(load_experiment(project.experiment))
    with open_store(matrix.experiment.home, write=True) as store:
        todo = missing(matrix, store)
    out = io.StringIO()
    console = Console(out=out)
    for answered in (todo.trials, 2):
        console.begin(todo)
        console.generated(answered, 0)
        console.end()
    done = [line for line in out.getvalue().splitlines() if line.startswith("done in")]
    assert [line.rpartition("answers ")[2] for line in done] == [f"{todo.trials}/{todo.trials}", f"2/{todo.trials}"]
