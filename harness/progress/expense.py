"""What a run would cost, before it is paid for: answers of served models by the token, work on this machine by the hour.

    openai:gpt-5.4-mini: at most $0.58 for 1,200 answers (310,000 tokens in, 76,800 out; litellm 1.109.1 of 2026-11-22)
    this machine: $1.20 for 0.31 hours at $3.85 an hour

Tokens of a prompt are estimated at four bytes each, those of an answer are all that it may have: an upper bound but for
the estimate. A price is the model's own in the experiment, else that of the experiment's ``prices``, else the snapshot's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.experiment import Experiment, Model
from harness.machine import gpus
from harness.matrix import Cell
from harness.models import is_local
from harness.models.served import BYTES_A_TOKEN, FRAME
from harness.plural import plural
from harness.run import Todo
from harness.trial import Message
from harness.verdict.economics import Prices, load_prices
from harness.verdict.economics.memo import amount, usd

FREE = "scripted:"
HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Bill:
    """One line; ``usd`` is None where no price or no pace is known, and ``said`` says what to do about it."""

    what: str
    usd: float | None
    said: str


def expenses(todo: Todo) -> tuple[Bill, ...]:
    """One bill a served model that has answers to give, and one for this machine where its hour has a price."""
    return (*_served(todo), *_here(todo))


def total(bills: Iterable[Bill]) -> float | None:
    """USD of all bills; None where one is not known."""
    known = [bill.usd for bill in bills]
    return None if None in known else sum(usd for usd in known if usd is not None)


def _served(todo: Todo) -> Iterator[Bill]:
    cells: dict[str, list[Cell]] = {}
    for cell in todo.cells:
        if not is_local(cell.model) and not cell.model.id.startswith(FREE):
            cells.setdefault(cell.model.id, []).append(cell)
    if cells:
        prices = _prices(todo.matrix.experiment)
        yield from (_by_token(some, prices) for some in cells.values())


def _prices(experiment: Experiment) -> Prices:
    return load_prices(experiment.folder / experiment.prices if experiment.prices else None)


def _by_token(cells: Sequence[Cell], prices: Prices) -> Bill:
    model = cells[0].model
    found = _price(model, prices)
    if found is None:
        return Bill(
            model.id,
            None,
            f"{model.id}: no price known: give the model input_cost_per_token and output_cost_per_token, or the "
            "experiment a list of prices",
        )
    prompt, answer, source = found
    trials = [trial for cell in cells for trial in cell.trials()]
    into, out = sum(_tokens(trial.messages) for trial in trials), sum(trial.max_new_tokens for trial in trials)
    cost = into * prompt + out * answer
    said = f"{plural(len(trials), 'answer')} ({into:,} tokens in, {out:,} out; {source})"
    return Bill(model.id, cost, f"{model.id}: at most {usd(cost)} for {said}")


def _price(model: Model, prices: Prices) -> tuple[float, float, str] | None:
    """USD a prompt and an answer token and where that stands; the dearer end of a range. A server of one's own has none."""
    if model.input_cost_per_token is not None and model.output_cost_per_token is not None:
        return model.input_cost_per_token, model.output_cost_per_token, "the experiment's price"
    row = None if "@" in model.id else prices.model(model.id)
    if row is None:
        return None
    source = ", ".join(filter(None, (row.source or prices.name, row.date)))
    return row.input.high, row.output.high, source


def _tokens(messages: Sequence[Message]) -> int:
    return sum(FRAME + -(-len(message["content"].encode("utf-8", "replace")) // BYTES_A_TOKEN) for message in messages)


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
