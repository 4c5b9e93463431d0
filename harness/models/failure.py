"""What a failed request means: too much for the server, worth another try, or paid for all the same.

    >>> failure_of(error, lost=openai.APIConnectionError)                       # doctest: +SKIP
    Failure(refused=True, again=True, after=2.0, billed=False, server="well")   429 with `retry-after: 2`

Both SDKs' errors have a ``status_code`` and a ``response``; the SDKs' own retries are off, since they keep what they see to
themselves: a limit that all requests of a model share would never learn of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import isfinite
from socket import gaierror
from typing import Literal

PASSING = frozenset({408, 409, 429})
"""Statuses below 500 that another try may get past; of those from 500 on, all."""
VERDICT = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Failure:
    """``refused``: ask less. ``again``: another try may help. ``after``: seconds that the server asks to wait. ``billed``:
    the vendor may have written an answer that never came, and count it. ``server``: what it says of the one that was asked,
    which may be ``gone``, ``ill`` (time-outs, 5xx) or ``well``.
    """

    refused: bool
    again: bool
    after: float | None = None
    billed: bool = False
    server: Literal["gone", "ill", "well"] = "well"


def failure_of(error: Exception, *, lost: type[Exception]) -> Failure:
    """What an exception of an SDK means; ``lost`` is the SDK's class for connections that broke or timed out. Of statuses from 500
    on, 529, and 503 with a time to wait, speak of a server that is full and not of one that fails.
    """
    status = getattr(error, "status_code", None)
    if isinstance(error, lost):
        reached = _reached(error)
        return Failure(refused=True, again=True, billed=reached, server="ill" if reached else "gone")
    if status is None or status < 400:  # an answer that cannot be read
        return Failure(refused=False, again=True, billed=True)
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    passing = status in PASSING or status >= 500
    again = VERDICT.get(headers.get("x-should-retry", ""), passing)
    after = retry_after(headers, time.time())
    full = status < 500 or status == 529 or (status == 503 and after is not None)
    return Failure(refused=passing, again=again, after=after, server="well" if full else "ill")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the headers ask to wait: ``retry-after-ms``, or ``retry-after`` in seconds or as a date; None where they
    ask for nothing that can be understood. ``now`` is in seconds since 1970.
    """
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        seconds = _number(headers.get(name))
        if seconds is not None:
            return max(0.0, seconds / unit)
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what was behind it, to the first of all."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reached(error: Exception) -> bool:
    """Whether a broken connection may have stood before: not where it was refused, or the host has no address."""
    return not any(isinstance(cause, ConnectionRefusedError | gaierror) for cause in causes(error))


def _number(given: str | None) -> float | None:
    try:
        number = float(given or "")
    except ValueError:
        return None
    return number if isfinite(number) else None
