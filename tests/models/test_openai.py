from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.experiment import Model
from harness.models import identity, load_backend
from harness.models.address import find_address
from harness.models.openai import OpenAI
from tests.models.fake_api import Reply, collect, make_trials, serve

KEY = "sk-secret-0123456789"
NOW = {"retry-after-ms": "5"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def completion(text: str | None, *, finish: str = "stop", refusal: str | None = None, usage: bool = True) -> Reply:
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return Reply(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14} if usage else None,
        }
    )


def failure(status: int, message: str = "no", *, param: str | None = None, **headers: str) -> Reply:
    return Reply({"error": {"message": message, "type": "t", "param": param, "code": None}}, status, {**NOW, **headers})


def echo(number: int, body: dict[str, Any]) -> Reply:
    return completion(body["messages"][-1]["content"].upper())


def backend(url: str, *, concurrency: int = 64, **options: Any) -> OpenAI:
    return OpenAI(Model(id=f"openai:small@{url}/v1", concurrency=concurrency), **options)


def test_answers_and_their_cost() -> None:
    with serve(echo) as api:
        model = load_backend(Model(id=f"openai:small@{api.url}/v1"), home=Path())
        rows = collect(model.generate(make_trials(40)))
        model.close()
    assert [rows[f"t{i}"].text for i in range(40)] == [f"QUESTION {i}" for i in range(40)]
    assert all((r.prompt_tokens, r.output_tokens, r.finish, r.error) == (11, 3, "stop", None) for r in rows.values())
    assert all(r.seconds is not None and r.seconds > 0 for r in rows.values())
    assert set(api.paths) == {"/v1/chat/completions"}
    assert api.headers[0]["authorization"] == f"Bearer {KEY}"
    first = next(body for body in api.bodies if body["messages"][-1]["content"] == "question 0")
    assert first == {
        "model": "small",
        "messages": [{"role": "system", "content": "Label it."}, {"role": "user", "content": "question 0"}],
        "max_tokens": 16,
        "temperature": 0.0,
    }


def test_requests_fly_together_and_rows_come_as_they_finish() -> None:
    others = threading.Semaphore(0)

    def slow_first(number: int, body: dict[str, Any]) -> Reply:
        if body["messages"][-1]["content"] == "question 0":
            assert all(others.acquire(timeout=30) for _ in range(11))
            return Reply(echo(number, body).body, delay=0.1)
        others.release()
        return Reply(echo(number, body).body, delay=0.02)

    with serve(slow_first) as api:
        model = backend(api.url, concurrency=4)
        batches = list(model.generate(make_trials(12)))
        model.close()
    assert 2 <= api.most <= 4
    assert len(batches) > 1
    assert "t0" in [row.trial_id for row in batches[-1]]


def test_stopping_early_asks_no_more() -> None:
    with serve(lambda number, body: Reply(echo(number, body).body, delay=0.02)) as api:
        model = backend(api.url, concurrency=2)
        batches = model.generate(make_trials(200))
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        asked = len(api.bodies)
        model.close()
    assert asked < 20


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        (completion("cut", finish="length"), "cut", "length"),
        (completion(None, finish="stop"), "", "stop"),
        (completion(None, refusal="I cannot."), "I cannot.", "refusal"),
        (completion("", finish="content_filter"), "", "refusal"),
    ],
)
def test_odd_answers_are_answers(reply: Reply, text: str, finish: str) -> None:
    with serve(lambda number, body: reply) as api:
        model = backend(api.url)
        row = collect(model.generate(make_trials(1)))["t0"]
        model.close()
    assert (row.text, row.finish, row.error) == (text, finish, None)


def test_a_server_need_not_count_tokens() -> None:
    with serve(lambda number, body: completion("x", usage=False)) as api:
        model = backend(api.url)
        row = collect(model.generate(make_trials(1)))["t0"]
        model.close()
    assert (row.text, row.prompt_tokens, row.output_tokens) == ("x", None, None)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_passing_trouble_is_retried(status: int) -> None:
    with serve(lambda number, body: failure(status) if number < 2 else echo(number, body)) as api:
        model = backend(api.url, tries=4)
        row = collect(model.generate(make_trials(1)))["t0"]
        model.close()
    assert (row.text, len(api.bodies)) == ("QUESTION 0", 3)


def test_lasting_trouble_is_an_error_row_and_the_others_go_on() -> None:
    def half(number: int, body: dict[str, Any]) -> Reply:
        odd = int(body["messages"][-1]["content"].split()[1]) % 2
        return failure(500, f"broken for {KEY} and sk-other-999999") if odd else echo(number, body)

    with serve(half) as api:
        model = backend(api.url, tries=2)
        rows = collect(model.generate(make_trials(6)))
        model.close()
    assert [rows[f"t{i}"].text for i in range(0, 6, 2)] == ["QUESTION 0", "QUESTION 2", "QUESTION 4"]
    for i in range(1, 6, 2):
        error = rows[f"t{i}"].error
        assert error is not None
        assert error.startswith("InternalServerError: Error code: 500")
        assert "secret" not in error
        assert "999999" not in error
    assert len(api.bodies) == 3 + 2 * 3


def test_a_key_that_looks_like_none_is_cut_out_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "plain0123456789")
    with serve(lambda number, body: failure(500, "broken for plain0123456789")) as api:
        model = backend(api.url, tries=1)
        error = collect(model.generate(make_trials(1)))["t0"].error
        model.close()
    assert "broken for ***" in str(error)
    assert "plain0123456789" not in str(error)


