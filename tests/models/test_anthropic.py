from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.experiment import Model
from harness.models import identity, load_backend
from harness.models.anthropic import Anthropic
from tests.models.fake_api import Reply, collect, make_trials, serve

KEY = "sk-ant-secret-0123456789"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


def message(*texts: str, stop: str = "end_turn") -> Reply:
    return Reply(
        {
            "id": "x",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [{"type": "text", "text": text} for text in texts],
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 2, "cache_read_input_tokens": 4},
        }
    )


def failure(status: int, text: str = "no") -> Reply:
    return Reply({"type": "error", "error": {"type": "t", "message": text}}, status, {"retry-after-ms": "5"})


def echo(number: int, body: dict[str, Any]) -> Reply:
    return message(body["messages"][-1]["content"].upper())


def backend(url: str, *, concurrency: int = 64, **options: Any) -> Anthropic:
    return Anthropic(Model(id=f"anthropic:small@{url}", concurrency=concurrency), **options)


def test_answers_and_their_cost() -> None:
    with serve(echo) as api:
        model = load_backend(Model(id=f"anthropic:small@{api.url}"), home=Path())
        rows = collect(model.generate(make_trials(20)))
        model.close()
    assert [rows[f"t{i}"].text for i in range(20)] == [f"QUESTION {i}" for i in range(20)]
    assert all((r.prompt_tokens, r.output_tokens, r.finish, r.error) == (13, 2, "stop", None) for r in rows.values())
    assert set(api.paths) == {"/v1/messages"}
    first = next(body for body in api.bodies if body["messages"][-1]["content"] == "question 0")
    assert first == {
        "model": "small",
        "max_tokens": 16,
        "system": "Label it.",
        "messages": [{"role": "user", "content": "question 0"}],
    }


def test_no_system_message_is_sent_where_there_is_none() -> None:
    with serve(echo) as api:
        model = backend(api.url)
        collect(model.generate(make_trials(1, messages=({"role": "user", "content": "hi"},))))
        model.close()
    assert "system" not in api.bodies[0]


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        (message("one ", "two"), "one two", "stop"),
        (message("cut", stop="max_tokens"), "cut", "length"),
        (message("cut", stop="model_context_window_exceeded"), "cut", "length"),
        (message(stop="refusal"), "", "refusal"),
    ],
)
def test_odd_answers_are_answers(reply: Reply, text: str, finish: str) -> None:
    with serve(lambda number, body: reply) as api:
        model = backend(api.url)
        row = collect(model.generate(make_trials(1)))["t0"]
        model.close()
    assert (row.text, row.finish, row.error) == (text, finish, None)


@pytest.mark.parametrize("status", [429, 500, 529])
def test_passing_trouble_is_retried(status: int) -> None:
    with serve(lambda number, body: failure(status) if number < 2 else echo(number, body)) as api:
        model = backend(api.url, tries=4)
        row = collect(model.generate(make_trials(1)))["t0"]
        model.close()
    assert (row.text, len(api.bodies)) == ("QUESTION 0", 3)


def test_lasting_trouble_is_an_error_row_without_the_key() -> None:
    with serve(lambda number, body: failure(500, f"broken for {KEY}")) as api:
        model = backend(api.url, tries=2)
        rows = collect(model.generate(make_trials(3)))
        model.close()
    assert len(api.bodies) == 6
    assert len(rows) == 3
    for row in rows.values():
        assert row.text is None
        assert row.error is not None
        assert row.error.startswith("InternalServerError: Error code: 500")
        assert "secret" not in row.error


def test_time_outs_are_error_rows() -> None:
    with serve(lambda number, body: Reply(echo(number, body).body, delay=1.0)) as api:
        model = backend(api.url, timeout=0.1, tries=1)
        row = collect(model.generate(make_trials(1)))["t0"]
        model.close()
    assert row.error is not None
    assert "imeout" in row.error


@pytest.mark.parametrize(
    ("status", "said"), [(401, "the server refused the key"), (404, "the server knows no such model")]
)
def test_what_cannot_get_better_stops_at_once(status: int, said: str) -> None:
    with serve(lambda number, body: failure(status)) as api:
        model = backend(api.url, concurrency=2)
        with pytest.raises(BadInput, match=said):
            collect(model.generate(make_trials(500)))
        model.close()
    assert len(api.bodies) < 20


def test_long_answers_may_be_asked_for() -> None:
    with serve(echo) as api:
        model = backend(api.url)
        row = collect(model.generate(make_trials(1, max_new_tokens=32768)))["t0"]
        model.close()
    assert row.text == "QUESTION 0"


def test_a_missing_key_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(BadInput) as caught:
        load_backend(Model(id="anthropic:small"), home=Path())
    assert str(caught.value).startswith(
        "model 'anthropic:small': no key: set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN"
    )


def test_a_token_serves_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-1")
    with serve(echo) as api:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", api.url)
        model = load_backend(Model(id="anthropic:small"), home=Path())
        collect(model.generate(make_trials(1)))
        model.close()
    assert api.headers[0]["authorization"] == "Bearer token-1"
    assert model.hash == identity(Model(id=f"anthropic:small@{api.url}"))


def test_a_schema_asks_for_structured_output() -> None:
    schema = {"type": "object", "properties": {"desk": {"enum": ["north"]}}, "required": ["desk"]}
    with serve(echo) as api:
        model = backend(api.url)
        collect(model.generate(make_trials(1, schema=json.dumps(schema))))
        model.close()
    assert api.bodies[0]["output_config"] == {"format": {"type": "json_schema", "schema": schema}}
