"""How many requests to a model may be in flight: one more after every answer, half as many after a refusal.

    >>> throttle = Throttle(cap=64)
    >>> throttle.wait(now=0.0)              # seconds until a request may start; infinite when one must come back first
    0.0
    >>> turn = throttle.begin()
    >>> throttle.refused(turn, now=0.0, after=2.5)
    >>> throttle.limit, throttle.wait(now=1.0)
    (16.0, 1.5)

Nothing here waits or sends: who does asks when, and says what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

FIRST, LONGEST = 0.5, 30.0
"""Seconds that a failed request waits before its second try, and at most before any."""


@dataclass(slots=True)
class Throttle:
    """Additive growth, multiplicative retreat, between 1 and ``cap`` requests in flight; it begins at half of the cap.

    A refusal counts once for all requests that were in flight together: those started before the last retreat neither
    halve again nor grow. When the server names a time, nobody starts before it.
    """

    cap: int
    limit: float = field(init=False)
    flying: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)
    _retreats: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.limit = max(1.0, self.cap / 2)

    def wait(self, now: float) -> float:
        """Seconds until a request may start; infinite while as many as may be are in flight."""
        if self.flying >= int(self.limit):
            return inf
        return max(0.0, self._until - now)

    def begin(self) -> int:
        """A request starts; what is returned is given back when it ends."""
        self.flying += 1
        return self._retreats

    def answered(self, turn: int) -> None:
        """It works: one more."""
        self.flying -= 1
        if turn == self._retreats:
            self.limit = min(float(self.cap), self.limit + 1)

    def refused(self, turn: int, now: float, after: float | None = None) -> None:
        """Too much for the server, which may say after how many seconds it is asked again."""
        self.flying -= 1
        if turn == self._retreats:
            self.limit = max(1.0, self.limit / 2)
            self._retreats += 1
        if after is not None:
            self._until = max(self._until, now + after)

    def left(self) -> None:
        """It ended in a way that says nothing about how much the server bears."""
        self.flying -= 1


def pause(tries: int, random: Callable[[], float]) -> float:
    """Seconds that a request waits after its ``tries``-th failure: doubled each time, and between half and all of that, so
    that requests which failed together do not come back together.
    """
    return min(LONGEST, FIRST * 2.0 ** (tries - 1)) * (0.5 + random() / 2)
