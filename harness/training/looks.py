"""Looks: what a training is worth on dev, before its first step, at its end, and where dev chooses at its checkpoints.

    <out>.work/looks.json            {"total": 36, "seen": [{"step": 12, "score": 0.71, "train_loss": 0.31, …}, …]}
    <out>.work/adapters/step-12/     the weights after 12 steps, as a finished adapter has them

A checkpoint is looked at outside the trainer: the model is loaded as for any answer, puts the weights on, answers every dev
case as the candidate is asked it, and the suite's own metric scores that. A loss is the mean of -ln p a token of the reference
answers, of dev and of as many training rows alike, so that the two can be compared.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import cached_property
from math import floor
from pathlib import Path
from statistics import fmean
from typing import Any

from harness.metrics import load_metric
from harness.models.chat import Chat
from harness.suite import load_suite
from harness.training import parallel
from harness.training.job import Exam, Job
from harness.training.lessons import Lesson
from harness.trial import Look, Trial, output_of

SEEN = "looks.json"
ROWS = 16
"""Rows that the likelihood of is read at once."""
SAMPLE = 200
"""Rows of training, and of dev, whose loss is measured at most: a mean of 200 answers has a standard error of 7 % of their spread."""

Pair = tuple[Sequence[int], Sequence[int]]
"""(prompt, answer) as token ids."""


class Looks:
    """The looks of one training; those of a run that was killed are read again, so that nothing is looked at twice."""

    def __init__(
        self, job: Job, chat: Chat, lessons: Callable[[], Sequence[Lesson]], *, context: Callable[[], int]
    ) -> None:
        self.job, self.chat, self._lessons, self._context = job, chat, lessons, context
        self.total: int | None = None
        self.seen: list[Look] = []
        self._read()

    # --- while it trains

    @property
    def choosing(self) -> bool:
        """Whether dev chooses among the checkpoints."""
        return self.job.recipe.keep == "best"

    def due(self, step: int, total: int) -> bool:
        """Whether the weights after ``step`` of ``total`` steps are looked at."""
        recipe = self.job.recipe
        return self.choosing and due(step, total, epochs=recipe.epochs, every=recipe.evaluate_every)

    def folder(self, step: int) -> Path:
        """Where the weights after a step lie."""
        return self.job.work / "adapters" / f"step-{step}"

    def begin(self, model: Any) -> None:
        """The loss of the weights that the training starts from; they have no score here, since they are a contender of their
        own where they are one.
        """
        if self.job.exam is not None and not self.seen:
            self._add(self._losses(model, Look(0)))

    def end(self, model: Any, step: int) -> None:
        """The loss of the weights that it ends with."""
        if self.job.exam is not None and self._after(0):
            self._add(self._losses(model, Look(step)))

    # --- between its legs

    def score(self) -> None:
        """Answer dev with every checkpoint that has not been looked at."""
        from harness.models.local import Local

        steps = sorted(int(path.name.rpartition("-")[2]) for path in self.folder(0).parent.glob("step-*[0-9]"))
        fresh = [step for step in steps if not any(look.step == step for look in self.seen)]
        if not fresh:
            return
        with closing(Local(self.job.model, home=self.job.work)) as local:
            for step in fresh:
                name = self.folder(step).name
                look = Look(step, score=_score(self._exam, local, name))
                with local.wearing(name) as model:
                    self._add(self._losses(model, look))
                self._tidy()

    @property
    def over(self) -> bool:
        """Whether the training has come to its end, or brought nothing better for as long as the recipe has patience."""
        scored = self._scored
        last = bool(scored) and scored[-1].step == self.total
        return last or self._tired(scored)

    @property
    def best(self) -> Look:
        """The look with the highest score; of equals the first, which has moved least from where it began."""
        return max(self._scored, key=lambda look: (look.score, -look.step))

    # --- within

    @property
    def _scored(self) -> list[Look]:
        """Looks with a score, no further than the one at which patience ended."""
        scored = [look for look in self.seen if look.score is not None]
        ends = (count for count in range(1, len(scored)) if self._tired(scored[:count]))
        return scored[: next(ends, len(scored))]

    def _tired(self, scored: Sequence[Look]) -> bool:
        patience = self.job.recipe.patience
        if patience is None or len(scored) <= patience:
            return False
        scores = [look.score or 0.0 for look in scored]
        return max(scores[-patience:]) <= max(scores[:-patience])

    def _after(self, step: int) -> bool:
        return all(look.step <= step for look in self.seen)

    def _tidy(self) -> None:
        """Weights that cannot be chosen any more go."""
        for look in self._scored:
            if look.step != self.best.step:
                shutil.rmtree(self.folder(look.step), ignore_errors=True)

    def _losses(self, model: Any, look: Look) -> Look:
        if not (self._dev and self._train):
            return look
        train, dev = (loss_of(model, pairs, pad=self.chat.pad) for pairs in (self._train, self._dev))
        return Look(look.step, look.score, train, dev, len(self._dev))

    @cached_property
    def _train(self) -> list[Pair]:
        """Training rows of the suite's own whose answers are to be learnt, as many as there are of dev."""
        rows = [lesson for lesson in self._lessons() if lesson.example.own and lesson.example.good]
        return [(row.prompt, row.answers[0]) for row in self._sample(rows, len(self._dev))]

    @cached_property
    def _dev(self) -> list[Pair]:
        exam = self._exam
        pairs = [self.chat.example(asked, case.reference) for asked, case in zip(exam.asked, exam.cases, strict=True)]
        fitting = [pair for pair in pairs if len(pair[0]) + len(pair[1]) <= self._context()]
        own = sum(lesson.example.own and lesson.example.good for lesson in self._lessons())
        return self._sample(fitting, own)

    def _sample(self, rows: Sequence[Any], most: int) -> list[Any]:
        most = min(most, SAMPLE)
        return list(rows) if len(rows) <= most else random.Random(self.job.seed).sample(rows, most)

    @property
    def _exam(self) -> Exam:
        assert self.job.exam is not None
        return self.job.exam

    def _add(self, look: Look) -> None:
        self.seen.append(look)
        self.keep()

    def keep(self) -> None:
        """On disk, whole or as it was; of several processes the first writes."""
        if parallel.rank():
            return
        self.job.work.mkdir(parents=True, exist_ok=True)
        draft = self.job.work / f"{SEEN}.new"
        draft.write_text(json.dumps({"total": self.total, "seen": [asdict(look) for look in self.seen]}), "utf-8")
        draft.replace(self.job.work / SEEN)

    def _read(self) -> None:
        try:
            kept = json.loads((self.job.work / SEEN).read_text(encoding="utf-8"))
            self.total, self.seen = kept["total"], [Look(**look) for look in kept["seen"]]
        except (OSError, ValueError, KeyError, TypeError):
            self.total, self.seen = None, []


