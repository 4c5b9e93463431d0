"""From inputs to rows: what is asked, in which order, and what is left out on the way.

Inputs are held against cases and training rows before anybody is paid to answer them, and answers are graded last, when all that
costs nothing has been asked of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from harness.data import Row, invent
from harness.data.fresh import giving_away, stale
from harness.distill.asking import Asking
from harness.distill.desk import Desk
from harness.distill.form import form, said
from harness.distill.inputs import Input, text_input
from harness.distill.made import Distilled
from harness.errors import Incomplete
from harness.evidence import kin_of
from harness.experiment import Model
from harness.files import Target, target, write
from harness.files.draft import refuse_taken
from harness.grade import grade
from harness.metrics.juror import Subject
from harness.models.flight import OutOfMoney
from harness.plural import plural
from harness.progress.meter import Meter
from harness.store import open_store
from harness.suite import Case
from harness.trial import Generation, Trial
from harness.vendors import Spending, Vendors
from harness.verdict.economics.memo import usd

ROUNDS = 8
"""How often questions for new inputs are asked, where their answers bring too few that are new."""
NO_ANSWER, UNGRADED = "without an answer", "without a grade"
QUESTION, UNREADABLE = "question for new inputs", "questions for new inputs whose reply was none"
UNREAD = "no reply could be read"
DROPPED = ("synthetic", "teacher", "served", "wrote", "source", "when", "cost", "score", "reviewed", "split")
"""Columns of an input that would say something wrong of the answer."""
RENAMED = {"feedback": "input_feedback"}
"""Whose words an input is can still be found; nobody has given feedback on the answer."""


def distill(
    desk: Desk,
    out: Path,
    *,
    spending: Spending | None = None,
    meter: Meter | None = None,
    wait: float = 0.0,
    say: Callable[[str], None] = lambda line: None,
) -> Distilled:
    """Have a teacher write training rows.

    Raises:
        BadInput: for anything wrong in what was given, before anything is paid for.
        Incomplete: when answers are missing, more would cost more than may be spent, or nothing is good enough; what was answered is
            kept, and ``out`` is not written.
        StoreBusy: when another run holds the store.
    """
    goal = target(out)
    refuse_taken(out, replace=desk.wanted.replace)
    desk.refuse_own(out)
    meter = meter or Meter(quiet=True)
    with (
        open_store(desk.experiment.home, write=True, wait=wait, say=say) as store,
        closing(Vendors(desk.experiment, store, spending or Spending(), say)) as vendors,
    ):
        vendors.check([desk.teacher, *(grader.model for grader in desk.graders)])
        meter.spent = lambda: vendors.account.spent
        doing = _Doing(desk, Asking(store, vendors, desk.experiment.home, meter), vendors)
        return doing.written(goal)


@dataclass(frozen=True, slots=True)
class _Answer:
    """An input with what the teacher said to it."""

    input: Input
    trial: Trial
    row: Generation
    when: str | None
    text: str
    score: float | None = None


@dataclass
class _Doing:
    """The asking and sorting out under way."""

    desk: Desk
    asking: Asking
    vendors: Vendors
    left: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    stopped: OutOfMoney | None = None

    def written(self, goal: Target) -> Distilled:
        desk = self.desk
        inputs, self.left = desk.fresh[0], Counter(desk.fresh[1])
        new = self._invented() if desk.wanted.new else []
        good = self._graded(self._clean(self._formed(self._answered([*inputs, *new]))))
        self._refuse_missing(good)
        rows = [(f"row {number}", _told(one, desk.teacher)) for number, one in enumerate(good, 1)]
        write(rows, goal, replace=desk.wanted.replace)
        costs = [row["cost"] for _, row in rows if "cost" in row]
        return Distilled(
            out=goal.path,
            teacher=desk.teacher.id,
            rows=len(rows),
            read=len(desk.read),
            invented=len(new),
            left=self.left,
            spent=self.vendors.account.spent,
            cost=sum(costs) if costs else None,
            notes=tuple(self.notes),
        )

    # --- new inputs

    def _invented(self) -> list[Input]:
        """As many new inputs as are wanted, or as many as there are after so many rounds."""
        desk, pool, asked = self.desk, list[Input](), 0
        known = [*desk.known, *(one.row for one in desk.read), *(Row("a seed", (text,)) for text in desk.seeds)]
        kept: list[Input] = []
        gone: Counter[str] = Counter()
        for _ in range(ROUNDS):
            questions = desk.questions(asked, ceil((desk.wanted.new - len(kept)) / invent.AT_ONCE))
            asked += len(questions)
            pool += self._read(questions)
            left = stale([one.row for one in pool], known=known, cases=desk.cases)
            before, kept = len(kept), [one for i, one in enumerate(pool) if i not in left]
            gone = Counter(one.why for one in left.values())
            if len(kept) >= desk.wanted.new or len(kept) == before or self.stopped:
                break
        self.left += gone
        if len(kept) < desk.wanted.new:
            said = f"{len(kept):,} of {desk.wanted.new:,} new inputs: the others were none, or not new: more seeds bring more"
            self.notes.append(said)
        return kept[: desk.wanted.new]

    def _read(self, questions: Sequence[Trial]) -> list[Input]:
        made: list[Input] = []
        for trial, row, _ in self._ask(questions, "questions for new inputs", QUESTION):
            texts = invent.read(row.text or "")
            self.left[UNREADABLE] += not texts
            share = None if row.cost is None or not texts else row.cost / len(texts)
            names = (f"{trial.case_id}.{i}" for i in range(1, len(texts) + 1))
            made += [
                text_input(name, text, invented=True, share=share) for name, text in zip(names, texts, strict=True)
            ]
        return made

    # --- answers

    def _ask(self, trials: Sequence[Trial], what: str, noun: str) -> list[tuple[Trial, Generation, datetime | None]]:
        """Those that have an answer when all were asked, or money has ended.

        Raises:
            Incomplete: when others have none, unless a part is wanted.
        """
        try:
            told = self.asking.answers(self.desk.teacher, trials, what)
        except OutOfMoney as error:
            self.stopped = error
            told = self.asking.store.generations([trial.id for trial in trials])
        rows = [(trial, *told.get(trial.id, (Generation(trial.id, error="not asked"), None))) for trial in trials]
        self._lack(noun, NO_ANSWER, [row.error for _, row, _ in rows if row.error is not None])
        return [one for one in rows if one[1].error is None]

    def _answered(self, inputs: Sequence[Input]) -> list[_Answer]:
        trials = self.desk.trials(inputs)
        asked = {trial.id: one for trial, one in zip(trials, inputs, strict=True)}
        found: list[_Answer] = []
        for trial, row, when in self._ask(trials, "answers", "input"):
            stored = None if when is None else f"{when:%Y-%m-%dT%H:%M:%SZ}"
            found.append(_Answer(asked[trial.id], trial, row, stored, said(self.desk.cell.contender, row)))
        return found

    def _lack(self, noun: str, why: str, failed: Sequence[str]) -> None:
        """Count what is missing; it ends the work unless a part is wanted.

        Raises:
            Incomplete: saying what is missing and what to do.
        """
        if not failed:
            return
        self.left[why if noun == "input" else f"{noun}s {why}"] += len(failed)
        if self.desk.wanted.partial:
            return
        lacking = f"{plural(len(failed), noun)} {'is' if len(failed) == 1 else 'are'} {why}"
        if self.stopped:
            limit, spent = self.vendors.account.limit, self.vendors.account.spent
            raise Incomplete(
                f"stopped before --max-cost {usd(limit)} would be passed: {usd(spent)} spent; {lacking}; "
                "what was answered is kept: run again to go on, or write what is there with --partial"
            )
        raise Incomplete(
            f"{lacking} (the first: {failed[0][:200]}): what was answered is kept: run again to ask for "
            "these, or write the rest with --partial"
        )

    # --- what is left out

    def _formed(self, answers: Sequence[_Answer]) -> list[_Answer]:
        wrong = form(
            self.desk.task.suite, self.desk.cell.contender, (row.answers[0] for row in self.desk.trained if row.answers)
        )
        kept = []
        for one in answers:
            why = wrong(one.row)
            if why is None:
                kept.append(one)
            else:
                self.left[why] += 1
        return kept

    def _clean(self, answers: Sequence[_Answer]) -> list[_Answer]:
        """Without answers that say what a case asks."""
        gone = giving_away([Row(one.input.where, (), (one.text,)) for one in answers], self.desk.cases)
        self.left.update(one.why for one in gone.values())
        return [one for i, one in enumerate(answers) if i not in gone]

    def _graded(self, answers: Sequence[_Answer]) -> list[_Answer]:
        desk = self.desk
        if desk.metric is None:
            if desk.task.suite.rubric:
                self.notes.append("the rubric is for a judge and nobody judged: name one with --judge")
            return list(answers)
        subjects = [Subject(one.trial.id, Case(one.input.where, one.input.text, ""), one.text) for one in answers]
        scores = self._judged(subjects) if desk.metric.judge else [desk.metric(one.case, one.text) for one in subjects]
        kept = [
            _Answer(one.input, one.trial, one.row, one.when, one.text, score)
            for one, score in zip(answers, scores, strict=True)
            if score is not None and score >= desk.wanted.least
        ]
        self.left[f"scores less than {desk.wanted.least:g} by the rubric"] += sum(
            score is not None and score < desk.wanted.least for score in scores
        )
        return kept

    def _judged(self, subjects: Sequence[Subject]) -> list[float | None]:
        """A judge's scores; None where it gave none that could be read."""
        metric = self.desk.metric
        assert metric is not None
        for grader in self.desk.graders:
            if shared := kin_of(grader.model).like(kin_of(self.desk.teacher)):
                self.notes.append(
                    f"the judge {grader.model.id} is of the teacher's family ({', '.join(sorted(shared))}): models grade their own "
                    "kindly, take another one"
                )
        try:
            scores = grade(metric, subjects, self.asking.grade)
        except OutOfMoney as error:
            self.stopped = error
            scores = grade(metric, subjects, self.asking.recall)
        unread = [one.error or "" for one in scores if one.value is None]
        self._lack("input", UNGRADED, [why for why in unread if UNREAD not in why])
        self.left["got no grade that could be read"] += sum(UNREAD in why for why in unread)
        return [one.value for one in scores]

    def _refuse_missing(self, good: Sequence[_Answer]) -> None:
        self.left = +self.left
        if not good:
            said = "; ".join(f"{why}: {count:,}" for why, count in self.left.items()) or "there is no input"
            raise Incomplete(f"no row is left to be written ({said}): what was answered is kept")


def _told(one: _Answer, teacher: Model) -> dict[str, Any]:
    """A row to train on, which says that it is synthetic, whose it is, since when, and what it cost in USD."""
    cost = None if one.row.cost is None else one.row.cost + (one.input.share or 0.0)
    known = {
        "teacher": teacher.id,
        "served": one.row.served,
        "wrote": "input and output" if one.input.invented else "output",
        "source": one.input.where,
        "when": one.when,
        "cost": cost,
        "score": one.score,
    }
    messages = [*one.input.messages, {"role": "assistant", "content": one.text}]
    return {
        "messages": messages,
        **{RENAMED.get(key, key): value for key, value in one.input.more.items() if key not in DROPPED},
        "synthetic": True,
        **{key: value for key, value in known.items() if value is not None},
    }
