"""Served models in a run: asked at once or in batches, each at its price, all on one account.

    vendors = Vendors(experiment, store, Spending(batch=True, most=5.0), say=print)
    for rows in vendors.answers(model, trials):
        store.add_generations(rows)         # before the next rows are asked for

A batch is noted in the store before anybody waits for it: a run that was killed finds it there and pays for nothing twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

from harness.errors import BadInput
from harness.experiment import Experiment, Model
from harness.models import ModelBackend, is_served, load_backend
from harness.models.account import Account, Terms
from harness.models.batches import Desk, open_desk
from harness.models.batches.desk import SIZE
from harness.models.flight import OutOfMoney
from harness.models.served import Served
from harness.plural import plural
from harness.store import Batch, Store
from harness.store import batches as portions
from harness.tariff import Tariff, unpriced
from harness.trial import Generation, Trial

POLLS = (5.0, 60.0)
"""Seconds between two looks at a batch: at first, and at most; each is half as long again as the one before."""


@dataclass(frozen=True, slots=True)
class Spending:
    """How served models are paid: in batches or at once, and at most how many USD in this run."""

    batch: bool = False
    most: float | None = None


@dataclass
class Vendors:
    """Everything that one run asks of served (and scripted) models."""

    experiment: Experiment
    store: Store
    spending: Spending
    say: Callable[[str], None]
    account: Account = field(init=False)
    _backends: dict[str, ModelBackend] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.account = Account(limit=inf if self.spending.most is None else self.spending.most)

    @cached_property
    def tariff(self) -> Tariff:
        return Tariff(self.experiment)

    def check(self, models: Sequence[Model]) -> None:
        """Refuse what would fail later, before anything is paid for.

        Raises:
            MissingExtra: for an SDK that is not installed.
            BadInput: for a missing key, or a price that nobody knows where there is a limit.
        """
        for model in filter(is_served, models):
            if self.spending.most is not None and self.tariff.price(model) is None:
                raise BadInput(f"--max-cost cannot be kept: {unpriced(model)}")
            if self.spending.batch and len(model.base_url) > 1:
                raise BadInput(
                    f"model {model.id!r}: --batch submits to one address, and base_url names {len(model.base_url)}: run without it"
                )
            self._backend(model)

    def batched(self, model: Model) -> bool:
        """Whether answers of this model are made in batches."""
        return self.spending.batch and is_served(model)

    def answers(self, model: Model, trials: Sequence[Trial]) -> Iterator[list[Generation]]:
        """Exactly one row for every trial, as they come.

        Raises:
            OutOfMoney: when the next request might pass the limit; nothing is under way then.
            BadInput: when the vendor refuses the key, or a batch that is under way answers them.
        """
        if not trials:
            return
        backend = self._backend(model)
        if isinstance(backend, Served) and self.spending.batch:
            yield from _Batched(open_desk(backend), self.store, self.account, self.say).answers(trials)
            return
        if isinstance(backend, Served):
            self._refuse_waiting(backend, trials)
        yield from backend.generate(trials)

    def close(self) -> None:
        """Give connections back."""
        while self._backends:
            self._backends.popitem()[1].close()

    def _backend(self, model: Model) -> ModelBackend:
        """Opened once a run: what was learnt of a server's limits is kept, and so are connections."""
        if model.id not in self._backends:
            terms = Terms(self.tariff.price(model), self.account, self.say) if is_served(model) else None
            self._backends[model.id] = load_backend(model, home=self.experiment.home, terms=terms)
        return self._backends[model.id]

    def _refuse_waiting(self, backend: Served, trials: Sequence[Trial]) -> None:
        """What is being answered in a batch is not paid for again."""
        wanted = {trial.id for trial in trials}
        for batch in self.store.batches(backend.hash):
            if both := wanted.intersection(batch.trial_ids):
                raise BadInput(
                    f"{backend.name}: {plural(len(both), 'answer')} of these are in batch {batch.id}, submitted "
                    f"{batch.submitted:%Y-%m-%d %H:%M} UTC: run with --batch to collect them, or give the batch up with "
                    f"`harness forget --batch {batch.id}`"
                )


