"""What a refusal says: how long to wait, and whether it is worth another try."""

from __future__ import annotations

from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from harness.models.failure import Failure, failure_of, retry_after

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "nan", "retry-after": "4"}, 4.0),
        ({"retry-after": "Wed, 99 Foo 2026 10:00:00 GMT"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers, NOW)
    assert found == (seconds if seconds is None else pytest.approx(seconds, abs=1.0))


class Lost(Exception):
    """A connection that broke."""


class Status(Exception):
    def __init__(self, status: int, headers: Any = None) -> None:
        super().__init__(status)
        self.status_code, self.response = status, SimpleNamespace(headers=headers or {})


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_passes_is_a_refusal(status: int) -> None:
    server = "ill" if status in (500, 502, 503) else "well"
    assert failure_of(Status(status), lost=Lost) == Failure(refused=True, again=True, server=server)


@pytest.mark.parametrize("status", [400, 403, 413, 422])
def test_what_is_wrong_stays_wrong(status: int) -> None:
    assert failure_of(Status(status), lost=Lost) == Failure(refused=False, again=False)


def test_the_server_knows_better() -> None:
    assert not failure_of(Status(500, {"x-should-retry": "false"}), lost=Lost).again
    assert failure_of(Status(400, {"x-should-retry": "true"}), lost=Lost).again


def test_a_connection_that_stood_may_have_cost_something() -> None:
    refused = Lost()
    refused.__cause__ = ConnectionRefusedError()
    assert failure_of(Lost(), lost=Lost) == Failure(refused=True, again=True, billed=True, server="ill")
    assert failure_of(refused, lost=Lost) == Failure(refused=True, again=True, billed=False, server="gone")


def test_what_cannot_be_read_was_paid_for() -> None:
    assert failure_of(ValueError("no JSON"), lost=Lost) == Failure(refused=False, again=True, billed=True)
