"""Which answers a reader gets to see: every contender's worst, and what it fixes and breaks of the baseline's. Bounded.

>>> browse(evidence, task, model="embedded:tiny", metric="json_exact", rows=rows, tuned="sft", baseline="keys").total
240
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from harness.plural import plural
from harness.report.browsed import Asked, Attempt, Browse, Flips, Said
from harness.report.layer import LAYERS, layer_of
from harness.retrieval import load_documents

if TYPE_CHECKING:
    from harness.evidence import Evidence
    from harness.suite import Task

RIGHT = 0.5
"""A case counts as right from this mean score over seeds on; the page says so."""
WORST, BEST, FLIPPED = 10, 3, 20
"""Cases kept of every contender: its worst and best, and those that it fixes or breaks (each)."""
LONGEST_ANSWER, LONGEST_PROMPT = 4_000, 12_000
LENGTH = "stopped at the length limit"

Scores = Mapping[str, Mapping[str, float | None]]
"""Contender to case to mean score; None where nothing was measured."""


def browse(
    evidence: Evidence,
    task: Task,
    *,
    model: str,
    metric: str,
    rows: pa.Table,
    tuned: str | None,
    baseline: str | None,
) -> Browse:
    """The test cases of one suite worth reading, with the attempts at them; ``rows`` are those of its deciding metric."""
    techniques, scores = _scores(rows)
    against = scores.get(baseline or "", {})
    flips = {contender: flipped(mine, against) for contender, mine in scores.items()}
    chosen = choose(scores, flips, beside=[name for name in (tuned, baseline) if name in scores])
    cases = {case.id: case for case in task.split("test")}
    wanted = sorted({case for picked in chosen.values() for case in picked} & cases.keys())
    asked = [Asked(c, "test", cases[c].input, cases[c].reference) for c in wanted]
    reader = _Reader(evidence, task, model, metric, chosen)
    attempts = [made for contender, picked in chosen.items() for made in reader.attempts(contender, picked, scores)]
    layers = tuple((contender, layer_of(techniques[contender])) for contender in chosen)
    counts = [
        Flips(name, layer, sum(f > 0 for f in flips[name].values()), sum(f < 0 for f in flips[name].values()), n)
        for name, layer in sorted(layers, key=lambda pair: (LAYERS.index(pair[1]), pair[0]))
        if name != baseline and (n := _both(scores[name], against))
    ]
    return Browse(layers, tuple(asked), tuple(attempts), tuned, baseline, len(cases), tuple(counts))


def choose(
    scores: Scores, flips: Mapping[str, Mapping[str, int]], *, beside: Sequence[str] = ()
) -> dict[str, list[str]]:
    """Contender to the cases that are shown of it, worst first; of those ``beside`` others all that any is shown with."""
    ranked = {c: sorted(by_case, key=lambda case: (_or_zero(by_case[case]), case)) for c, by_case in scores.items()}
    picked = {c: {*cases[:WORST], *cases[-BEST:], *_some(flips.get(c, {}))} for c, cases in ranked.items()}
    for contender in beside:
        picked[contender] = set().union(*picked.values())
    return {c: [case for case in cases if case in picked[c]] for c, cases in ranked.items()}


def _some(flips: Mapping[str, int]) -> list[str]:
    return [case for way in (1, -1) for case in sorted(case for case, flip in flips.items() if flip == way)[:FLIPPED]]


def _or_zero(score: float | None) -> float:
    return -1.0 if score is None else score


def _scores(rows: pa.Table) -> tuple[dict[str, str], dict[str, dict[str, float | None]]]:
    grouped = (
        rows.filter(pc.field("split") == "test")
        .group_by(["contender", "technique", "case_id"])
        .aggregate([("score", "mean")])
    )
    techniques: dict[str, str] = {}
    scores: dict[str, dict[str, float | None]] = {}
    for row in grouped.sort_by([("contender", "ascending"), ("case_id", "ascending")]).to_pylist():
        techniques[row["contender"]] = row["technique"]
        scores.setdefault(row["contender"], {})[row["case_id"]] = row["score_mean"]
    return techniques, scores


def flipped(mine: Mapping[str, float | None], baseline: Mapping[str, float | None]) -> dict[str, int]:
    """Case to 1 where the baseline is wrong and mine is right, to -1 the other way round."""
    flips = {}
    for case in mine.keys() & baseline.keys():
        ours, theirs = mine[case], baseline[case]
        if ours is not None and theirs is not None and (ours >= RIGHT) != (theirs >= RIGHT):
            flips[case] = 1 if ours >= RIGHT else -1
    return flips


def _both(mine: Mapping[str, float | None], baseline: Mapping[str, float | None]) -> int:
    return sum(score is not None and baseline.get(case) is not None for case, score in mine.items())


class _Reader:
    """Reads the answers that are chosen out of the store, all at once: each reading goes through all of its scores."""

    def __init__(
        self, evidence: Evidence, task: Task, model: str, metric: str, chosen: Mapping[str, Sequence[str]]
    ) -> None:
        self._metric = metric
        named = evidence.metrics.get(task.suite.name, {})
        hashes = {name: made.hash for name, made in named.items() if name == metric}
        places = [(contender, case) for contender, cases in chosen.items() for case in cases]
        self._found: dict[tuple[str, str], list[Any]] = {}
        for answer in evidence.store.answers(
            evidence.experiment.name, task.suite.name, model=model, metrics=hashes, places=places
        ):
            self._found.setdefault((answer["contender"], answer["case_id"]), []).append(answer)
        folder = task.suite.documents
        self._documents = {d.id: d.text for d in load_documents(task.suite.path(folder))} if folder else {}

    def attempts(self, contender: str, picked: list[str], scores: Scores) -> Iterable[Attempt]:
        """Those of the picked cases, in their order."""
        found = {case: self._found.get((contender, case), []) for case in picked}
        return [self._attempt(contender, case, scores[contender][case], found[case]) for case in picked if found[case]]

    def _attempt(self, contender: str, case: str, score: float | None, answers: list[Any]) -> Attempt:
        distinct: dict[tuple[str | None, str | None, str | None], list[Any]] = {}
        for answer in answers:
            distinct.setdefault((answer["text"], answer["error"], answer["finish"]), []).append(answer)
        said = sorted((self._said(group) for group in distinct.values()), key=lambda one: _or_zero(one.score))
        first = answers[0]
        prompt = tuple((m["role"], clip(m["content"], LONGEST_PROMPT)) for m in first["messages"])
        documents = tuple((i, clip(self._documents.get(i, ""), LONGEST_ANSWER)) for i in first["documents"])
        return Attempt(contender, case, score, tuple(said), prompt, documents)

    def _said(self, group: list[Any]) -> Said:
        first = group[0]
        seeds = tuple(sorted({a["training_seed"] for a in group if a["training_seed"] is not None}))
        note = first["error"] or (LENGTH if first["finish"] == "length" else "")
        text = clip(first["text"] or "", LONGEST_ANSWER)
        return Said(text, seeds, (first["scores"] or {}).get(self._metric), note)


def clip(text: str, most: int) -> str:
    """The beginning of a long text, and how much is left out."""
    return text if len(text) <= most else f"{text[:most]}… ({plural(len(text) - most, 'more character')})"
