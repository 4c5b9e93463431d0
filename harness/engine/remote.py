"""Several machines: works become tasks of a launcher (Ray, Slurm), and what they leave in the spool goes to the store.

    with Remote(launcher, spool, settings, say=print) as engine:
        engine.run(works, sink)

A training is one task. The trials of all cells that are ready, of one base model, are cut into portions: small cells share the
loading of a model, and a large one is spread over machines. A task whose machine is lost is given out again for what it has not
left in the spool, a few times. When this process is killed nothing is lost either: the next run takes in the spool first.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from harness.engine.order import Order, Outcome
from harness.engine.perform import Asked
from harness.engine.spool import BATCH, STEP, Spool
from harness.engine.work import Check, Generate, Sink, Train, Work
from harness.errors import BadInput, HarnessError
from harness.plural import plural
from harness.resources import Machines, Role
from harness.training.job import read_training
from harness.training.rows import read_rows
from harness.trial import Generation, Trial

LOOK = {False: 1.0, True: 5.0}
"""Seconds between two looks at the spool: a folder, or a bucket that is paid by the look."""
ROUNDS = 2
"""Portions that each place for a task gets: with more, a slow one is waited for less, and a model is loaded more often."""
TOGETHER = 8192
"""Answers that are stored at once, where so many wait."""
COMPLAIN = 60.0
"""Seconds between two looks at whether what is under way can still be done."""
LATE = 60.0
"""Seconds that answers may come after their task has ended: as long as NFS keeps what a folder held."""
LEAST = 256
"""Questions of a portion, where there are so many: loading a model takes as long as answering some hundreds."""


class Launcher(Protocol):
    """Gives orders to machines. A handle is whatever it likes."""

    def refuse(self, roles: Collection[Role]) -> None:
        """Raises BadInput for what no machine can do."""
        ...

    def places(self, role: Role) -> int:
        """How many tasks of a role can be under way at once."""
        ...

    def submit(self, order: Order) -> Any: ...

    def ended(self, handles: Sequence[Any], wait: float) -> list[tuple[Any, Outcome]]:
        """Those that are over; it may wait so many seconds for the first."""
        ...

    def cancel(self, handles: Sequence[Any]) -> None: ...

    def left(self) -> list[Any]:
        """Handles of an earlier run's tasks that go on without it."""
        ...

    def close(self) -> None: ...


@dataclass
class _Task:
    """An order under way, for which works, and what of it has not come back."""

    order: Order
    works: tuple[Work, ...]
    open: dict[str, Trial] = field(default_factory=dict)
    lost: int = 0
    broken: bool = False
    """Whether something that it left cannot be read."""

    @property
    def named(self) -> str:
        first, others = self.works[0].named, len(self.works) - 1
        return f"{first} and {others} more" if others else first


@dataclass
class Remote:
    """The engine on top of a launcher."""

    launcher: Launcher
    spool: Spool
    machines: Machines
    home: Path
    say: Callable[[str], None] = lambda line: None
    _tasks: dict[Any, _Task] = field(default_factory=dict)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.launcher.cancel(list(self._tasks))
        self._tasks.clear()
        self.launcher.close()

    def refuse(self, roles: Collection[Role]) -> None:
        """As ``Engine.refuse``."""
        self.launcher.refuse(roles)

    def left(self, keep: Callable[[list[Generation]], None]) -> int:
        """Answers and adapters that a killed run's workers have finished."""
        if self.spool.carries:
            for adapter in self.spool.adapters():
                self.spool.pull(adapter, self.home)
        return sum(len(rows or ()) for _, rows in self._taken(keep))

    def run(self, works: Sequence[Work], sink: Sink) -> None:
        """As ``Engine.run``."""
        run = _Run(self, sink, deque(works))
        try:
            run.done()
        finally:
            self.launcher.cancel(list(self._tasks))
            self._tasks.clear()

    def _taken(self, keep: Callable[[list[Generation]], None]) -> Iterator[tuple[str, list[Generation] | None]]:
        """(task, rows) of every batch in the spool, stored and then removed; None of one that cannot be read.

        Small batches are stored together: each time the store looks through all that it holds.
        """
        held: list[tuple[str, str, list[Generation]]] = []
        for task, files in self.spool.listed().items():
            for name in files:
                rows = self.spool.rows(name) if name.endswith(BATCH) else []
                if rows is None:
                    self.say(f"{name} cannot be read and is put aside: what it held is asked anew")
                    yield task, None
                elif name.endswith(BATCH):
                    held.append((task, name, rows))
                if sum(len(rows) for _, _, rows in held) >= TOGETHER:
                    yield from self._stored(held, keep)
        yield from self._stored(held, keep)

    def _stored(
        self, held: list[tuple[str, str, list[Generation]]], keep: Callable[[list[Generation]], None]
    ) -> Iterator[tuple[str, list[Generation]]]:
        if held:
            keep([row for _, _, rows in held for row in rows])
        for task, name, rows in held:
            self.spool.remove(name)
            yield task, rows
        held.clear()


