"""Requests under way: as many at once as the throttle lets, tried again where that may help, paid from one account.

    flight = Flight(trials, asker, throttle=Throttle(64), terms=Terms())
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
from math import inf
from queue import Empty, SimpleQueue
from typing import Protocol

from harness.errors import HarnessError, Incomplete
from harness.models.account import Terms
from harness.models.failure import Failure
from harness.models.throttle import Throttle, pause
from harness.trial import Generation, Trial

TRIES = 8
"""How often a request is sent before its failure is a row. With pauses doubled from half a second, the last is a minute later."""
READINGS = 4
"""How often where what came cannot be read: the vendor was paid for it each time."""


class Asker(Protocol):
    """Who sends one request, and knows what its exceptions mean."""

    async def ask(self, trial: Trial) -> Generation: ...

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


class Flight:
    """One call's requests. All but ``landed`` belongs to the event loop's thread."""

    def __init__(
        self, trials: Iterable[Trial], asker: Asker, *, throttle: Throttle, terms: Terms, tries: int = TRIES
    ) -> None:
        self._new, self._again = iter(trials), deque[_Request]()
        self._asker, self._throttle, self._terms, self._tries = asker, throttle, terms, tries
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
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
            wait = self._throttle.wait(time.monotonic())
            if wait:
                if wait != inf:
                    self._later(wait)
                return
            request = self._next()
            if request is None or not self._held(request):
                return
            task = asyncio.get_running_loop().create_task(self._send(request, self._throttle.begin()))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cut off what is under way; an answer that is thrown away so counts as spent."""
        self._over = True
        for timer in self._timers:
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

    async def _send(self, request: _Request, turn: int) -> None:
        request.tries += 1
        started = time.perf_counter()
        try:
            answer = await self._asker.ask(request.trial)
        except asyncio.CancelledError:
            self._throttle.left()
            self._terms.account.settle(request.most, request.most)
            raise
        except Exception as error:
            self._failed(request, turn, error, time.perf_counter() - started)
        else:
            self._throttle.answered(turn)
            cost = self._terms.price and self._terms.price.of(answer)
            self._terms.account.settle(request.most, request.most if cost is None else cost)
            self._landed.put(replace(answer, seconds=time.perf_counter() - started, cost=cost))

    def _failed(self, request: _Request, turn: int, error: Exception, seconds: float) -> None:
        try:
            failure = self._asker.failure(error)
        except HarnessError as hopeless:
            self._throttle.left()
            self._terms.account.settle(request.most, 0.0)
            self._end(hopeless)
            return
        self._terms.account.settle(request.most, request.most if failure.billed else 0.0)
        if failure.refused:
            self._throttle.refused(turn, time.monotonic(), failure.after)
        else:
            self._throttle.left()
        tries = self._tries if failure.refused else min(READINGS, self._tries)
        if failure.again and request.tries < tries:
            wait = pause(request.tries, self._random.random) if failure.after is None else 0.0
            self._later(wait, request)
        else:
            self._landed.put(Generation(request.trial.id, error=self._asker.said(error), seconds=seconds))

    def _later(self, wait: float, request: _Request | None = None) -> None:
        """Go on after so many seconds, with this request first."""

        def go() -> None:
            self._timers.discard(timer)
            if request is not None:
                self._again.append(request)
            self.start()

        timer = asyncio.get_running_loop().call_later(wait, go)
        self._timers.add(timer)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):  # a mistake of ours must not leave the caller waiting
            self._end(HarnessError(f"a request could not be handled: {type(error).__name__}: {error}"))
        self.start()

    def _end(self, why: HarnessError | None) -> None:
        if not self._over:
            self._over = True
            self._landed.put(why)


class OutOfMoney(Incomplete):
    """The next request might pass the limit of what may be spent."""
