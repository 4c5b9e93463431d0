"""Many requests to a server that fails in every way: all get their answer, each its own, none twice."""

from __future__ import annotations

import time
from typing import Any

import pytest

from harness.errors import Incomplete
from harness.experiment import Model
from harness.models import load_backend
from harness.models.account import Account, Price, Terms
from harness.models.anthropic import Anthropic
from harness.models.flight import OutOfMoney
from harness.models.openai import OpenAI
from harness.models.served import Served
from harness.trial import Generation
from tests.models.fake_api import Reply, collect, make_trials, serve
from tests.models.fake_vendor import FAULTS, LONG, Body, Vendor, open_vendor
from tests.models.test_openai import completion, failure

VENDORS = ["openai:m@{}/v1", "anthropic:m@{}"]
PRICE = Price(1e-3, 2e-3)
COUNT = 200


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)


def open_backend(vendor: Vendor | str, id: str = VENDORS[0], *, concurrency: int = 64, **options: Any) -> Served:
    kind = OpenAI if id.startswith("openai") else Anthropic
    url = vendor if isinstance(vendor, str) else vendor.url
    return kind(Model(id=id.format(url), concurrency=concurrency), **options)


def ask(model: Served, count: int, **changes: Any) -> dict[str, Generation]:
    try:
        return collect(model.generate(make_trials(count, **changes)))
    finally:
        model.close()


def upper(body: Body) -> str:
    return str(body["messages"][-1]["content"]).upper()


@pytest.mark.parametrize("id", VENDORS)
def test_a_fifth_fails_in_every_way_and_all_are_answered(id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.models.throttle.FIRST", 0.02)
    with open_vendor(upper, share=0.2, faults=FAULTS, latency=0.002) as vendor:
        rows = ask(open_backend(vendor, id, timeout=0.5), COUNT, max_new_tokens=100)
    assert {row.error for row in rows.values()} == {None}
    cut = [row for row in rows.values() if row.finish == "length"]
    assert all(len(row.text or "") == 100 * 256 < LONG for row in cut), "an over-long text is cut, as others are"
    assert all(rows[f"t{i}"].text == f"QUESTION {i}" for i in range(COUNT) if rows[f"t{i}"] not in cut)
    assert len(cut) == vendor.met["long"]
    assert set(vendor.met) == set(FAULTS), "every way was met"
    assert len(vendor.bodies) == COUNT + sum(vendor.met.values()) - vendor.met["long"], (
        "nothing is asked twice for nothing"
    )


def test_it_asks_as_many_at_once_as_it_may_and_no_more() -> None:
    with open_vendor(upper, latency=0.05) as vendor:
        ask(open_backend(vendor, concurrency=12), 100)
    assert vendor.most == 12


def test_a_server_that_refuses_gets_less() -> None:
    """It bears four at once; what is over is refused, and the limit settles near it."""
    late: list[int] = []

    def bears_four(number: int, body: Body) -> Reply:
        if api.flying > 4:
            return failure(429)
        late.append(api.flying)
        return Reply(completion(upper(body)).body, delay=0.01)

    with serve(bears_four) as api:
        rows = ask(open_backend(api.url, concurrency=32), 150)
    assert {row.error for row in rows.values()} == {None}
    refused = len(api.bodies) - 150
    assert refused < 100, "a limit that learnt nothing would have been refused many times a request"


def test_all_wait_as_long_as_the_server_says() -> None:
    started: list[float] = []

    def once(number: int, body: Body) -> Reply:
        started.append(time.monotonic())
        return failure(429, **{"retry-after-ms": "400"}) if number == 0 else completion("x")

    with serve(once) as api:
        ask(open_backend(api.url, concurrency=2), 5)
    waits = [later - started[0] for later in started[1:]]
    assert min(waits) >= 0.35, "nobody asked in between"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (failure(429, **{"retry-after-ms": "3600000"}), "the server asks to wait 3,600 s"),
        (
            Reply({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, 429),
            "the account's quota is used up",
        ),
    ],
)
def test_what_waiting_does_not_help_ends_the_run(reply: Reply, said: str) -> None:
    with serve(lambda number, body: reply) as api, pytest.raises(Incomplete, match=said):
        ask(open_backend(api.url), 50)
    assert len(api.bodies) < 50 + 32


def test_what_cannot_be_read_is_not_paid_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.models.throttle.FIRST", 0.02)
    with serve(lambda number, body: Reply({"hello": "world"})) as api:
        rows = ask(open_backend(api.url), 1)
    assert len(api.bodies) == 4
    assert rows["t0"].error == "ValueError: the server sent no choice: is this address a Chat Completions API?"


@pytest.mark.parametrize("reply", [[1], {"choices": [{}]}, {"choices": [{"message": {"content": ["x"]}}]}, "x", None])
def test_odd_json_is_an_error_row(reply: Any) -> None:
    with serve(lambda number, body: Reply(reply)) as api:
        rows = ask(open_backend(api.url, tries=1), 1)
    assert str(rows["t0"].error).startswith("ValueError: the server sent")


@pytest.mark.parametrize("id", VENDORS)
def test_an_answer_says_what_it_cost_and_who_gave_it(id: str) -> None:
    with open_vendor(upper, tokens=(100, 10)) as vendor:
        terms = Terms(PRICE)
        rows = ask(open_backend(vendor, id, terms=terms), 3)
    assert [row.cost for row in rows.values()] == [pytest.approx(0.12)] * 3
    assert {row.served for row in rows.values()} == {"judge-2026-11-01"}
    assert terms.account.spent == pytest.approx(0.36)
    assert terms.account.held == pytest.approx(0)


def test_no_request_is_sent_that_might_pass_the_limit() -> None:
    """Each may cost (4 + 9 + 4 + 10 bytes) · 0.001 + 16 · 0.002 = 0.059 USD, and costs 0.017."""
    trial = make_trials(1)[0]
    assert PRICE.most(trial) == pytest.approx(0.059)
    account = Account(limit=0.2)
    rows: list[Generation] = []
    with open_vendor(upper) as vendor:
        model = open_backend(vendor, terms=Terms(PRICE, account))
        with pytest.raises(OutOfMoney):
            rows.extend(row for batch in model.generate(make_trials(50)) for row in batch)
        model.close()
    assert account.spent == pytest.approx(0.017 * len(rows))
    assert len(vendor.bodies) == len(rows) == 9, "after nine, 0.153 is spent and 0.047 left, less than one may cost"
    assert account.spent <= 0.2
    assert {row.error for row in rows} == {None}


def test_what_cannot_be_read_counts_as_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.models.throttle.FIRST", 0.02)
    account = Account(limit=1.0)
    with serve(lambda number, body: Reply({"hello": "world"})) as api:
        ask(open_backend(api.url, terms=Terms(PRICE, account)), 2)
    assert account.spent == pytest.approx(8 * 0.059)


def test_refusals_cost_nothing() -> None:
    account = Account(limit=1.0)
    with serve(lambda number, body: failure(500)) as api:
        ask(open_backend(api.url, terms=Terms(PRICE, account), tries=2), 3)
    assert (account.spent, len(api.bodies)) == (0, 6)


def test_a_scripted_model_takes_no_terms(tmp_path: Any) -> None:
    assert load_backend(Model(id="scripted:echo"), home=tmp_path, terms=Terms(PRICE)).name == "scripted:echo"
