"""What makes a row of a table the same row: what no two may share, and in what two that share it must agree.

    generations   trial_id                      the text
    scores        trial_id, metric, metric_hash    the value
    cells         experiment, suite, …          (an experiment's matrix is declared as a whole)

Ids are fingerprints of all that a row depends on, so the stores of two people can be put together by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PLACE = ("experiment", "suite", "contender", "model", "training_seed", "data_fraction")
"""Where a cell stands."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How two rows with one key are compared, ``o`` ours and ``t`` theirs, in SQL.

    Attributes:
        key: columns that no two rows share.
        agree: whether both say the same.
        better: whether theirs says what ours could not; it then takes its place.
    """

    key: tuple[str, ...]
    agree: str = "true"
    better: str = "false"

    @property
    def columns(self) -> str:
        return ", ".join(self.key)

    @property
    def same(self) -> str:
        """Whether both have that key; nothing is the same as nothing."""
        return " AND ".join(f"o.{name} IS NOT DISTINCT FROM t.{name}" for name in self.key)


MEASURED = "o.error IS NOT NULL AND t.error IS NULL"
ANSWERS = Rule(
    ("trial_id",), "t.error IS NOT NULL OR o.error IS NOT NULL OR o.text IS NOT DISTINCT FROM t.text", MEASURED
)
SCORES = Rule(
    ("trial_id", "metric", "metric_hash"),
    "t.error IS NOT NULL OR o.error IS NOT NULL OR abs(o.value - t.value) < 1e-9",
    MEASURED,
)

RULES: Mapping[str, Rule] = {
    "asked": Rule(("cell", "case_id", "repeat"), "o.trial_id = t.trial_id"),
    "prompts": Rule(("trial_id",), "o.messages = t.messages"),
    "generations": ANSWERS,
    "scores": SCORES,
    "trainings": Rule(("adapter",), "o.losses = t.losses"),
    "runs": Rule(("id",), better="o.finished IS NULL AND t.finished IS NOT NULL"),
    "reviews": Rule(("reviewer", "trial_id", "other_id", "drawn"), "o.score IS NOT DISTINCT FROM t.score"),
    "batches": Rule(("id",), better="o.ended IS NULL AND t.ended IS NOT NULL"),
    "rounds": Rule(("id",), better="o.finished IS NULL AND t.finished IS NOT NULL"),
    "reanswers": ANSWERS,
    "rescores": SCORES,
}
"""Table → its rule, in the order in which rows are taken over: scores hang on answers. ``cells`` and the ledger have ways of their own
(``harness.store.merge``)."""

KEYS: Mapping[str, tuple[str, ...]] = {"cells": PLACE, **{table: rule.key for table, rule in RULES.items()}}
