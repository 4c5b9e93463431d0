"""Requests under way: as many at once as the servers bear, tried again where that may help, paid from one account.

    flight = Flight(trials, asker, balance=Balance(["http://a/v1"], cap=64), terms=Terms())
    loop.call(flight.start)
    while rows := flight.landed():          # blocks; empty when every trial has its row
        store.add_generations(rows)

Every trial gets exactly one row, in any order. What fails for good is a row with ``error``; what makes all further requests
pointless (a refused key, money that is spent) is raised by ``landed`` after the rows that came before it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from queue import Empty, SimpleQueue
from typing import Protocol

from harness.errors import HarnessError, Incomplete
from harness.models.account import Terms
from harness.models.balance import Balance, Turn
from harness.models.failure import Failure
from harness.models.throttle import pause
from harness.trial import Generation, Trial

TRIES = 8
"""How often a request is sent before its failure is a row. With pauses doubled from half a second, the last is a minute later."""
READINGS = 4
"""How often where what came cannot be read: the vendor was paid for it each time."""


class Asker(Protocol):
    """Who sends one request, and knows what its exceptions mean."""

    async def ask(self, trial: Trial, server: int) -> Generation: ...

    def failure(self, error: Exception) -> Failure:
        """What an exception means.

        Raises:
            HarnessError: when every further request would fail as well.
        """
        ...

    def said(self, error: Exception) -> str:
        """An exception on one line, for a row."""
        ...


@dataclass(slots=True)
class _Request:
    trial: Trial
    most: float
    tries: int = 0
    after: Turn | None = None
    """The turn in which it failed last."""


class Flight:
    """One call's requests. All but ``landed`` belongs to the event loop's thread."""

    def __init__(
        self, trials: Iterable[Trial], asker: Asker, *, balance: Balance, terms: Terms, tries: int = TRIES
    ) -> None:
        self._new, self._again = iter(trials), deque[_Request]()
        self._asker, self._balance, self._terms, self._tries = asker, balance, terms, tries
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._wake: asyncio.TimerHandle | None = None
        self._landed: SimpleQueue[Generation | HarnessError | None] = SimpleQueue()
        self._over = False
        self._random = random.Random()

    def landed(self) -> list[Generation]:
        """Rows that are there, at least one; none when all have landed.

        Raises:
            HarnessError: when every further request would fail as well.
        """
        rows: list[Generation] = []
        item = self._landed.get()
        while isinstance(item, Generation):
            rows.append(item)
            try:
                item = self._landed.get_nowait()
            except Empty:
                return rows
        if rows:
            self._landed.put(item)  # nothing comes after it
            return rows
        if item is not None:
            raise item
        return []

    def start(self) -> None:
        """Send what may be sent now; whatever ends or has waited calls again."""
        while not self._over:
            now = time.monotonic()
            wait = self._balance.wait(now)
            if wait:
                self._wake_in(wait)
                return
            request = self._next()
            if request is None or not self._held(request):
                return
            turn = self._balance.begin(now, after=request.after)
            task = asyncio.get_running_loop().create_task(self._send(request, turn))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, request, turn))

    async def stop(self) -> None:
        """Cut off what is under way; an answer that is thrown away so counts as spent."""
        self._over = True
        for timer in (*self._timers, *filter(None, (self._wake,))):
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _next(self) -> _Request | None:
        """Failed ones first, so that they do not pile up at the end."""
        if self._again:
            return self._again.popleft()
        trial = next(self._new, None)
        if trial is not None:
            return _Request(trial, self._terms.most(trial))
        if not self._tasks and not self._timers:
            self._end(None)
        return None

    def _held(self, request: _Request) -> bool:
        """Whether there is money for it; if not, it waits for what is under way, which may cost less than it might."""
        if self._terms.account.hold(request.most):
            return True
        self._again.appendleft(request)
        if not self._tasks and not self._timers:
            self._end(OutOfMoney())
        return False

    async def _send(self, request: _Request, turn: Turn) -> None:
        request.tries += 1
        started = time.perf_counter()
        try:
            answer = await self._asker.ask(request.trial, turn.server)
        except Exception as error:
            self._failed(request, turn, error, time.perf_counter() - started)
        else:
            self._balance.answered(turn)
            cost = self._terms.cost(answer)
            self._terms.account.settle(request.most, request.most if cost is None else cost)
            self._landed.put(replace(answer, seconds=time.perf_counter() - started, cost=cost))

    def _failed(self, request: _Request, turn: Turn, error: Exception, seconds: float) -> None:
        now = time.monotonic()
        request.after = turn
        try:
            failure = self._asker.failure(error)
        except HarnessError as hopeless:
            self._terms.account.settle(request.most, 0.0)
            if self._balance.gone(turn, now, self._asker.said(error)):
                self._later(0.0, request)
            else:
                self._end(hopeless)
            return
        self._terms.account.settle(request.most, request.most if failure.billed else 0.0)
        self._note(turn, failure, now, error)
        tries = self._tries if failure.refused else min(READINGS, self._tries)
        if failure.again and request.tries < tries:
            at_once = failure.after is not None or self._balance.another(turn)
            self._later(0.0 if at_once else pause(request.tries, self._random.random), request)
        else:
            self._landed.put(Generation(request.trial.id, error=self._asker.said(error), seconds=seconds))

    def _note(self, turn: Turn, failure: Failure, now: float, error: Exception) -> None:
        """What a failure says of the server."""
        if failure.server == "gone":
            self._balance.gone(turn, now, self._asker.said(error))
        elif failure.server == "ill":
            self._balance.failed(turn, now, self._asker.said(error), failure.after)
        elif failure.refused:
            self._balance.refused(turn, now, failure.after)
        else:
            self._balance.left(turn)

    def _later(self, wait: float, request: _Request) -> None:
        """Try this request again after so many seconds."""

        def go() -> None:
            self._timers.discard(timer)
            self._again.append(request)
            self.start()

        timer = asyncio.get_running_loop().call_later(wait, go)
        self._timers.add(timer)

    def _wake_in(self, wait: float) -> None:
        """Look again after so many seconds, unless something ends before; nobody waits for that when all have landed."""
        if self._wake is not None:
            self._wake.cancel()
        self._wake = None if wait == inf else asyncio.get_running_loop().call_later(wait, self.start)

    def _ended(self, request: _Request, turn: Turn, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            self._balance.left(turn)
            self._terms.account.settle(request.most, request.most)
        elif error := task.exception():  # a mistake of ours must not leave the caller waiting
            self._end(HarnessError(f"a request could not be handled: {type(error).__name__}: {error}"))
        self.start()

    def _end(self, why: HarnessError | None) -> None:
        if not self._over:
            self._over = True
            self._landed.put(why)


class OutOfMoney(Incomplete):
    """The next request might pass the limit of what may be spent."""
