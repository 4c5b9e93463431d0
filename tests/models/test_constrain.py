"""Constrained decoding: whatever the model would say, a schema's answers are valid; nothing else changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.experiment import Model
from harness.trial import Generation
from tests.models.fake_api import collect, make_trials

pytest.importorskip("torch")
pytest.importorskip("llguidance")

import jsonschema

from harness.models.constrain import Guides
from harness.models.local import Local
from tests.models.tiny_models import build_tiny

SCHEMA = {
    "type": "object",
    "properties": {"desk": {"enum": ["north", "south"]}, "rank": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["desk", "rank"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Local:
    path = build_tiny("llama", tmp_path_factory.mktemp("models") / "llama")
    return Local(Model(id=str(path), quantization="none"), home=path.parent)


def answers(local: Local, *, schema: str | None, count: int = 12, tokens: int = 80) -> dict[str, Generation]:
    return collect(local.generate(make_trials(count, max_new_tokens=tokens, schema=schema)))


def test_a_random_model_writes_what_the_schema_allows(random_model: Local) -> None:
    free = answers(random_model, schema=None)
    held = answers(random_model, schema=json.dumps(SCHEMA))
    for row in held.values():
        assert row.finish == "stop"
        jsonschema.validate(json.loads(row.text or ""), SCHEMA)
    assert not any((row.text or "").startswith("{") for row in free.values())


def test_held_and_free_rows_share_a_batch(random_model: Local) -> None:
    trials = make_trials(12, max_new_tokens=40)
    mixed = [replace(t, schema=json.dumps(SCHEMA)) if i % 2 else t for i, t in enumerate(trials)]
    rows, free = collect(random_model.generate(mixed)), collect(random_model.generate(trials))
    for i, trial in enumerate(trials):
        if i % 2:
            jsonschema.validate(json.loads(rows[trial.id].text or ""), SCHEMA)
        else:
            assert rows[trial.id].text == free[trial.id].text


def test_an_answer_may_still_be_cut_off(random_model: Local) -> None:
    for row in answers(random_model, schema=json.dumps(SCHEMA), count=2, tokens=3).values():
        assert (row.finish, row.output_tokens) == ("length", 3)


@pytest.mark.parametrize("schema", ['{"type": "strin"}', '{"properties": {"a": {"$ref": "#/nope"}}}'])
def test_a_schema_that_cannot_be_enforced_is_refused(random_model: Local, schema: str) -> None:
    with pytest.raises(BadInput, match="cannot be enforced while decoding"):
        answers(random_model, schema=schema, count=1)


def test_a_slow_tokenizer_is_refused() -> None:
    with pytest.raises(BadInput, match="slow tokenizer"):
        Guides(object(), vocabulary=10, stops={0})


def test_the_embedded_model_keeps_its_right_answers(tmp_path: Path) -> None:
    from harness.suite import load_task

    root = Path(__file__).parent.parent.parent
    case = load_task(root / "suites/extract").split("test")[0]
    keys = ("name", "order", "town")
    schema = {"type": "object", "properties": {k: {"type": "string"} for k in keys}, "required": list(keys)}
    asked = (
        {"role": "system", "content": "Extract name, order and town as JSON."},
        {"role": "user", "content": case.input},
    )
    local = Local(Model(id="embedded:tiny"), home=tmp_path)
    (row,) = collect(
        local.generate(make_trials(1, messages=asked, schema=json.dumps(schema), max_new_tokens=64))
    ).values()
    assert json.loads(row.text or "") == json.loads(case.reference)
