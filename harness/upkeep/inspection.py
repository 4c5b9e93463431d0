"""What is wrong with a store, the adapters beside it and, where an experiment is given, its fingerprints.

>>> inspect(store, experiment).sound
True
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from harness.errors import HarnessError
from harness.experiment import Experiment
from harness.matrix import Cell, expand
from harness.plural import plural
from harness.store import Finding, Store
from harness.training.job import read_training
from harness.upkeep.adapters import Adapter, shelf

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found; ``sound`` where nothing of it could make a verdict wrong."""

    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return not any(finding.broken for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        return {"sound": self.sound, "findings": [asdict(finding) for finding in self.findings]}

    def lines(self) -> Iterator[str]:
        """For a person: what is broken first."""
        for finding in sorted(self.findings, key=lambda one: not one.broken):
            shown = f" ({', '.join(finding.examples)}{', …' if finding.count > len(finding.examples) else ''})"
            yield f"{'broken' if finding.broken else 'note'}: {finding.said}{shown if finding.examples else ''}"
        wrong = sum(finding.broken for finding in self.findings)
        yield f"{plural(wrong, 'thing')} broken" if wrong else "sound: nothing is broken"


def inspect(store: Store, experiment: Experiment | None = None) -> Inspection:
    """Look at everything.

    Raises:
        BadInput: when a page of the store, or the experiment, cannot be read.
    """
    found = [*store.findings(), *_adapters(store)]
    if experiment is not None:
        found += _fingerprints(store, experiment)
    return Inspection(tuple(found))


def _adapters(store: Store) -> Iterator[Finding]:
    found = shelf(store.path.parent)
    finished = {adapter.name: adapter for adapter in found if adapter.kind == "finished"}
    named, trained = store.adapters(), {training.adapter: training for training in store.trainings()}
    damaged = [f"{adapter.name}: {fault}" for adapter in finished.values() if (fault := adapter.fault)]
    yield from _named("damaged", damaged, "cut off or unreadable: move it away and run again")
    # an adapter that has answered everything is not needed any more to decide: only what it answered is
    yield from _named("absent", sorted(named - set(finished)), "named by an experiment and not there", broken=False)
    yield from _named(
        "unnamed", sorted(set(finished) - named), "named by no experiment: see harness store gc", broken=False
    )
    yield from _named(
        "no-training",
        sorted(set(finished) & named - set(trained)),
        "without its training in the store: run again",
        broken=False,
    )
    yield from _named(
        "unlike",
        [name for name in finished if _unlike(finished[name], trained.get(name))],
        "trained otherwise than the store has it",
    )
    work = [adapter.name for adapter in found if adapter.kind != "finished"]
    yield from _named("unfinished", work, "left of a training that never ended, or of a removal", broken=False)


def _unlike(adapter: Adapter, stored: Any) -> bool:
    """Whether an adapter's record says something else than the store of its training."""
    if stored is None or adapter.fault is not None:
        return False
    try:
        kept = read_training(adapter.path)
    except HarnessError:
        return True
    return (kept.adapter, kept.seed, kept.losses) != (stored.adapter, stored.seed, stored.losses)


def _named(kind: str, names: list[str], said: str, *, broken: bool = True) -> Iterator[Finding]:
    if names:
        told = f"adapters: {len(names):,} × {said}"
        yield Finding("adapters", kind, len(names), told, tuple(names[:SHOWN]), broken)


def _fingerprints(store: Store, experiment: Experiment) -> Iterator[Finding]:
    """Cells under whose fingerprint something else is asked than the experiment says now; cells that are not there are only missing."""
    wrong, part, absent = list[str](), list[str](), list[str]()
    for cell in expand(experiment).cells:
        asked, wanted = store.asks(cell.id), _wanted(cell)
        if not asked:
            absent.append(cell.id)
        elif not asked <= wanted:
            wrong.append(cell.id)
        elif asked < wanted:
            part.append(cell.id)
    for kind, names, said in (
        ("fingerprint", wrong, "asks something else than its fingerprint says"),
        ("in-part", part, "asked in part: a run was killed, run again"),
        ("missing", absent, "not asked yet, or changed since: run again"),
    ):
        if names:
            told = f"cells: {len(names):,} × {said}"
            yield Finding("cells", kind, len(names), told, tuple(names[:SHOWN]), kind == "fingerprint")


def _wanted(cell: Cell) -> set[tuple[str, int, str]]:
    return {(trial.case_id, trial.repeat, trial.id) for trial in cell.trials()}
