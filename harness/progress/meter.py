"""How far one kind of questions is: done of all, what it cost, how long it will take.

answers 312/1,200 (2 errors) · $0.42 · 1 min 3 s, about 3 min left
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from harness.plural import plural
from harness.progress.console import EVERY, LIVE, clock
from harness.verdict.economics.memo import usd


@dataclass
class Meter:
    """Prints to ``out`` (stderr by default): one live line on a terminal, a line now and then elsewhere. ``spent`` says how many
    USD are gone.
    """

    spent: Callable[[], float] = lambda: 0.0
    quiet: bool = False
    out: TextIO = field(default_factory=lambda: sys.stderr)
    what: str = ""
    total: int = 0
    done: int = 0
    errors: int = 0
    started: float = 0.0
    shown: float = 0.0
    width: int = 0

    def begin(self, what: str, total: int) -> None:
        self.what, self.total, self.done, self.errors = what, total, 0, 0
        self.started = self.shown = time.monotonic()

    def add(self, count: int, errors: int) -> None:
        self.done += count
        self.errors += errors
        now = time.monotonic()
        if now - self.shown >= (LIVE if self.out.isatty() else EVERY):
            self.shown = now
            self._say(self._line(now))

    def end(self) -> None:
        """The last line; it stays."""
        self._say(self._line(time.monotonic()))
        if self.out.isatty() and not self.quiet:
            self.out.write("\n")
        self.width = 0

    def _line(self, now: float) -> str:
        passed = now - self.started
        errors = f" ({plural(self.errors, 'error')})" if self.errors else ""
        spent = f" · {usd(self.spent())}" if self.spent() else ""
        left = (
            f", about {clock(passed * (self.total - self.done) / self.done)} left" if 0 < self.done < self.total else ""
        )
        return f"{self.what} {self.done:,}/{self.total:,}{errors}{spent} · {clock(passed)}{left}"

    def _say(self, line: str) -> None:
        if self.quiet:
            return
        if self.out.isatty():
            self.out.write("\r" + line.ljust(self.width))
            self.out.flush()
            self.width = len(line)
        else:
            print(line, file=self.out, flush=True)
