"""Several servers of one model: each request goes to the one that has most room, and none to one that fails.

    >>> balance = Balance(["http://a/v1", "http://b/v1"], cap=64)
    >>> turn = balance.begin(now=0.0)               # Turn(server=0, …)
    >>> balance.gone(turn, now=0.0, why="ConnectionRefusedError")
    True
    >>> balance.begin(now=0.1).server               # the first is asked again in a second, by one request
    1

A server that refuses connections, the key or the model rests at once, one that fails otherwise after a few failures without an
answer in between. When its rest is over a single request tries it, and each failure doubles the rest. Where no server is left, or
there is but one, requests go out as they do to one server: nobody rests. Nothing here waits or sends, as in ``throttle``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf

from harness.models.throttle import Throttle

REST, LONGEST = 1.0, 60.0
"""Seconds that a server rests at first, and at most; each time twice as long as before."""
IN_A_ROW = 3
"""Failures without an answer in between, after which a server rests that still takes connections."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Which server a request was sent to, in which turn of its throttle, after how many of its rests."""

    server: int
    turn: int
    rests: int


@dataclass(slots=True)
class _Server:
    name: str
    throttle: Throttle
    failures: int = 0
    """Without an answer in between."""
    rests: int = 0
    """How often it began to rest or came back: what was sent before says nothing about what is now."""
    again: int = 0
    """How often its rest was prolonged."""
    until: float = 0.0
    down: bool = False
    trying: bool = False
    why: str = ""

    def wait(self, now: float) -> float:
        """Seconds until a request may start; one at a time where it has failed."""
        if not self.down:
            return self.throttle.wait(now)
        return inf if self.trying else max(self.until - now, self.throttle.wait(now))


@dataclass
class Balance:
    """``names`` are the servers', ``cap`` is the most requests in flight at each of them."""

    names: Sequence[str]
    cap: int
    say: Callable[[str], None] = lambda line: None
    _servers: list[_Server] = field(init=False)
    _turns: int = 0

    def __post_init__(self) -> None:
        self._servers = [_Server(name, Throttle(self.cap)) for name in self.names]

    @property
    def limit(self) -> float:
        """Requests that may be in flight at all servers together."""
        return sum(server.throttle.limit for server in self._servers)

    def wait(self, now: float) -> float:
        """Seconds until a request may start; infinite while as many as may be are in flight."""
        return min(self._wait(server, now) for server in self._servers)

    def begin(self, now: float, *, after: Turn | None = None) -> Turn:
        """A request starts, where ``wait`` is 0; after a failure not at the server that failed, if another has room."""
        free = [place for place, server in enumerate(self._servers) if self._wait(server, now) == 0]
        other = [place for place in free if after is None or place != after.server]
        # one whose rest is over is tried first; among equals they take turns
        self._turns += 1
        place = min(other or free, key=lambda place: (not self._servers[place].down, self._load(place)))
        server = self._servers[place]
        server.trying = server.down
        return Turn(place, server.throttle.begin(), server.rests)

    def answered(self, turn: Turn) -> None:
        server = self._servers[turn.server]
        server.throttle.answered(turn.turn)
        server.failures = 0
        if server.down and turn.rests == server.rests:
            self.say(f"{server.name} answers again")
            server.down = server.trying = False
            server.rests += 1

    def refused(self, turn: Turn, now: float, after: float | None = None) -> None:
        """Too much for the server, which may say after how many seconds it is asked again."""
        server = self._servers[turn.server]
        server.throttle.refused(turn.turn, now, after)
        self._tried(server, turn, now)

    def failed(self, turn: Turn, now: float, why: str, after: float | None = None) -> None:
        """The server could not answer, and that is not for want of room."""
        server = self._servers[turn.server]
        server.throttle.refused(turn.turn, now, after)
        server.failures += 1
        if server.failures >= IN_A_ROW:
            self._rest(server, turn, now, why)
        else:
            self._tried(server, turn, now)

    def gone(self, turn: Turn, now: float, why: str) -> bool:
        """The server takes no requests of ours at all; whether others are left."""
        server = self._servers[turn.server]
        server.throttle.refused(turn.turn, now)
        self._rest(server, turn, now, why)
        return len(self._servers) > 1 and self._someone_up

    def left(self, turn: Turn) -> None:
        """It ended in a way that says nothing about the server."""
        server = self._servers[turn.server]
        server.throttle.left()
        if server.down and turn.rests == server.rests:
            server.trying = False

    def another(self, turn: Turn) -> bool:
        """Whether a request that failed there can be sent to another server at once."""
        return any(not server.down for place, server in enumerate(self._servers) if place != turn.server)

    def _wait(self, server: _Server, now: float) -> float:
        return server.wait(now) if self._someone_up else server.throttle.wait(now)

    @property
    def _someone_up(self) -> bool:
        return any(not server.down for server in self._servers)

    def _load(self, place: int) -> tuple[float, int]:
        throttle = self._servers[place].throttle
        return throttle.flying / throttle.limit, (place - self._turns) % len(self._servers)

    def _tried(self, server: _Server, turn: Turn, now: float) -> None:
        """A server that rests, and answers with anything but an answer, rests on."""
        if server.down:
            self._rest(server, turn, now, server.why)

    def _rest(self, server: _Server, turn: Turn, now: float, why: str) -> None:
        if len(self._servers) == 1 or turn.rests != server.rests:
            return
        if not server.down:
            self.say(f"{server.name} fails ({why}): its requests go to the others, and it is tried again")
            server.failures = server.again = 0
        server.until = now + min(LONGEST, REST * 2.0 ** min(server.again, 10))
        server.down, server.trying, server.why = True, False, why
        server.rests += 1
        server.again += 1
