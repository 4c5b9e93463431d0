"""All that can be known before a teacher is asked: who it is, what it is told, and which inputs are new.

desk = Desk(load_task(folder), wanted, None)
desk.check()
desk.trials(desk.fresh[0])                   # a question for each new input
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from harness.data import Row, invent
from harness.data.fresh import stale
from harness.distill.inputs import Input, read_inputs
from harness.distill.wanted import Wanted, contender_of, experiment_of, judging_of, model_of
from harness.errors import BadInput
from harness.experiment import Experiment, Model
from harness.exposure import Source
from harness.matrix import Cell
from harness.metrics import Metric, load_metric
from harness.metrics.juror import Grader
from harness.models import identity
from harness.prompt import Prompter
from harness.suite import Case, Task, load_task
from harness.training.rows import Data
from harness.trial import Message, Trial, ask_ids

WARM = 1.0
"""Temperature at which inputs are written: what is likeliest is what there is already."""


@dataclass
class Desk:
    """One suite and what is wanted for it; ``given`` is the experiment, where there is one."""

    task: Task
    wanted: Wanted
    given: Path | None

    @cached_property
    def experiment(self) -> Experiment:
        return experiment_of(self.given, self.task.suite, self.wanted.teacher)

    @cached_property
    def teacher(self) -> Model:
        return model_of(self.experiment, self.wanted.teacher)

    @cached_property
    def cell(self) -> Cell:
        """The teacher as a contender: what it is told, and whether it is held to the schema."""
        contender = contender_of(self.wanted, self.task.suite)
        prompter = Prompter(self.task, contender, seed=self.experiment.seed)
        return Cell(self.teacher, identity(self.teacher), self.task, contender, prompter)

    @cached_property
    def graders(self) -> list[Grader]:
        judging = judging_of(self.wanted, self.experiment, self.task.suite)
        some = judging.bases if judging else ()
        return [Grader(model, identity(model), judging.repeats, judging.tries) for model in some] if judging else []

    @cached_property
    def metric(self) -> Metric | None:
        """The rubric: a judge's, or its rules; None where it has none of both."""
        if self.task.suite.rubric is None:
            return None
        if self.graders:
            return load_metric("rubric", self.task.suite, graders=self.graders)
        with suppress(BadInput):  # of criteria for a judge alone
            return load_metric("rubric", self.task.suite)
        return None

    @cached_property
    def read(self) -> list[Input]:
        return read_inputs(self.wanted.inputs, self.wanted.format) if self.wanted.inputs else []

    @cached_property
    def trained(self) -> list[Row]:
        """What there is to train on."""
        return list(self._rows("train"))

    @cached_property
    def known(self) -> list[Row]:
        """That, and what else trainings and prompts see."""
        return [*self.trained, *self._rows("preferences"), *self._rows("ratings"), *self._rows("golden")]

    @cached_property
    def fresh(self) -> tuple[list[Input], Counter[str]]:
        """The inputs that are new, and why others are not."""
        gone = stale([one.row for one in self.read], known=self.known, cases=self.cases)
        new = [one for i, one in enumerate(self.read) if i not in gone]
        return new, Counter(one.why for one in gone.values())

    @cached_property
    def seeds(self) -> list[str]:
        """Inputs to be shown to the teacher: none that is like a case."""
        if self.wanted.seeds is not None:
            rows = [one.row for one in read_inputs(self.wanted.seeds)]
        else:
            rows = [one.row for one in self.read] or self.trained
        gone = stale(rows, known=(), cases=self.cases)
        return [row.asked[-1] for i, row in enumerate(rows) if i not in gone and row.asked]

    @cached_property
    def cases(self) -> list[Case]:
        return list(self.task.cases)

    @property
    def limit(self) -> int:
        return self.wanted.max_new_tokens or self.task.suite.max_new_tokens

    def check(self) -> None:
        """Say now what would be said later."""
        _ = self.cell, self.graders, self.metric, self.read
        if self.wanted.new and not self.seeds:
            raise BadInput(
                f"{self.task.suite.folder}: no seeds to write new inputs from, none that is unlike the cases: name --seeds FILE"
            )

    def refuse_own(self, out: Path) -> None:
        """Refuse to write over what there is to learn from.

        Raises:
            BadInput: when a file of the suite, or of inputs, is to be written.
        """
        suite = self.task.suite
        named = [suite.cases, suite.train, suite.preferences, suite.ratings, suite.golden, suite.skip, suite.labels]
        own = [*(suite.path(name) for name in named if name), self.wanted.inputs, self.wanted.seeds]
        if out.resolve() in [path.resolve() for path in own if path]:
            raise BadInput(
                f"{out}: is read here: write a file of its own, and add its rows to the others when you have read some"
            )

    def questions(self, first: int, count: int) -> list[Trial]:
        """Questions for new inputs, by their numbers."""
        told = self.task.suite.prompt(self.cell.contender.prompt)
        asked = []
        for number in range(first, first + count):
            shown = invent.draw(self.seeds, number, seed=self.wanted.seed)
            asked.append(
                self._trial(invent.ask(shown, told=told), Case(f"new {number}", "", ""), invent.room(shown), number)
            )
        return asked

    def trials(self, inputs: Sequence[Input]) -> list[Trial]:
        """A question for each input."""
        cases = [Case(one.where, one.text, "") for one in inputs]
        asks = self.cell.prompter.ask_all(cases)
        rows = zip(cases, (_joined(ask.messages, one) for ask, one in zip(asks, inputs, strict=True)), strict=True)
        return [self._trial(messages, case, self.limit, None) for case, messages in rows]

    def _trial(self, messages: tuple[Message, ...], case: Case, limit: int, number: int | None) -> Trial:
        """``number`` is that of a question for new inputs."""
        schema = self.cell.schema if number is None else invent.SCHEMA
        warmth = 0.0 if number is None else WARM
        ask_id = ask_ids(
            model=self.cell.identity, adapter=None, max_new_tokens=limit, schema=schema, temperature=warmth
        )
        return Trial(
            id=ask_id(messages, case, number or 0),
            suite=self.task.suite.name,
            contender="teacher",
            technique="distill",
            model=self.teacher.id,
            case_id=case.id,
            split="train",
            cluster=case.id,
            messages=messages,
            max_new_tokens=limit,
            repeat=number or 0,
            schema=schema,
            temperature=warmth,
        )

    def _rows(self, name: str) -> Iterable[Row]:
        """What a file of the suite asks and answers."""
        file = getattr(self.task.suite, name)
        data: Data = "preferences" if name == "preferences" else "ratings" if name == "ratings" else "train"
        return Source(self.task.suite.path(file), data).texts() if file else ()


def _joined(asked: tuple[Message, ...], one: Input) -> tuple[Message, ...]:
    """The teacher's question with what was said before it; a system prompt of the input's own takes the place of the suite's."""
    *head, last = asked
    before = [message for message in one.messages[:-1] if message["role"] != "system"]
    own = [message for message in one.messages if message["role"] == "system"]
    told = [message for message in head if message["role"] != "system"] if own else head
    return (*own, *told, *before, last)


def open_desk(folder: Path, wanted: Wanted, experiment: Path | None = None) -> Desk:
    """A suite's desk, looked through.

    Raises:
        BadInput: for anything wrong in what was given.
    """
    desk = Desk(load_task(folder), wanted, experiment)
    desk.check()
    return desk
