"""One model on several servers: requests are shared, a failing server's go to the others, and nobody is told twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.experiment import Model
from harness.models import identity, load_backend
from harness.models.account import Terms
from harness.models.balance import IN_A_ROW, REST, Balance, Turn
from harness.trial import Generation
from tests.conftest import Project, Ran
from tests.models.fake_api import Api, Reply, collect, make_trials, serve
from tests.models.test_openai import completion, echo, failure

CLOSED = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def served(*urls: str, **more: Any) -> Model:
    return Model(id="openai:m", base_url=tuple(f"{url}/v1" for url in urls), **more)


def ask(model: Model, count: int = 60, said: list[str] | None = None) -> dict[str, Generation]:
    backend = load_backend(model, home=Path(), terms=Terms(say=[].append if said is None else said.append))
    try:
        return collect(backend.generate(make_trials(count)))
    finally:
        backend.close()


@contextmanager
def servers(*answers: Any) -> Iterator[list[Api]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serve(answer)) for answer in answers]


def slowly(number: int, body: dict[str, Any]) -> Reply:
    return Reply(echo(number, body).body, delay=0.01)


def test_three_servers_share_the_requests() -> None:
    said: list[str] = []
    with servers(slowly, slowly, slowly) as apis:
        rows = ask(served(*(api.url for api in apis), concurrency=8), 90, said)
    assert [rows[f"t{i}"].text for i in range(90)] == [f"QUESTION {i}" for i in range(90)]
    counts = [len(api.bodies) for api in apis]
    assert sum(counts) == 90
    assert min(counts) >= 20
    assert all(api.most <= 8 for api in apis), "concurrency is each server's"
    assert {body["model"] for api in apis for body in api.bodies} == {"m"}
    assert said == []


def test_what_a_server_that_is_not_there_would_have_answered_the_others_do() -> None:
    said: list[str] = []
    with servers(slowly, slowly) as apis:
        rows = ask(served(CLOSED, *(api.url for api in apis), concurrency=8), 60, said)
    assert {row.error for row in rows.values()} == {None}
    assert len(said) == 1, "once, and not for each of its requests"
    assert said[0].startswith(f"model 'openai:m' at {CLOSED}/v1 fails (ConnectionRefusedError: ")
    assert said[0].endswith("): its requests go to the others, and it is tried again")


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_server_that_refuses_or_breaks_is_left_alone(status: int) -> None:
    said: list[str] = []
    with servers(lambda number, body: failure(status), slowly) as (bad, good):
        rows = ask(served(bad.url, good.url, concurrency=8), 60, said)
    assert {row.error for row in rows.values()} == {None}
    assert len(good.bodies) == 60
    assert len(bad.bodies) <= 4 + IN_A_ROW, "what was under way when it failed, and no more in its rest"
    assert len(said) == 1


def test_a_full_server_hands_its_requests_on_and_is_not_called_failing() -> None:
    said: list[str] = []
    with servers(lambda number, body: failure(429, **{"retry-after-ms": "300"}), slowly) as (full, good):
        rows = ask(served(full.url, good.url, concurrency=4), 40, said)
    assert {row.error for row in rows.values()} == {None}
    assert said == []
    assert len(good.bodies) == 40


def test_it_is_tried_again_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.models.balance.REST", 0.05)
    said: list[str] = []

    def dies_and_comes_back(number: int, body: dict[str, Any]) -> Reply:
        return failure(500) if number < 6 else slowly(number, body)

    with servers(dies_and_comes_back, lambda n, body: Reply(echo(n, body).body, delay=0.03)) as (ill, good):
        rows = ask(served(ill.url, good.url, concurrency=2), 120, said)
    assert {row.error for row in rows.values()} == {None}
    assert [line.partition("/v1 ")[2][:7] for line in said] == ["fails (", "answers"]
    assert len(ill.bodies) > 30, "back, it takes its share"


def test_where_nobody_answers_each_request_is_an_error_as_with_one_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.models.throttle.FIRST", 0.001)
    with servers(lambda number, body: failure(500)) as (bad,):
        rows = ask(served(CLOSED, bad.url), 5)
    assert all(row.error for row in rows.values())


def test_where_every_server_refuses_the_key_it_stops_at_once() -> None:
    with (
        servers(lambda n, body: failure(401), lambda n, body: failure(401)) as apis,
        pytest.raises(BadInput, match=r"model 'openai:m': the server refused the key \(401\)"),
    ):
        ask(served(*(api.url for api in apis), concurrency=4), 500)


def test_a_server_that_hangs_is_left_alone_after_its_time_outs() -> None:
    class Deaf(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            ended.wait(20)

        def log_message(self, *args: Any) -> None:
            pass

    from harness.models.openai import OpenAI

    ended, said = threading.Event(), list[str]()
    deaf = HTTPServer(("127.0.0.1", 0), Deaf)
    thread = threading.Thread(target=deaf.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    with servers(slowly) as (good,):
        model = served(f"http://127.0.0.1:{deaf.server_address[1]}", good.url, concurrency=6)
        backend = OpenAI(model, timeout=0.3, terms=Terms(say=said.append))
        rows = collect(backend.generate(make_trials(60)))
        backend.close()
    ended.set()
    deaf.shutdown()
    thread.join()
    deaf.server_close()
    assert {row.error for row in rows.values()} == {None}
    assert len(said) == 1
    assert "imeout" in said[0]


def test_servers_that_serve_different_models_are_not_compared(project: Project, harness: Any) -> None:
    """Whatever both call it when they are asked: the replies say what it is."""

    def named(name: str) -> Any:
        return lambda number, body: Reply({**completion("4").body, "model": name}, delay=0.005)

    with servers(named("m-2026-08"), named("m-2026-11")) as (old, new):
        project.replace(
            "experiment.toml",
            '"scripted:constant=4"',
            f'{{ id = "openai:m", base_url = ["{old.url}/v1", "{new.url}/v1"], concurrency = 4 }}',
        )
        ran: Ran = harness("run", project.experiment)
    assert ran.code == 3, ran.err
    assert "come from m-2026-08 (" in ran.err
    assert "and are not comparable" in ran.err


def test_a_whole_run_with_one_of_two_servers_dead(project: Project, harness: Any) -> None:
    with servers(lambda number, body: Reply(completion("4").body, delay=0.005)) as (good,):
        project.replace(
            "experiment.toml",
            '"scripted:constant=4"',
            f'{{ id = "openai:m", base_url = ["{CLOSED}/v1", "{good.url}/v1"] }}',
        )
        ran: Ran = harness("run", project.experiment)
    assert ran.err.count("its requests go to the others") == 1
    assert "48 answers" in ran.out + ran.err or len(good.bodies) == 48


def test_the_first_server_names_them_all() -> None:
    """Others may be added in the middle of a run, and nothing is asked again."""
    alone = identity(Model(id="openai:m@http://a/v1"))
    assert identity(Model(id="openai:m", base_url="http://a/v1")) == alone  # type: ignore[arg-type]
    assert identity(Model(id="openai:m", base_url=("http://a/v1/", "http://b/v1", "http://a/v1"))) == alone
    assert identity(Model(id="openai:m", base_url=("http://b/v1", "http://a/v1"))) != alone


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            Model(id="openai:m@http://a/v1", base_url=("http://b/v1",)),
            "model 'openai:m@http://a/v1': an address in the id, and base_url: name the servers in one place",
        ),
        (
            Model(id="openai:m", base_url=("http://a/v1", "b:8000")),
            "model 'openai:m': given the address 'b:8000': write http://… or https://…",
        ),
        (
            Model(id="embedded:tiny", base_url=("http://a/v1",)),
            "model 'embedded:tiny': base_url is where a served model is: "
            'write id = "openai:embedded:tiny", or leave base_url out',
        ),
    ],
)
def test_addresses_that_make_no_sense(model: Model, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        identity(model)
    assert str(caught.value) == said


def test_a_batch_goes_to_one_address(project: Project, harness: Any) -> None:
    project.replace(
        "experiment.toml", '"scripted:constant=4"', '{ id = "openai:m", base_url = ["http://a/v1", "http://b/v1"] }'
    )
    ran: Ran = harness("run", project.experiment, "--batch")
    assert ran.code == 4
    assert ran.err == (
        "harness: model 'openai:m': --batch submits to one address, and base_url names 2: run without it\n"
    )


# --- without a server


def test_a_rest_doubles_until_an_answer_comes() -> None:
    said: list[str] = []
    balance, now, rests = Balance(["a", "b"], 8, said.append), 0.0, []
    balance.gone(Turn(0, balance.begin(now).turn, 0), now, "lost")
    for _ in range(8):
        rest = next(t / 4 for t in range(1000) if balance._servers[0].wait(now + t / 4) == 0)
        now += rest
        rests.append(rest)
        turn = balance.begin(now)
        assert turn.server == 0, "one request tries it"
        other = balance.begin(now)
        assert other.server == 1, "and only one"
        balance.left(other)
        balance.gone(turn, now, "lost")
    assert rests == [REST * 2**i for i in range(6)] + [60.0, 60.0]
    balance.answered(balance.begin(now + 60))
    assert [line.split()[1] for line in said] == ["fails", "answers"]


EVENTS = ["begin", "answered", "refused", "failed", "gone", "left"]


@given(st.integers(1, 4), st.integers(1, 9), st.lists(st.sampled_from(EVENTS), max_size=200))
def test_whatever_happens_somebody_may_be_asked(count: int, cap: int, events: list[str]) -> None:
    balance, turns, now = Balance([str(i) for i in range(count)], cap), list[Turn](), 0.0
    for event in events:
        now += 0.5
        if event == "begin":
            if balance.wait(now) == 0:
                turns.append(balance.begin(now))
        elif turns:
            turn = turns.pop(0)
            given = {"refused": (now,), "failed": (now, "x"), "gone": (now, "x")}.get(event, ())
            getattr(balance, event)(turn, *given)
        assert len(turns) <= cap * count
    for turn in turns:
        balance.answered(turn)
    assert balance.wait(now + 120) == 0
    assert balance.wait(now) < inf
