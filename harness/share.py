"""The same training on a share of its rows: a point of the learning curve, or a rung of a search.

>>> part(job, 0.25, identity=identity(model), start=None).recipe_name     # doctest: +SKIP
'sft on 0.25'
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from harness.training.job import Job, adapter_fingerprint
from harness.training.rows import Row, read_rows


def part(job: Job, share: float, *, identity: str, start: Job | None) -> Job:
    """The same training on a share of its rows, drawn by its seed; a smaller share lies in a larger one.

    Args:
        job: The training on all rows.
        share: In (0, 1].
        identity: The base model's hash.
        start: The training that it starts from, where it starts from one.
    """
    rows = _sample([row for _, row in read_rows(job.rows)], share, job.seed)
    replay = read_rows(job.replay) if job.replay is not None and job.recipe.replay else None
    adapter = adapter_fingerprint(
        model=identity,
        recipe=job.recipe,
        rows=rows,
        seed=job.seed,
        system=job.system,
        replay=[row for _, row in replay] if replay is not None else None,
        start_from=start.adapter if start else None,
        reward=job.reward,
        source=job.source.read_text(encoding="utf-8") if job.source is not None else None,
        exam=job.exam,
    )
    name = f"{job.recipe_name} on {share:g}"
    return replace(
        job,
        adapter=adapter,
        recipe_name=name,
        rows=rows,
        out=job.out.with_name(adapter),
        start_from=start.out if start else None,
    )


def _sample(rows: Sequence[Row], share: float, seed: int) -> tuple[Row, ...]:
    order = random.Random(seed).sample(range(len(rows)), len(rows))
    return tuple(rows[place] for place in sorted(order[: max(1, round(share * len(rows)))]))
