"""One reviewer's review: what is shown next, what was said, and the way back. Every decision is in the store before it counts.

    session = open_session(found, "reply", Wanted(cases=60), "Ada")
    session.compare(1, "left")
    session.undo()
    session.view()["progress"]            # {"done": 0, "total": 60, "skipped": 0, "minutes": None}

The store is opened for a moment at each decision, so that runs and verdicts go on between two of them. Stopped anywhere, the
next session of the same reviewer goes on from the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Lock
from time import monotonic
from typing import Any

from harness.errors import BadInput, suggest
from harness.evidence import Evidence
from harness.metrics.rubric import graded
from harness.people import PAIRWISE, TIE, rubric_id
from harness.plural import plural
from harness.review.items import Batch, Item, Wanted, load_batch
from harness.review.pseudonym import pseudonym
from harness.sample import Contest
from harness.store import open_store
from harness.store.reviews import Drawn, Review
from harness.visible import visible

WAIT = 2.0
"""Seconds that a decision waits for a store that another process holds, before the page is told."""
ENOUGH = 3
"""Decisions before there is an estimate of the time that is left."""
CHOICES = ("left", "right", "tie", "skip")


@dataclass
class Session:
    """A reviewer before a batch. Methods may be called from several threads."""

    batch: Batch
    reviewer: str
    home: Path
    items: Sequence[Item]
    becomes: str
    """What becomes of the decisions, in a sentence."""
    ties: Mapping[int, tuple[Review, ...]]
    """Number of an item, from 1 → pairs of equal answers that come before it in the order, or after the last one. They are kept
    with its decision: were all of them kept at once, whoever stops early would seem to have found more ties than there are."""
    said: dict[int, tuple[Review, ...]] = field(default_factory=dict)
    """Number of an item → what was said of it, in the order of saying."""
    _shown: dict[int, float] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def view(self) -> dict[str, Any]:
        """What the page shows now."""
        with self._lock:
            return {"item": self._item(), "progress": self._progress()}

    def about(self) -> dict[str, Any]:
        """What the page shows all the time."""
        suite = self.batch.suite
        return {
            "suite": visible(suite.name),
            "description": visible(suite.description),
            "rates": self.batch.rates,
            "rubric": [
                {
                    "id": criterion.id,
                    "text": visible(criterion.text),
                    "anchors": [[score, visible(meaning)] for score, meaning in criterion.anchors],
                }
                for criterion in self.batch.criteria
            ],
        }

    def said_of(self) -> str:
        """How far it is, in a line for the terminal."""
        progress, what = self._progress(), "answer" if self.batch.rates else "pair"
        skipped = f", {progress['skipped']} of them skipped" if progress["skipped"] else ""
        same = sum(map(len, self.ties.values()))
        equal = f"; {plural(same, 'pair')} more with the same answer on both sides: ties" if same else ""
        what = plural(progress["total"], what)
        return f"{self.reviewer} on {self.batch.suite.name}: {progress['done']} of {what} decided{skipped}{equal}"

    def compare(self, number: int, choice: str) -> bool:
        """Say which of two answers is better, and keep it; False where it was decided before, which stays.

        Raises:
            BadInput: for what is no choice or no number here.
            StoreBusy: while another process holds the store: nothing is kept then.
        """
        if choice not in CHOICES or (self.batch.rates and choice != "skip"):
            raise BadInput(f"choice: given {choice[:20]!r}: {suggest(choice[:20], CHOICES)}")
        with self._lock:
            item = self._at(number)
            won = {"left": item.on_left, "right": not item.on_left}.get(choice)
            score = None if choice == "skip" else TIE if choice == "tie" else float(bool(won))
            return self._keep(number, score)

    def rate(self, number: int, grades: Mapping[str, int]) -> bool:
        """Grade an answer by every criterion, and keep it; False where it was graded before, which stays.

        Raises:
            BadInput: for a grade that is missing or off its scale, and as ``compare`` does.
        """
        known = {criterion.id for criterion in self.batch.criteria} if self.batch.rates else set()
        strange = [name for name in grades if name not in known]
        if strange:
            raise BadInput(f"grades: no criterion {strange[0][:20]!r}: {suggest(strange[0][:20], known)}")
        score = graded(self.batch.criteria, grades)
        with self._lock:
            self._at(number)
            return self._keep(number, score, grades)

    def undo(self) -> None:
        """Take the last decision back, of this or an earlier session.

        Raises:
            BadInput: when there is none.
            StoreBusy: while another process holds the store: nothing changes then.
        """
        with self._lock:
            if not self.said:
                raise BadInput("there is nothing to undo")
            self._withdraw([next(reversed(self.said))])

    def settle(self) -> None:
        """Keep what nobody needs to be asked about, where that is all there is.

        Raises:
            StoreBusy: while another process holds the store.
        """
        if self.ties.get(0):
            with open_store(self.home, write=True, wait=WAIT) as store:
                store.add_reviews(self.ties[0])

    def again(self) -> None:
        """Show what was skipped once more."""
        with self._lock:
            skipped = [number for number, reviews in self.said.items() if reviews[0].score is None]
            if skipped:
                self._withdraw(skipped)

    def _at(self, number: int) -> Item:
        if not 1 <= number <= len(self.items):
            raise BadInput(f"number: given {number}: there are {len(self.items)}")
        return self.items[number - 1]

    def _reviews(self, number: int, score: float | None, grades: Mapping[str, int] | None) -> tuple[Review, ...]:
        item, took = self.items[number - 1], monotonic() - self._shown.get(number, monotonic())
        common: dict[str, Any] = {"drawn": self.batch.drawn, "score": score, "seconds": round(took, 1)}
        if not self.batch.rates:
            ours, theirs = item.trials
            return (Review(self.reviewer, ours, theirs, on_left=item.on_left, **common),)
        common |= {"grades": grades, "rubric": rubric_id(self.batch.criteria)}
        return tuple(Review(self.reviewer, trial, **common) for trial in item.trials)

    def _keep(self, number: int, score: float | None, grades: Mapping[str, int] | None = None) -> bool:
        if number in self.said:
            return False
        reviews = self._reviews(number, score, grades)
        with open_store(self.home, write=True, wait=WAIT) as store:
            store.add_reviews([*self.ties.get(number, ()), *reviews])
        self.said[number] = reviews
        return True

    def _withdraw(self, numbers: Sequence[int]) -> None:
        with open_store(self.home, write=True, wait=WAIT) as store:
            store.withdraw([one for number in numbers for one in (*self.ties.get(number, ()), *self.said[number])])
        for number in numbers:
            del self.said[number]
            self._shown.pop(number, None)

    def _item(self) -> dict[str, Any] | None:
        """The first that is open, as the page needs it: nothing in it says whose an answer is."""
        number = next((n for n in range(1, len(self.items) + 1) if n not in self.said), None)
        if number is None:
            return None
        self._shown.setdefault(number, monotonic())
        item = self.items[number - 1]
        return {
            "number": number,
            "asked": visible(item.case.input),
            "reference": visible(item.case.reference),
            "answers": [visible(text) for text in item.answers],
        }

    def _progress(self) -> dict[str, Any]:
        decided = [reviews[0] for reviews in self.said.values()]
        skipped = sum(review.score is None for review in decided)
        took = [review.seconds for review in decided if review.score is not None and review.seconds is not None]
        left = len(self.items) - len(decided)
        minutes = median(took) * left / 60 if len(took) >= ENOUGH else None
        return {"done": len(decided), "total": len(self.items), "skipped": skipped, "minutes": minutes}


def open_session(found: Evidence, suite: str, wanted: Wanted, name: str, *, model: str | None = None) -> Session:
    """The session of the reviewer of that name, with what the store holds of theirs already.

    Raises:
        BadInput: as ``load_batch`` and ``pseudonym`` do, and for an unknown suite or model.
    """
    contest = Contest.of(found, suite, model)
    batch = load_batch(contest, wanted)
    reviewer = pseudonym(found.experiment.home, name)
    kept: dict[frozenset[str], list[Review]] = {}
    for review in found.store.reviews():
        if (review.reviewer, review.drawn) == (reviewer, batch.drawn) and (review.other is None) == batch.rates:
            kept.setdefault(frozenset(filter(None, (review.trial, review.other))), []).append(review)
    order = batch.order(reviewer)
    items = [item for item in order if not item.same]
    ties = _ties(order, reviewer, batch.drawn)
    session = Session(batch, reviewer, found.experiment.home, items, _becomes(contest, batch), ties)
    held = {number: _held(item, kept, batch) for number, item in enumerate(items, 1)}
    decided = {number: reviews for number, reviews in held.items() if reviews}
    session.said = dict(sorted(decided.items(), key=lambda pair: pair[1][-1].entered))
    return session


def _becomes(contest: Contest, batch: Batch) -> str:
    metrics = contest.found.metrics[contest.task.suite.name].values()
    if batch.drawn == "disagree":
        return "cases that were chosen for their scores are for reading: what is decided here enters no verdict"
    if batch.rates and not any(metric.judge and metric.opponent is None for metric in metrics):
        return "no judge grades this suite by its rubric: ratings are kept, and are rows of a verdict when one does"
    if batch.rates:
        return "ratings are rows of a verdict, beside the judge's"
    if not contest.references:
        return 'to decide or to be shown, the suite needs metrics such as "pairwise:CONTENDER" in its suite.toml'
    return f"decisions are rows of a verdict: {', '.join(f'{PAIRWISE}{name}' for name in contest.references)}"


def _ties(order: Sequence[Item], reviewer: str, drawn: Drawn) -> dict[int, tuple[Review, ...]]:
    """Pairs of equal answers by the number of the item that they are kept with; 0 where there is no item."""
    last, number = sum(not item.same for item in order), 1
    found: dict[int, tuple[Review, ...]] = {}
    for item in order:
        if item.same:
            ours, theirs = item.trials
            tie = Review(reviewer, ours, theirs, drawn, TIE)
            found[min(number, last)] = (*found.get(min(number, last), ()), tie)
        else:
            number += 1
    return found


def _held(item: Item, kept: Mapping[frozenset[str], list[Review]], batch: Batch) -> tuple[Review, ...]:
    """What was said of an item; nothing where one of the answers that are rated together lacks it, or by another rubric."""
    if not batch.rates:
        return tuple(kept.get(item.key, ()))
    rubric = rubric_id(batch.criteria)
    found = [[r for r in kept.get(frozenset((trial,)), ()) if r.rubric == rubric] for trial in item.trials]
    return tuple(review for some in found for review in some) if all(found) else ()
