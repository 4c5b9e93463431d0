from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.metrics import load_metric
from harness.metrics.json import MAX_DEPTH, exact, extract, fields, valid
from harness.suite import Case, Suite

REFERENCE = '{"team": "billing", "urgent": true, "amount": 30, "lines": [1, 2]}'


def case(reference: str = REFERENCE) -> Case:
    return Case(id="c1", input="?", reference=reference)


@pytest.mark.parametrize(
    ("text", "is_valid", "is_exact", "share"),
    [
        ('{"amount": 30.0, "lines": [1, 2.0], "team": "billing", "urgent": true}', 1, 1, 1),
        (' \n{"team":"billing","urgent":true,"amount":3e1,"lines":[1,2]}\n', 1, 1, 1),
        ('{"team": "billing", "urgent": 1, "amount": 30, "lines": [1, 2]}', 1, 0, 0.75),
        ('{"team": "billing", "urgent": true, "amount": 30, "lines": [2, 1]}', 1, 0, 0.75),
        ('{"team": "billing", "urgent": true, "amount": "30", "lines": [1]}', 1, 0, 0.5),
        ('{"team": "billing", "urgent": true, "amount": 30, "lines": [1, 2], "more": 0}', 1, 0, 1),
        ('{"Team": "billing"}', 1, 0, 0),
        (f"Sure! {REFERENCE}", 0, 0, 0),
        (f"```json\n{REFERENCE}\n```", 0, 0, 0),
        (REFERENCE + REFERENCE, 0, 0, 0),
        ("[]", 1, 0, 0),
        ("", 0, 0, 0),
        ("{'team': 'billing'}", 0, 0, 0),
        ('{"team": NaN}', 0, 0, 0),
        ('{"team": -Infinity}', 0, 0, 0),
        ('{"team": 1e999}', 0, 0, 0),
    ],
)
def test_answers(text: str, is_valid: float, is_exact: float, share: float) -> None:
    assert valid(case(), text) == is_valid
    assert exact(case(), text) == is_exact
    assert fields(case(), text) == share


def test_half_a_surrogate_pair_is_a_text_like_any_other() -> None:
    half = '{"said": "\\ud83d"}'
    assert (valid(case(), half), exact(case(half), half), exact(case(half), '{"said": "\\ud83e"}')) == (1, 1, 0)


def test_true_is_not_one_however_deep() -> None:
    for given_, wanted in (("1", "true"), ("[[0]]", "[[false]]"), ('{"a": {"b": 1}}', '{"a": {"b": true}}')):
        assert exact(case(wanted), given_) == exact(case(given_), wanted) == 0
        assert exact(case(wanted), wanted) == 1


def test_fields_of_references_without_fields() -> None:
    assert fields(case("[1, 2]"), "[1, 2.0]") == 1
    assert fields(case("{}"), "{}") == 1
    assert fields(case("{}"), "[]") == 0
    assert fields(case("null"), "null") == 1


def test_depth_is_refused_alike_everywhere() -> None:
    def nested(depth: int) -> str:
        return "[" * depth + "]" * depth

    assert valid(case(), nested(MAX_DEPTH)) == 1
    assert valid(case(), nested(MAX_DEPTH + 1)) == 0
    assert exact(case(nested(MAX_DEPTH)), nested(MAX_DEPTH)) == 1
    assert valid(case(), json.dumps({"text": "[" * 5000})) == 1
    assert valid(case(), json.dumps([[0]] * 5000)) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(value=VALUES)
def test_layout_and_order_do_not_matter(value: object) -> None:
    def reverse(value: object) -> object:
        if isinstance(value, dict):
            return {key: reverse(value[key]) for key in reversed(value)}
        return [reverse(item) for item in value] if isinstance(value, list) else value

    assert exact(case(json.dumps(value)), json.dumps(reverse(value), indent=3, ensure_ascii=False)) == 1


