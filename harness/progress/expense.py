"""What a run would cost, before it is paid for: answers of served models by the token, work on this machine by the hour.

    openai:gpt-5.4-mini: at most $0.58 for 1,200 answers (310,000 tokens in, 76,800 out; litellm 1.109.1 of 2026-11-22)
    openai:gpt-5.4-mini: at most $0.91 for 1,200 gradings (670,000 tokens in, 432,000 out; litellm 1.109.1 of 2026-11-22)
    this machine: $1.20 for 0.31 hours at $3.85 an hour

Tokens of a prompt are estimated at four bytes each, those of an answer are all that it may have: an upper bound but for
the estimate, and for replies of a judge that have to be asked for again. What a price is says ``harness.tariff``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.experiment import Model
from harness.machine import gpus
from harness.matrix import Cell
from harness.metrics.juror import Subject
from harness.models import is_local, is_served
from harness.models.account import tokens
from harness.plural import plural
from harness.progress.gradings import Gradings
from harness.tariff import Tariff, unpriced
from harness.todo import Todo
from harness.verdict.economics.memo import amount, usd

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Bill:
    """One line; ``usd`` is None where no price or no pace is known, and ``said`` says what to do about it."""

    what: str
    usd: float | None
    said: str


def expenses(todo: Todo, gradings: Sequence[Gradings] = (), *, batch: bool = False) -> tuple[Bill, ...]:
    """One bill a served model that has answers to give, one a served judge, and one for this machine where its hour has a
    price; with ``batch`` at the price of batches.
    """
    return (*_served(todo, batch), *_judged(todo, gradings, batch), *_here(todo))


def total(bills: Iterable[Bill]) -> float | None:
    """USD of all bills; None where one is not known."""
    known = [bill.usd for bill in bills]
    return None if None in known else sum(usd for usd in known if usd is not None)


@dataclass(slots=True)
class Load:
    """What one model is asked: how often, and with how many tokens in and out."""

    model: Model
    count: int = 0
    into: int = 0
    out: int = 0

    def add(self, into: int, out: int, count: int = 1) -> None:
        """So many questions of so many tokens each."""
        self.count += count
        self.into += count * into
        self.out += count * out

    def bill(self, tariff: Tariff, noun: str, *, batch: bool) -> Bill:
        price = tariff.price(self.model)
        if price is None:
            return Bill(self.model.id, None, unpriced(self.model))
        price = price.batched() if batch else price
        cost = price.usd(self.into, self.out)
        said = f"{plural(self.count, noun)} ({self.into:,} tokens in, {self.out:,} out; {price.source})"
        return Bill(self.model.id, cost, f"{self.model.id}: at most {usd(cost)} for {said}")


def _served(todo: Todo, batch: bool) -> Iterator[Bill]:
    tariff = Tariff(todo.matrix.experiment)
    cells: dict[str, list[Cell]] = {}
    for cell in todo.cells:
        if is_served(cell.model):
            cells.setdefault(cell.model.id, []).append(cell)
    for some in cells.values():
        load = Load(some[0].model)
        for trial in (trial for cell in some for trial in cell.trials()):
            load.add(tokens(trial.messages), trial.max_new_tokens)
        yield load.bill(tariff, "answer", batch=batch)


def _judged(todo: Todo, gradings: Sequence[Gradings], batch: bool) -> Iterator[Bill]:
    """What is asked about an answer is known but for the answer, which counts as long as it may be."""
    tariff = Tariff(todo.matrix.experiment)
    loads: dict[str, Load] = {}
    for some in gradings:
        shown = some.longest * (2 if some.jury.opponent else 1)
        for juror in some.jury.jurors:
            model = juror.grader.model
            for case in some.cases if is_served(model) else ():
                load = loads.setdefault(model.id, Load(model))
                trial = juror.ask(Subject("", case, "", rival=""), 0)
                load.add(tokens(trial.messages) + shown, trial.max_new_tokens, juror.questions)
    yield from (load.bill(tariff, "grading", batch=batch) for load in loads.values())


def _here(todo: Todo) -> Iterator[Bill]:
    """Hours of the machine, each of its GPUs counted, at the pace measured before."""
    price = hour_usd(todo)
    local = sum(cell.size for cell in todo.cells if is_local(cell.model))
    if price is None or not (local or todo.jobs):
        return
    if (local and todo.seconds_per_trial is None) or (todo.steps and todo.seconds_per_step is None):
        yield Bill("this machine", None, "this machine: no estimate: nothing was measured on this store yet")
        return
    work = local * (todo.seconds_per_trial or 0.0) + todo.steps * (todo.seconds_per_step or 0.0)
    taken = hours(todo, work)
    cost = taken * price
    said = f"this machine: {usd(cost)} for {taken:.2g} hours at {amount('gpu_hour_usd', price)}"
    yield Bill("this machine", cost, said)


def hours(todo: Todo, work: float) -> float:
    """Hours that have a price, those of every GPU, in so many seconds of one worker's work."""
    return work / todo.workers / HOUR * max(1, gpus())


def hour_usd(todo: Todo) -> float | None:
    """USD an hour of one GPU (or of a machine without one): the experiment's, else the policy's likeliest."""
    own, cost = todo.matrix.experiment.gpu_hour_usd, todo.matrix.policy.cost
    if own is not None:
        return own
    return cost.gpu_hour_usd.mode if cost and cost.gpu_hour_usd else None
