"""What batch APIs share: bounded pieces, patience with refusals, results in any order, a row for every trial.

Standing(over=False, done=1203, total=2000)     while the vendor works
Standing(over=True, done=0, total=2000, fault="the vendor gave it up: token limit exceeded")

Sending a batch twice would be paid twice. So it is sent again only where the vendor surely took nothing (429, 503, 529);
where nobody knows, the run ends and says so.
"""

from __future__ import annotations

import asyncio
import random
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic_core import to_json

from harness.declaration import parse_json
from harness.errors import Incomplete
from harness.models.account import Terms
from harness.models.flight import TRIES
from harness.models.served import ERROR_LENGTH, Served
from harness.models.throttle import pause
from harness.trial import Generation, Trial

SIZE = 100 * 2**20
"""Bytes of one batch's requests: under OpenAI's 200 MB and Anthropic's 256 MB, and held in memory."""
NOT_TAKEN = frozenset({429, 503, 529})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a batch is; ``fault`` says why some or all of it came to nothing."""

    over: bool
    done: int
    total: int
    fault: str | None = None


class Desk:
    """One vendor's batch API. Subclasses make the calls.

    Attributes:
        most: How many requests the vendor takes in one batch.
        again: Ids of trials whose requests have to be built otherwise: they may be submitted again.
    """

    most: int

    def __init__(self, backend: Served) -> None:
        self.backend, self.client = backend, backend.client
        self.terms: Terms = backend.terms.batched()
        self.again: set[str] = set()

    @abstractmethod
    def line(self, trial: Trial) -> dict[str, Any]:
        """One request of a batch."""

    @abstractmethod
    async def _submit(self, lines: list[bytes]) -> str: ...

    @abstractmethod
    async def _look(self, name: str) -> Standing: ...

    @abstractmethod
    async def _fetch(self, name: str) -> list[str]:
        """The files of results, one JSON object a line."""

    @abstractmethod
    def _read(self, trial: Trial, result: Mapping[str, Any]) -> Generation:
        """The row of one result.

        Raises:
            ValueError: saying why there is no answer.
        """

    def submit(self, trials: Sequence[Trial]) -> str:
        """Send a batch; the vendor's name for it.

        Raises:
            BadInput: when the vendor refuses the key.
            Incomplete: when it did not take the batch, or nobody knows whether it did.
        """
        lines = [to_json(self.line(trial)) for trial in trials]
        return self.backend.loop.run(self._submit(lines))

    def look(self, name: str) -> Standing:
        """How far a batch is."""
        try:
            return self.backend.loop.run(self.patiently(lambda: self._look(name)))
        except _Gone:
            return Standing(over=True, done=0, total=0, fault="the vendor does not know it any more")

    def results(self, name: str, trials: Mapping[str, Trial], fault: str | None) -> Iterator[Generation]:
        """A row for each of these trials, in any order; ``fault`` is told where a result is missing."""
        open_ = dict(trials)
        for text in self._files(name):
            for line in filter(str.strip, text.split("\n")):
                result = _object(line)
                trial = open_.pop(str(result.get("custom_id")), None)
                if trial is not None:
                    yield self._row(trial, result)
        missing = fault or "its results lack this request"
        for trial in open_.values():
            yield Generation(trial.id, error=f"batch {name}: {missing}")

    def _files(self, name: str) -> list[str]:
        try:
            return self.backend.loop.run(self.patiently(lambda: self._fetch(name)))
        except _Gone:
            return []

    def _row(self, trial: Trial, result: Mapping[str, Any]) -> Generation:
        try:
            answer = self.backend.checked(trial, self._read(trial, result))
        except ValueError as error:
            return Generation(trial.id, error=f"batch: {self.backend.safe(str(error))}"[:ERROR_LENGTH])
        except (AttributeError, TypeError):
            return Generation(trial.id, error="batch: the result of this request cannot be read")
        answer.cost = self.terms.cost(answer)
        return answer

    async def patiently(self, make: Callable[[], Awaitable[T]], *, once: bool = False) -> T:
        """The result of a call, made again after a pause where that may help; with ``once`` only where the vendor surely
        took nothing.

        Raises:
            HarnessError: when it fails for good.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await make()
            except Exception as error:
                if getattr(error, "status_code", None) == 404 and not once:
                    raise _Gone(self._said(error, unsure=False)) from error
                failure = self.backend.failure(error)
                harmless = not once or getattr(error, "status_code", None) in NOT_TAKEN
                if not (failure.again and harmless) or tries >= TRIES:
                    raise Incomplete(self._said(error, unsure=once and failure.again and not harmless)) from error
                after = failure.after
            await asyncio.sleep(pause(tries, random.random) if after is None else after)

    def _said(self, error: Exception, *, unsure: bool) -> str:
        doubt = ": it may have been taken all the same: look at the vendor's console before you run again"
        return f"model {self.backend.name!r}: a batch failed: {self.backend.said(error)}{doubt if unsure else ''}"


class _Gone(Incomplete):
    """The vendor does not know the batch, or its files."""


def _object(line: str) -> Mapping[str, Any]:
    try:
        found = parse_json(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
