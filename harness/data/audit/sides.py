"""The two sides of preferences: whether they tell anything apart, and whether it is what the suite's metric says.

sides = Sides(Limits(), [Measured("rouge_l", score)])          # score(asked, answer, columns beside) → float, or None
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.data.audit.entry import Entry
from harness.data.audit.finding import Finding, First, line, share
from harness.data.audit.runs import alike
from harness.data.limits import Limits
from harness.plural import plural

Score = Callable[[str, str, Mapping[str, Any]], float | None]

NOBODY = "the suite's metrics need a judge, or more than a text"


@dataclass(frozen=True, slots=True)
class Measured:
    """What sides are measured by: a metric's name, and its score of an answer to what was asked; None where it has no reference."""

    name: str
    score: Score


class Sides:
    """Preference pairs. Of several metrics the first counts that has a score of any pair; None says that nobody asked for it."""

    def __init__(self, limits: Limits, measures: Sequence[Measured] | None = None) -> None:
        self._limits, self._measures = limits, measures
        self._pairs = self._longer = 0
        self._same, self._alike = First[str](), First[str]()
        self._scored: Counter[str] = Counter()
        self._worse: dict[str, First[str]] = defaultdict(First)

    def add(self, entry: Entry) -> None:
        if entry.rejected is None:
            return
        self._pairs += 1
        self._longer += len(entry.answer) > len(entry.rejected)
        if entry.answer.strip() == entry.rejected.strip():
            self._same.add(entry.where)
        elif alike(entry.answer, entry.rejected, self._limits.alike):
            self._alike.add(entry.where)
        for measured in self._measures or ():
            better, worse = (measured.score(entry.asked, text, entry.more) for text in (entry.answer, entry.rejected))
            if better is not None and worse is not None:
                self._scored[measured.name] += 1
                if better < worse:
                    self._worse[measured.name].add(f"{entry.where}: {better:.3g} chosen, {worse:.3g} rejected")

    def findings(self) -> Iterator[Finding]:
        if not self._pairs:
            return
        limits, pairs = self._limits, self._pairs
        if self._same.count:
            told = f"{self._same.count:,} of {plural(pairs, 'pair')} prefer an answer to itself: training refuses them"
            yield Finding("fail", "equal sides", told, None, self._same.kept)
        if self._alike.count:
            told = f"{self._alike.count:,} of {plural(pairs, 'pair')} have sides that hardly differ: a similarity of {limits.alike:g} or more"
            yield Finding("warn", "near-equal sides", told, line(limits, "alike"), self._alike.kept)
        longer = self._longer / pairs
        if longer > limits.longer:
            told = f"the chosen answer is the longer one in {longer:.0%} of pairs: length may be all that is learnt"
            yield Finding("warn", "length bias", told, line(limits, "longer"))
        if self._measures is not None:
            yield from self._by_metric(self._measures)

    def _by_metric(self, measures: Sequence[Measured]) -> Iterator[Finding]:
        name = next((one.name for one in measures if self._scored[one.name]), None)
        if name is None:
            why = (
                "no pair has a reference, in a column of its own or in a case that asks the same"
                if measures
                else NOBODY
            )
            yield Finding("note", "by the metric", f"chosen and rejected are not measured: {why}")
            return
        scored, worse = self._scored[name], self._worse[name]
        said = f"have a chosen answer that {name} scores below the rejected one"
        told = share(self._limits, "worse", worse, scored, said, name="by the metric", noun="pair")
        none = f"{name} scores no chosen answer below the rejected one, in {plural(scored, 'pair')} of {self._pairs:,}"
        yield from told or [Finding("note", "by the metric", none, line(self._limits, "worse"))]
