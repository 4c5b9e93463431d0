"""Which model a vendor says it used: one name behind all rows that are compared, or they are not comparable.

What is served as ``gpt-5-mini`` today may be another model next month; the reply says which. Answers of two models in one
comparison, or gradings of two judges in one metric, are evidence about neither.

    harness forget --served gpt-5-mini-2026-08-07       # the way out: the next run asks anew
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.errors import BadInput, suggest
from harness.plural import plural
from harness.store import Origin, Store, open_store


def mixed(
    store: Store, experiment: str, model: str, metrics: Mapping[str, Mapping[str, str]], jurors: Mapping[str, int]
) -> Iterator[str]:
    """A sentence for each suite whose answers, or whose scores by one judge, come from several served models; ``jurors`` says of
    how many each metric's judge is made, who are several for every score.
    """
    places: dict[tuple[str, str | None], list[Origin]] = {}
    for origin in store.origins(experiment, model, metrics):
        places.setdefault((origin.suite, origin.metric), []).append(origin)
    for (suite, metric), found in places.items():
        if len(found) > 1 or any(len(one.served) > jurors.get(metric or "", 1) for one in found):
            what = f"the answers of {model}" if metric is None else f"the judge's scores by {metric!r}"
            yield f"suite {suite!r}: {what} come from {_listed(found)} and are not comparable"


def way_out(store: Store, experiment: str, model: str, metrics: Mapping[str, Mapping[str, str]]) -> str:
    """The command that takes out what there is least of."""
    counts: dict[str, int] = {}
    for origin in store.origins(experiment, model, metrics):
        for name in origin.served:
            counts[name] = counts.get(name, 0) + origin.count
    return f"`harness forget --served {min(counts, key=lambda name: counts[name])}`, then `harness run`"


def _listed(found: Sequence[Origin]) -> str:
    return " and ".join(f"{' with '.join(origin.served)} ({origin.count:,})" for origin in found)


def forget(home: Path, *, served: str | None, batch: str | None, wait: float = 0.0) -> list[str]:
    """Take answers out of the store, or give a batch up; a line for each.

    Raises:
        BadInput: when neither is named, or the store knows no such name.
    """
    if served is None and batch is None:
        raise BadInput("nothing to forget: name a model with --served, or a batch with --batch")
    said = []
    with open_store(home, write=True, wait=wait) as store:
        if served is not None:
            if served not in store.served():
                raise BadInput(f"--served {served!r}: no such model answered: {suggest(served, store.served())}")
            answers, scores = store.forget(served)
            said.append(f"forgot {plural(answers, 'answer')} of {served} and {plural(scores, 'score')}")
        if batch is not None:
            if not store.end_batch(batch):
                raise BadInput(f"--batch {batch!r}: no such batch is under way")
            said.append(f"gave up batch {batch}: what it answers is asked anew")
    return [*said, "next: harness run"]