@given(one=VALUES, other=VALUES)
def test_equal_only_if_written_the_same_up_to_numbers(one: object, other: object) -> None:
    def canonical(value: object) -> str:
        return json.dumps(value, sort_keys=True)

    if exact(case(json.dumps(one)), json.dumps(other)):
        assert canonical(one) == canonical(other) or one == other
    else:
        assert canonical(one) != canonical(other)


def test_a_reference_that_is_no_json_is_the_suites_fault() -> None:
    suite = Suite(name="triage", folder=Path("suites/triage"), metric="json_exact")
    with pytest.raises(BadInput) as caught:
        load_metric("json_exact", suite)(case("billing"), "{}")
    assert str(caught.value) == (
        "suites/triage/suite.toml: metric 'json_exact' on case 'c1': reference: given 'billing': "
        "this metric needs a reference that is valid JSON"
    )


SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"team": {"enum": ["billing", "sales"]}, "amount": {"multipleOf": 0.5}, "child": {"$ref": "#"}},
    "required": ["team"],
    "additionalProperties": False,
}


@pytest.fixture
def schema(tmp_path: Path) -> Suite:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    return Suite.model_validate({"name": "t", "folder": tmp_path, "metric": "json_schema", "schema": "schema.json"})


def test_schema(schema: Suite) -> None:
    metric = load_metric("json_schema", schema)
    assert metric(case(), '{"team": "sales", "amount": 1.5}') == 1
    assert metric(case(), '{"team": "sales", "child": {"team": "billing"}}') == 1
    for wrong in ('{"team": "legal"}', "{}", "[]", "chatter", '{"team": "sales", "x": 1}', '{"team": NaN}'):
        assert metric(case(), wrong) == 0
    assert metric(case(), '{"team": "sales", "amount": ' + "9" * 4000 + "}") == 0
    deep = '{"team": "sales", "child": ' * 90 + '{"team": "sales"}' + "}" * 90
    assert metric(case(), deep) in (0, 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type": "objekt"}', r"schema\.json: not a JSON Schema: \$\.type"),
        ('{"type":\n oops}', r"schema\.json:2: not valid JSON"),
    ],
)
def test_broken_schemas(schema: Suite, text: str, said: str) -> None:
    schema.path("schema.json").write_text(text)
    with pytest.raises(BadInput, match=said):
        load_metric("json_schema", schema)


def test_nothing_is_fetched_for_a_schema(schema: Suite) -> None:
    schema.path("schema.json").write_text('{"$ref": "http://127.0.0.1:9/schema.json"}')
    with pytest.raises(BadInput, match="leads nowhere: put its definition in this file"):
        load_metric("json_schema", schema)(case(), "{}")


@pytest.mark.parametrize("text", [REFERENCE, '{"team": "billing", "urgent": false}', "Sure, here it is."])
def test_speed(text: str) -> None:
    """At least 40,000 scores a second on an idle core; a tenth is asked of a busy one."""
    subject = case()
    started = time.perf_counter()
    for _ in range(5000):
        exact(subject, text)
    assert 5000 / (time.perf_counter() - started) > 4000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ('Sure! {"a": 1} and that is that.', '{"a": 1}'),
        ('```json\n{"a": {"b": [1]}}\n```', '{"a": {"b": [1]}}'),
        ('See [1]: {"a": 1}', '{"a": 1}'),
        ("the list [1, 2]", "[1, 2]"),
        ('{broken {"a": 1}', '{"a": 1}'),
        ('{"a": NaN}', '{"a": NaN}'),
        ("{" * 100_000, "{" * 100_000),
        ("nothing", "nothing"),
    ],
)
def test_extraction_is_an_option(text: str, found: str) -> None:
    assert extract(text) == found


def test_extract_is_the_only_argument(tmp_path: Path) -> None:
    suite = Suite(name="t", folder=tmp_path, metric="json_exact")
    chatty = 'Sure: {"team": "billing"}'
    case = Case(id="c1", input="?", reference='{"team": "billing"}')
    assert [load_metric(name, suite)(case, chatty) for name in ("json_exact", "json_exact:extract")] == [0.0, 1.0]
    with pytest.raises(BadInput, match="given 'strict': write 'extract'"):
        load_metric("json_exact:strict", suite)