def test_time_outs_are_error_rows() -> None:
    with serve(lambda number, body: Reply(echo(number, body).body, delay=1.0)) as api:
        model = backend(api.url, timeout=0.1, tries=1)
        row = collect(model.generate(make_trials(1)))["t0"]
        model.close()
    assert row.error is not None
    assert "imeout" in row.error


def test_no_server_is_an_error_row() -> None:
    model = OpenAI(Model(id="openai:small@http://127.0.0.1:9/v1"), tries=1)
    row = collect(model.generate(make_trials(1)))["t0"]
    model.close()
    assert row.error is not None
    assert row.error.startswith("ConnectionRefusedError: ")


def test_another_protocol_is_an_error_row() -> None:
    with serve(lambda number, body: Reply({"hello": "world"})) as api:
        model = backend(api.url, tries=1)
        row = collect(model.generate(make_trials(1)))["t0"]
        model.close()
    assert row.error == "ValueError: the server sent no choice: is this address a Chat Completions API?"


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "the server refused the key (401)"), (404, "the server knows no such model or address (404)")],
)
def test_what_cannot_get_better_stops_at_once(status: int, said: str) -> None:
    with serve(lambda number, body: failure(status, f"Incorrect key {KEY}")) as api:
        model = backend(api.url, concurrency=2)
        with pytest.raises(BadInput) as caught:
            collect(model.generate(make_trials(500)))
        model.close()
    assert str(caught.value) == f"model {model.name!r}: {said}"
    assert len(api.bodies) < 20


def test_a_model_that_takes_no_temperature_is_asked_without() -> None:
    def picky(number: int, body: dict[str, Any]) -> Reply:
        return failure(400, "Unsupported value", param="temperature") if "temperature" in body else echo(number, body)

    with serve(picky) as api:
        model = backend(api.url, concurrency=1)
        rows = collect(model.generate(make_trials(5)))
        model.close()
    assert {row.error for row in rows.values()} == {None}
    assert len(api.bodies) == 6


def test_other_bad_requests_are_error_rows() -> None:
    with serve(lambda number, body: failure(400, "context length exceeded")) as api:
        model = backend(api.url)
        row = collect(model.generate(make_trials(1)))["t0"]
        model.close()
    assert row.error is not None
    assert row.error.startswith("BadRequestError: Error code: 400")
    assert "context length exceeded" in row.error


def test_what_only_local_models_do() -> None:
    with serve(echo) as api:
        model = backend(api.url)
        choice = collect(model.generate(make_trials(1, choices=("A", "B"))))["t0"]
        adapter = collect(model.generate(make_trials(1, adapter="abc")))["t0"]
        model.close()
    assert choice.error == "a served model cannot rank choices: run this suite on a local model"
    assert adapter.error == "a served model takes no adapter: serve the tuned model under its own name"
    assert api.bodies == []


def test_a_missing_key_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(BadInput) as caught:
        load_backend(Model(id="openai:small"), home=Path())
    assert str(caught.value) == (
        "model 'openai:small': no key: set OPENAI_API_KEY, "
        "or name a server of your own: openai:small@http://localhost:8000/v1"
    )


def test_a_server_of_ones_own_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with serve(echo) as api:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{api.url}/v1/")
        model = load_backend(Model(id="openai:small"), home=Path())
        assert collect(model.generate(make_trials(1)))["t0"].text == "QUESTION 0"
        model.close()


@pytest.mark.parametrize(
    ("id", "said"),
    [
        ("openai:", "name one after the colon"),
        ("openai:m@localhost:8000", "given the address 'localhost:8000': write http://… or https://…"),
    ],
)
def test_addresses_that_are_none(id: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        identity(Model(id=id))
    assert str(caught.value) == f"model {id!r}: {said}"


def test_identity_is_model_and_server_never_a_password() -> None:
    def of(id: str) -> str:
        return identity(Model(id=id))

    assert of("openai:m@http://h/v1") == of("openai:m@http://h/v1/")
    with pytest.raises(BadInput, match="set OPENAI_API_KEY") as caught:
        of("openai:m@http://user:pw@h/v1")
    assert "pw" not in str(caught.value)
    with pytest.raises(BadInput, match="'ftp://h'") as caught:
        of("openai:m@ftp://user:pw@h")
    assert "pw" not in str(caught.value)
    assert find_address(Model(id="openai:sft@triage@http://h/v1"), variable="OPENAI_BASE_URL").model == "sft@triage"
    assert len({of("openai:m"), of("openai:n"), of("openai:m@http://h/v1"), of("anthropic:m")}) == 4


def test_tokens_are_estimated() -> None:
    model = OpenAI(Model(id="openai:m@http://h/v1"))
    assert model.count(make_trials(1)[0].messages) == (4 + 3) + (4 + 3)
    assert model.context is None
    model.close()


def test_a_schema_asks_for_structured_output() -> None:
    schema = {"type": "object", "properties": {"desk": {"enum": ["north"]}}, "required": ["desk"]}
    with serve(echo) as api:
        model = backend(api.url)
        collect(model.generate(make_trials(1, schema=json.dumps(schema))))
        model.close()
    assert api.bodies[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }
