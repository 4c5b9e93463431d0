"""Feedback as training signals: what to imitate, what to prefer, what to show, and what never to show.

    found = derive(feedback, scale=5.0)
    found.advice.method                          # 'sft'

    sft          a correction, or an output that people rated at the top, answers its input
    preferences  the correction over the original; the higher over the lower rated of two outputs to one input
    golden       the best output to an input, rated at the top and corrected by nobody: for examples in the prompt
    skip         inputs, with their intent, that are consistently rated poorly

What is ambiguous is left out and counted: a gap that is small, ratings that overlap, an order that feedback contradicts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from statistics import fmean
from typing import Any

from pydantic import Field

from harness.data.advice import Advice, advise
from harness.data.feedback import Feedback
from harness.data.skip import Combination, combination
from harness.data.words import plain
from harness.declaration import Declaration

Row = dict[str, Any]


class Thresholds(Declaration):
    """What counts as clear; ratings are shares of the scale.

    ``gap`` is the least distance between the mean ratings of two outputs, ``top`` the least mean of a golden one. A combination
    is skipped when it has ``least`` ratings and ``steady`` of them are at most ``low``. An input gives ``pairs`` pairs at most,
    so that no single one decides.
    """

    gap: float = Field(default=0.25, gt=0, le=1)
    top: float = Field(default=0.9, gt=0, le=1)
    low: float = Field(default=0.4, ge=0, lt=1)
    steady: float = Field(default=0.8, gt=0, le=1)
    least: int = Field(default=3, ge=1)
    pairs: int = Field(default=8, ge=1)


@dataclass(frozen=True, slots=True)
class Signals:
    """Rows of each file, what was left out and why, and the method that they allow."""

    sft: list[Row]
    preferences: list[Row]
    golden: list[Row]
    skip: list[Row]
    left: Mapping[str, int]
    advice: Advice

    def files(self) -> dict[str, list[Row]]:
        """By the name of their file."""
        return {
            "sft.jsonl": self.sft,
            "preferences.jsonl": self.preferences,
            "golden.jsonl": self.golden,
            "skip.jsonl": self.skip,
        }


@dataclass(slots=True)
class _Asked:
    """All feedback on one input with one intent."""

    feedback: list[Feedback] = field(default_factory=list)

    def rated(self) -> dict[str, list[Feedback]]:
        """Ratings by output; the first spelling of an output stands for all."""
        return _grouped((one for one in self.feedback if one.rating is not None), lambda one: one.output)

    def edits(self) -> list[Feedback]:
        return [one for one in self.feedback if one.correction is not None]


@dataclass(frozen=True, slots=True)
class _Pair:
    chosen: str
    rejected: str
    gap: float
    because: str
    sources: tuple[Feedback, ...]

    @property
    def order(self) -> tuple[str, str]:
        return self.chosen.strip(), self.rejected.strip()


def derive(feedback: Iterable[Feedback], *, scale: float, thresholds: Thresholds | None = None) -> Signals:
    """Signals from feedback; ratings become shares of ``scale``."""
    limits, left = thresholds or Thresholds(), Counter[str]()
    asked: dict[Combination, _Asked] = defaultdict(_Asked)
    for one in feedback:
        if one.correction is None and one.rating is None:
            left["neither a correction nor a rating"] += 1
            continue
        told = replace(one, rating=None if one.rating is None else one.rating / scale)
        asked[combination(one.input, one.intent)].feedback.append(told)
    poor = {key: _poor(group, limits) for key, group in asked.items()}
    golden = [row for key, group in asked.items() if poor[key] is None for row in _golden(group, limits)]
    sft = [row for group in asked.values() for row in _corrected(group, left)]
    known = {_answered(row) for row in sft}
    sft += [row for row in golden if _answered(row) not in known]
    pairs = [row for group in asked.values() for row in _preferences(group, limits, left)]
    skip = [row for row in poor.values() if row is not None]
    return Signals(sft, pairs, golden, skip, dict(+left), advise(len(sft), len(pairs), len(golden)))


def _corrected(group: _Asked, left: Counter[str]) -> Iterator[Row]:
    """One row for each correction that people gave; the same one from several people is one."""
    given = _grouped(group.edits(), lambda one: one.correction or "")
    if len(given) > 1:
        left["inputs with several corrections (all kept: have a look)"] += 1
    for correction, sources in given.items():
        yield _row(sources, {"prompt": sources[0].input, "completion": correction}, "correction")


def _golden(group: _Asked, limits: Thresholds) -> Iterator[Row]:
    """The best output, if it is at the top."""
    edited = {one.output.strip() for one in group.edits() if not _same(one.correction, one.output)}
    means = {
        output: fmean(_ratings(sources))
        for output, sources in group.rated().items()
        if output.strip() not in edited and min(_ratings(sources)) > limits.low
    }
    if means and max(means.values()) >= limits.top:
        best = max(means, key=lambda output: (means[output], len(group.rated()[output])))
        sources = group.rated()[best]
        row = {"prompt": sources[0].input, "completion": best, "rating": round(means[best], 4)}
        yield _row(sources, row, "rating")


def _poor(group: _Asked, limits: Thresholds) -> Row | None:
    """What is consistently rated poorly."""
    sources = [one for one in group.feedback if one.rating is not None]
    ratings = _ratings(sources)
    low = sum(rating <= limits.low for rating in ratings)
    if len(ratings) < limits.least or low < limits.steady * len(ratings):
        return None
    return _row(sources, {"input": sources[0].input, "ratings": len(ratings), "mean": round(fmean(ratings), 4)}, None)


def _preferences(group: _Asked, limits: Thresholds, left: Counter[str]) -> Iterator[Row]:
    pairs = _merged([*_edited(group), *_ranked(group, limits, left)])
    order = {pair.order for pair in pairs}
    clear = [pair for pair in pairs if pair.order[::-1] not in order]
    left["pairs: other feedback says the opposite"] += len(pairs) - len(clear)
    clear.sort(key=lambda pair: -pair.gap)
    left[f"pairs: beyond {limits.pairs} of one input"] += max(0, len(clear) - limits.pairs)
    for pair in clear[: limits.pairs]:
        row = {"prompt": pair.sources[0].input, "chosen": pair.chosen, "rejected": pair.rejected}
        yield _row(pair.sources, row, pair.because)


def _edited(group: _Asked) -> Iterator[_Pair]:
    """The correction over the original. What a person wrote anew counts as the whole scale apart."""
    for one in group.edits():
        if one.correction is not None and not _same(one.correction, one.output):
            yield _Pair(one.correction, one.output, 1.0, "correction", (one,))


def _ranked(group: _Asked, limits: Thresholds, left: Counter[str]) -> Iterator[_Pair]:
    """The higher over the lower rated, where that is clear."""
    rated = {output: (_ratings(sources), sources) for output, sources in group.rated().items()}
    for one, other in combinations(rated, 2):
        worse, better = sorted((one, other), key=lambda output: fmean(rated[output][0]))
        (low, below), (high, above) = rated[worse], rated[better]
        gap = fmean(high) - fmean(low)
        if gap == 0:
            left["pairs: a tie"] += 1
        elif gap < limits.gap:
            left["pairs: a gap that is too small"] += 1
        elif min(high) <= max(low):
            left["pairs: ratings that overlap"] += 1
        else:
            yield _Pair(better, worse, gap, "rating", (*above, *below))


def _merged(pairs: Sequence[_Pair]) -> list[_Pair]:
    """The same pair from several people is one; a correction goes before ratings."""
    found: dict[tuple[str, str], _Pair] = {}
    for pair in pairs:
        known = found.get(pair.order)
        found[pair.order] = replace(known, sources=(*known.sources, *pair.sources)) if known else pair
    return list(found.values())


def _grouped(feedback: Iterable[Feedback], by: Callable[[Feedback], str]) -> dict[str, list[Feedback]]:
    spelt: dict[str, str] = {}
    found: dict[str, list[Feedback]] = defaultdict(list)
    for one in feedback:
        found[spelt.setdefault(by(one).strip(), by(one))].append(one)
    return dict(found)


def _same(one: str | None, other: str) -> bool:
    """Whether two outputs are one: the case of a letter may be what was corrected, space around it is not."""
    return (one or "").strip() == other.strip()


def _answered(row: Row) -> tuple[str, str]:
    return plain(row["prompt"]), row["completion"].strip()


def _ratings(feedback: Iterable[Feedback]) -> list[float]:
    return [one.rating for one in feedback if one.rating is not None]


def _row(sources: Sequence[Feedback], row: Row, because: str | None) -> Row:
    """A row with its intent, what is carried on, and where it comes from."""
    first, each = sources[0], {one.id: one.source for one in sources}
    intent = {"intent": first.intent} if first.intent else {}
    reason = {"because": because} if because else {}
    return {**row, **intent, **reason, **first.more, "feedback": list(each.values())}