def due(step: int, total: int, *, epochs: float, every: float) -> bool:
    """Whether a look is due after ``step`` of ``total`` steps: when as many epochs have passed as are ``every``, and at the end."""
    steps = total / epochs * every
    return step == total or floor(step / steps) > floor((step - 1) / steps)


def loss_of(model: Any, pairs: Sequence[Pair], *, pad: int) -> float:
    """The mean of -ln p a token of the answers, as a training minimises it; ``model`` is left as it was, training or not."""
    from harness.models.likelihood import log_likelihoods

    ordered = sorted(pairs, key=lambda pair: len(pair[0]) + len(pair[1]))
    trains = model.training
    model.eval()
    try:
        known = [
            sum(log_likelihoods(model, [prompt for prompt, _ in some], [answer for _, answer in some], pad=pad))
            for some in (ordered[at : at + ROWS] for at in range(0, len(ordered), ROWS))
        ]
    finally:
        model.train(trains)
    return -sum(known) / sum(len(answer) for _, answer in ordered)


def _score(exam: Exam, local: Any, adapter: str) -> float:
    """The mean of the suite's metric over the answers to dev."""
    metric = load_metric(exam.metric, load_suite(exam.folder))
    trials = list(_trials(exam, adapter, local.name))
    answers = {generation.trial_id: generation for batch in local.generate(trials) for generation in batch}
    return fmean(metric(case, output_of(answers[trial.id])) for case, trial in zip(exam.cases, trials, strict=True))


def _trials(exam: Exam, adapter: str, model: str) -> Iterator[Trial]:
    for number, (case, asked) in enumerate(zip(exam.cases, exam.asked, strict=True)):
        yield Trial(
            id=f"{number:016x}",
            suite=exam.folder.name,
            contender=adapter,
            technique="tune",
            model=model,
            case_id=case.id,
            split=case.split,
            cluster=case.cluster,
            messages=asked,
            max_new_tokens=exam.max_new_tokens,
            adapter=adapter,
        )