@dataclass
class _Run:
    """One call of ``run``."""

    engine: Remote
    sink: Sink
    waiting: deque[Work]
    again: deque[_Task] = field(default_factory=deque)
    finished: set[str] = field(default_factory=set)
    parts: Counter[str] = field(default_factory=Counter)
    """Tasks that each work is still in."""
    looked: float = 0.0
    complained: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.pending = {work.key for work in self.waiting}
        self.adopted = self.launcher.left()
        if self.adopted:
            self.engine.say(f"{plural(len(self.adopted), 'job')} of an earlier run still at work: waiting for them")
        questions = sum(work.size for work in self.waiting if isinstance(work, Generate))
        role: Role = next((work.role for work in self.waiting if isinstance(work, Generate)), "generate")
        spread = ceil(questions / (ROUNDS * max(1, self.launcher.places(role))))
        self.portion = min(self.machines.portion, max(LEAST, spread))

    @property
    def launcher(self) -> Launcher:
        return self.engine.launcher

    @property
    def machines(self) -> Machines:
        return self.engine.machines

    @property
    def tasks(self) -> dict[Any, _Task]:
        return self.engine._tasks

    def done(self) -> None:
        while self.waiting or self.again or self.tasks:
            if not self.adopted:
                self._hand_out()
            over = self.launcher.ended([*self.tasks, *self.adopted], 1.0)
            self._complain()
            if over or time.monotonic() - self.looked >= LOOK[self.engine.spool.bucket]:
                self._take_in()
            for handle, outcome in over:
                if handle in self.adopted:
                    self.adopted.remove(handle)
                    continue
                self._await_rest(self.tasks[handle], outcome)
                self._ended(self.tasks.pop(handle), outcome)

    def _complain(self) -> None:
        """A machine that is lost may have been the only one that can do what is asked: whoever waits for another is told."""
        if time.monotonic() - self.complained < COMPLAIN:
            return
        self.complained = time.monotonic()
        try:
            self.launcher.refuse({task.order.role for task in self.tasks.values()})
        except BadInput as error:
            self.engine.say(f"waiting: {error}")

    # --- out

    def _hand_out(self) -> None:
        while self.again and self._room(self.again[0].order.role):
            self._submit(self.again.popleft())
        blocked: list[Work] = []
        while self.waiting:
            work = self.waiting.popleft()
            if (work.needs & self.pending) - self.finished or not self._room(work.role):
                blocked.append(work)
            elif isinstance(work, Generate):
                self._generate(work)
            else:
                self._single(work)
        self.waiting.extend(blocked)

    def _room(self, role: Role) -> bool:
        under_way = sum(task.order.role == role for task in self.tasks.values())
        return under_way < ROUNDS * self.launcher.places(role)

    def _single(self, work: Train | Check) -> None:
        if isinstance(work, Check):
            self._submit(self._task((work,), checked=Asked(work.model, work.home, work.trials)))
            return
        job = replace(work.job, threads=self.machines.of("train").threads)
        if self.engine.spool.carries and isinstance(job.rows, Path):  # its folder need not be there
            job = replace(job, rows=tuple(row for _, row in read_rows(job.rows)))
        if self.engine.spool.carries and isinstance(job.replay, Path):
            job = replace(job, replay=tuple(row for _, row in read_rows(job.replay)))
        self._submit(self._task((work,), job=job))

    def _generate(self, first: Generate) -> None:
        """The questions of a work, and of others that are ready with the same model, as portions."""
        works, trials = [first], list(first.expand())
        rest: deque[Work] = deque()
        while self.waiting and len(trials) < self.portion:
            work = self.waiting.popleft()
            ready = isinstance(work, Generate) and not (work.needs & self.pending) - self.finished
            if ready and isinstance(work, Generate) and _alike(work, first):
                works.append(work)
                seen = {trial.id for trial in trials}
                trials += [trial for trial in work.expand() if trial.id not in seen]
            else:
                rest.append(work)
        self.waiting.extendleft(reversed(rest))
        if not trials:
            self.finished.update(work.key for work in works)
        for start in range(0, len(trials), self.portion):
            some = trials[start : start + self.portion]
            asked = Asked(first.model, first.home, some, first.batch_tokens, first.juror)
            self._submit(self._task(tuple(works), asked=asked))

    def _task(self, works: tuple[Work, ...], **content: Any) -> _Task:
        role = works[0].role
        wanted = self.machines.of(role)
        order = Order(uuid4().hex, role, self.engine.spool, wanted.threads, wanted.gpus > 0, **content)
        for work in works:
            self.parts[work.key] += 1
        return _Task(order, works, {trial.id: trial for trial in order.asked.trials} if order.asked else {})

    def _submit(self, task: _Task) -> None:
        self.tasks[self.launcher.submit(task.order)] = task

    # --- in

    def _take_in(self) -> None:
        self.looked = time.monotonic()
        named = {task.order.task: task for task in self.tasks.values()}
        for name, rows in self.engine._taken(self.sink.batch):
            if name in named and rows is None:
                named[name].broken = True
            elif name in named:
                for row in rows or ():
                    named[name].open.pop(row.trial_id, None)
        for name, files in self.engine.spool.listed().items():
            for file in files:
                if file.endswith(STEP) and name in named and (step := self.engine.spool.step(file)):
                    self.sink.step(named[name].works[0].key, step)

    def _await_rest(self, task: _Task, outcome: Outcome) -> None:
        """A folder of another machine may be seen here as it was a minute ago."""
        until = time.monotonic() + LATE
        while outcome == Outcome() and task.open and not task.broken and time.monotonic() < until:
            time.sleep(1.0)
            self._take_in()

    def _ended(self, task: _Task, outcome: Outcome) -> None:
        if outcome.error is not None:
            raise outcome.error
        if outcome.lost is None and task.open:
            outcome = Outcome(lost=f"{plural(len(task.open), 'answer')} did not reach {self.engine.spool.root}")
        if outcome.lost is not None:
            self._lost(task, outcome.lost)
            return
        self.engine.spool.clear(task.order.task)
        if task.order.job is not None:
            self._trained(task.order.job.out)
        for work in task.works:
            self.parts[work.key] -= 1
            if not self.parts[work.key]:
                self.finished.add(work.key)

    def _trained(self, out: Path) -> None:
        if self.engine.spool.carries and not self.engine.spool.pull(out.name, self.engine.home):
            raise HarnessError(f"adapter {out.name} did not reach {self.engine.spool.root}: run again")
        self.sink.trained(read_training(out))

    def _lost(self, task: _Task, why: str) -> None:
        """Give what is left of it out again."""
        task.lost += 1
        if task.lost > self.machines.retries:
            raise HarnessError(
                f"{task.named}: lost {plural(task.lost, 'time')}, last: {why}; out of memory is the usual cause: ask for more "
                "memory, or lower batch_size or batch_tokens, then run again: everything finished is kept"
            )
        self.engine.say(f"{task.named}: {why}: given out again")
        task.broken = False
        if task.order.asked is not None:
            task.order = replace(task.order, asked=replace(task.order.asked, trials=list(task.open.values())))
        self.again.append(task)


def _alike(one: Generate, other: Generate) -> bool:
    """Whether both can be asked in one task."""
    return (
        one.model == other.model
        and one.home == other.home
        and one.batch_tokens == other.batch_tokens
        and one.juror == other.juror
    )


def spool_of(machines: Machines, home: Path) -> Spool:
    """Where workers leave what they have finished: what is shared, or the store's own folder, which all machines then see."""
    shared = machines.shared
    if shared is None:
        return Spool(str(home.resolve()))
    return Spool(shared if "://" in shared else str(Path(shared).expanduser().resolve()), carries=True)
