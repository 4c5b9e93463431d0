"""Which model a vendor says it used, behind answers and behind a judge's scores; and how one is forgotten.

Origin(suite="triage", metric=None, served=("gpt-5-mini-2026-08-07",), count=120)       answers
Origin(suite="triage", metric="rubric", served=("gpt-5-mini-2026-11-01",), count=80)    scores of a judge; a jury has several
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.store.rows import WANTED, wanted

if TYPE_CHECKING:
    from harness.store.database import Database

ORIGINS = f"""
    WITH {WANTED},
    placed AS (SELECT DISTINCT suite, trial_id FROM trials WHERE experiment = $experiment AND model = $model)
    SELECT suite, NULL AS metric, [served] AS served, count(*) FROM placed JOIN generations USING (trial_id)
    WHERE error IS NULL AND served IS NOT NULL GROUP BY ALL
    UNION ALL
    SELECT suite, metric, served, count(*) FROM placed JOIN wanted USING (suite)
    JOIN scores USING (trial_id, metric, metric_hash) WHERE error IS NULL AND len(served) > 0 GROUP BY ALL
    ORDER BY 1, 2 NULLS FIRST, 3
"""

SERVED = (
    "SELECT 1 FROM generations WHERE served IS NOT NULL LIMIT 1",
    "SELECT 1 FROM scores WHERE len(served) > 0 LIMIT 1",
)
"""Whether any served model is behind anything."""


@dataclass(frozen=True, slots=True)
class Origin:
    """How many of a suite's answers, or of a judge's scores by ``metric``, come from models so ``served``."""

    suite: str
    metric: str | None
    served: tuple[str, ...]
    count: int


def origins(database: Database, experiment: str, model: str, metrics: Mapping[str, Mapping[str, str]]) -> list[Origin]:
    """Of a base model's rows; ``metrics`` is suite -> {metric: its hash}."""
    if not any(
        database.run(sql) for sql in SERVED
    ):  # nobody but models that run here: half a second for each million answers
        return []
    given = {"experiment": experiment, "model": model, **wanted(metrics)}
    found = database.run(ORIGINS, given)
    return [Origin(suite, metric, tuple(served), count) for suite, metric, served, count in found]


def names(database: Database) -> list[str]:
    """All names that vendors gave."""
    sql = "SELECT DISTINCT served FROM generations WHERE served IS NOT NULL ORDER BY 1"
    return [name for (name,) in database.run(sql)]


def forget(database: Database, served: str) -> tuple[int, int]:
    """Take answers and replies of a served model out of the store, and the scores that hang on them; how many of each.
    Committed when this returns.
    """
    of = "SELECT trial_id FROM generations WHERE served = $served"
    with database.transaction():
        given = {"served": served}
        scores = database.run(
            f"DELETE FROM scores WHERE trial_id IN ({of}) OR list_contains(served, $served) RETURNING trial_id", given
        )
        rows = database.run("DELETE FROM generations WHERE served = $served RETURNING trial_id", given)
    return len(rows), len(scores)