@dataclass(slots=True)
class _UnderWay:
    trials: dict[str, Trial]
    held: float = 0.0
    whole: bool = True
    """False where the batch answers trials too that nobody asks for now."""


@dataclass
class _Batched:
    """One model's trials, answered in batches."""

    desk: Desk
    store: Store
    account: Account
    say: Callable[[str], None]

    def answers(self, trials: Sequence[Trial]) -> Iterator[list[Generation]]:
        asked, refused = self.desk.backend.parted(trials)
        if refused:
            yield refused
        under_way, queue = self._found({trial.id: trial for trial in asked})
        redone: set[str] = set()
        while queue or under_way:
            while piece := self._piece(queue):
                name, one = self._submitted(piece)
                under_way[name] = one
            if not under_way:
                raise OutOfMoney
            name, fault = self._await(under_way)
            one, spent = under_way.pop(name), 0.0
            for rows in portions(self.desk.results(name, one.trials, fault)):
                again = [row.trial_id for row in rows if row.trial_id in self.desk.again - redone]
                queue += [one.trials[trial_id] for trial_id in again]
                redone.update(again)
                spent += sum(self._spent(row, one.trials[row.trial_id]) for row in rows)
                yield [row for row in rows if row.trial_id not in again]
            self.account.settle(one.held, spent)
            if one.whole:
                self.store.end_batch(name)

    def _spent(self, row: Generation, trial: Trial) -> float:
        """USD of one request; of an answer that nobody counted, the most that it may have cost. Failed ones are free."""
        if row.error is not None:
            return 0.0
        return self.desk.terms.most(trial) if row.cost is None else row.cost

    def _found(self, asked: dict[str, Trial]) -> tuple[dict[str, _UnderWay], deque[Trial]]:
        """Batches that a run before this one submitted, and what is in none of them. They were paid for then."""
        under_way: dict[str, _UnderWay] = {}
        for batch in self.store.batches(self.desk.backend.hash):
            theirs = {name: asked.pop(name) for name in batch.trial_ids if name in asked}
            if theirs:
                others = [name for name in batch.trial_ids if name not in theirs]
                under_way[batch.id] = _UnderWay(theirs, whole=not self.store.missing(others))
                self.say(f"batch {batch.id} is taken up: {plural(len(theirs), 'answer')} of {self.desk.backend.name}")
        return under_way, deque(asked.values())

    def _piece(self, queue: deque[Trial]) -> list[Trial]:
        """As many from the front as one batch may hold and there is money for; they are held on the account."""
        piece: list[Trial] = []
        size = 0
        while queue and len(piece) < self.desk.most:
            size += sum(len(m["content"].encode("utf-8", "replace")) for m in queue[0].messages) * 2
            if (piece and size > SIZE) or not self.account.hold(self.desk.terms.most(queue[0])):
                break
            piece.append(queue.popleft())
        return piece

    def _submitted(self, piece: list[Trial]) -> tuple[str, _UnderWay]:
        held = sum(self.desk.terms.most(trial) for trial in piece)
        name = self.desk.submit(piece)
        self.store.add_batch(Batch(name, self.desk.backend.hash, tuple(trial.id for trial in piece)))
        self.say(f"batch {name} submitted: {plural(len(piece), 'answer')} of {self.desk.backend.name}")
        return name, _UnderWay({trial.id: trial for trial in piece}, held)

    def _await(self, under_way: dict[str, _UnderWay]) -> tuple[str, str | None]:
        """The first batch that is over, and what is wrong with it."""
        wait, longest = POLLS
        while True:
            for name, one in under_way.items():
                standing = self.desk.look(name)
                if standing.over:
                    self.say(f"batch {name} {standing.fault or 'is done'}")
                    return name, standing.fault
                self.say(f"batch {name}: {standing.done:,} of {standing.total or len(one.trials):,} done")
            time.sleep(wait)
            wait = min(longest, wait * 1.5)
