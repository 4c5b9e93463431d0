"""What an import brought, told without a score: scores of test cases are seen when the verdict is asked for.

suite  metric       contender  technique  seeds  dev  test  errors
towns  exact_match  zero_shot  prompt         -    3     9       0
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from harness.plural import plural

WHO = ["suite", "metric", "contender", "technique"]


@dataclass(frozen=True, slots=True)
class Part:
    """One contender on one suite; ``dev`` and ``test`` count cases, ``errors`` rows."""

    suite: str
    metric: str
    contender: str
    technique: str
    seeds: int
    dev: int
    test: int
    errors: int
    judged: bool


@dataclass(frozen=True, slots=True)
class Summary:
    """All that is in the file now, and what stands in the way of a verdict."""

    rows: int
    parts: tuple[Part, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """A table, then the notes."""
        head = ("suite", "metric", "contender", "technique", "seeds", "dev", "test", "errors")
        cells = [head, *(tuple(str(getattr(part, name) or "-") for name in head) for part in self.parts)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for line in cells:
            texts = [cell.ljust(width) for cell, width in zip(line[:4], widths[:4], strict=True)]
            counts = [cell.rjust(width) for cell, width in zip(line[4:], widths[4:], strict=True)]
            yield "  ".join([*texts, *counts])
        yield from self.notes


def summarise(table: pa.Table) -> Summary:
    """Counts of cases, seeds and errors by contender."""
    counted = {split: _cases(table.filter(pc.equal(table["split"], split))) for split in ("dev", "test")}
    extra = table.append_column("failed", pc.is_null(table["score"]).cast(pa.int64()))
    judged = pc.equal(table["source"], "judge") if "source" in table.column_names else pa.array([False] * len(table))
    extra = extra.append_column("judged", pc.fill_null(judged, False))
    if "training_seed" not in extra.column_names:
        extra = extra.append_column("training_seed", pa.nulls(len(table), pa.int64()))
    wanted = [("training_seed", "count_distinct"), ("failed", "sum"), ("judged", "any")]
    parts = []
    for found in extra.group_by(WHO).aggregate(wanted).sort_by([(name, "ascending") for name in WHO]).to_pylist():
        who = {name: found[name] for name in WHO}
        dev, test = (counted[split].get(tuple(who.values()), 0) for split in ("dev", "test"))
        seeds, failed, graded = (found[f"{column}_{how}"] for column, how in wanted)
        parts.append(Part(**who, seeds=seeds, dev=dev, test=test, errors=failed, judged=graded))
    return Summary(table.num_rows, tuple(parts), tuple(_notes(table, parts)))


def _cases(table: pa.Table) -> dict[tuple[str, ...], int]:
    found = table.group_by(WHO).aggregate([("case_id", "count_distinct")])
    return {tuple(row[name] for name in WHO): row["case_id_count_distinct"] for row in found.to_pylist()}


def _notes(table: pa.Table, parts: list[Part]) -> Iterator[str]:
    all_cases = table.group_by(["suite", "metric"]).aggregate([("case_id", "count_distinct")]).to_pylist()
    for found in sorted(all_cases, key=lambda row: (row["suite"], row["metric"])):
        of = [part for part in parts if (part.suite, part.metric) == (found["suite"], found["metric"])]
        total = found["case_id_count_distinct"]
        short = [part for part in of if part.dev + part.test < total]
        if short:
            told = ", ".join(f"{part.contender} {part.dev + part.test}" for part in short)
            yield (
                f"note: suite {found['suite']!r} has {plural(total, 'case')} in all, but not every contender answered them ({told}): "
                "if they were asked the same questions, name a field that all logs share with --case-id"
            )
    if any(part.judged for part in parts):
        yield "note: graded by a model: a verdict on these scores needs human labels; --source says otherwise"
    failed = sum(part.errors for part in parts)
    if failed:
        yield f"note: answers without a score: {failed}: run them again, as a suite with errors is incomplete"
