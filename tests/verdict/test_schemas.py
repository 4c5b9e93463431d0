"""The schemas in the package say what the code does: one is generated, the other holds of real verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pytest

from harness.errors import BadInput
from harness.verdict import Claim, Gate, Policy, Reason, SuiteVerdict, Verdict, decide, load_policy
from harness.verdict.lock import Change, History, Lock, Look
from harness.verdict.schemas import load_schema, policy_schema
from tests.conftest import Ran

COST = {"requests_per_month": [20_000, 50_000, 120_000], "label_usd": {"value": 1.2}, "labels": 800}


def check(verdict: Verdict) -> None:
    jsonschema.Draft202012Validator(load_schema("verdict")).validate(json.loads(verdict.to_json()))


def test_the_policys_schema_is_the_declarations() -> None:
    assert load_schema("policy") == policy_schema(), "run python -m harness.verdict.schemas"


@pytest.mark.parametrize("name", ["policy", "verdict"])
def test_both_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(load_schema(name))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"alpha": 0.01, "looks": 5, "n_max": 500, "require_lock": True, "planned_gain": 0.1},
        {"suites": {"a": {"metric": "f1"}, "g": {"role": "guard", "max_relative_drop": 0.1}}},
        {"route": "cost", "cost": COST},
    ],
)
def test_what_the_schema_takes_the_policy_takes(given: Mapping[str, Any]) -> None:
    jsonschema.validate(given, load_schema("policy"))
    assert load_policy(given)


@pytest.mark.parametrize("given", [{"alfa": 0.1}, {"alpha": 0.7}, {"suites": {"a": {"role": "boss"}}}, {"looks": 0}])
def test_what_the_schema_refuses_the_policy_refuses(given: Mapping[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(given, load_schema("policy"))
    with pytest.raises(BadInput):
        load_policy(given)


@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [("SuiteVerdict", SuiteVerdict, set()), ("Claim", Claim, set()), ("Gate", Gate, set()), ("Reason", Reason, {"number"}),
     ("Look", Look, set())],
)  # fmt: skip
def test_the_verdicts_schema_has_the_dataclasses_fields(name: str, kind: Any, more: set[str]) -> None:
    schema = load_schema("verdict")["$defs"][name]
    named = {field.name for field in fields(kind)} | more
    assert set(schema["properties"]) == set(schema["required"]) == named


def test_the_whole_has_the_verdicts_keys(planted: Any) -> None:
    shown = decide(planted(1, n=20).prompts().table).as_dict()
    assert set(shown) == set(load_schema("verdict")["required"])


def world(planted: Any, gain: float, *, seeds: int = 5, n: int = 200) -> Any:
    tuned = planted(1, n=n).prompts().add("bm25", "rag", -0.05).add("sft", "tune", gain, seeds=seeds)
    tuned.add("gold", "probe:gold-passage", 0.3).add("eight", "probe:pass@8", 0.2).add("json", "constrain", 0.01)
    return tuned.add("sft", "tune", gain - 0.08, seeds=seeds, data_fraction=0.5)


def with_guard(planted: Any, gain: float) -> pa.Table:
    guard = planted(9, n=200, dev=0, suite="general").add("zero_shot", "prompt").add("sft", "tune", -0.03, seeds=5)
    return pa.concat_tables([world(planted, gain).table, guard.table])


def curve(planted: Any) -> pa.Table:
    made = world(planted, 0.2, n=400)
    for share, less in ((0.25, 0.17), (0.125, 0.27)):
        made.add("sft", "tune", 0.2 - less, seeds=5, data_fraction=share)
    return made.table


GUARDED = {"suites": {"triage": {}, "general": {"role": "guard"}}}
LATE = Lock("2026-11-20 09:00 UTC", late=True, changes=(Change("margin", 0.03, 0.01), Change("metric", "a", None)))

VERDICTS: dict[str, Callable[[Any], Verdict]] = {
    "justified": lambda planted: decide(world(planted, 0.2).table),
    "not justified": lambda planted: decide(world(planted, -0.1).table),
    "undecided": lambda planted: decide(world(planted, 0.05).table),
    "more data": lambda planted: decide(curve(planted)),
    "guarded": lambda planted: decide(with_guard(planted, 0.05), GUARDED),
    "one seed": lambda planted: decide(world(planted, 0.2, seeds=1).table),
    "artefacts": lambda planted: decide(world(planted, 0.2).table, {"estimand": "artefact"}),
    "invalid": lambda planted: decide(planted(1, n=40).add("a", "prompt").add("sft", "tune", seeds=3).table),
    "nothing tuned": lambda planted: decide(planted(1, n=40).prompts().table),
    "not measured": lambda planted: decide(world(planted, 0.2).table, {"suites": {"triage": {}, "billing": {}}}),
    "looked at before": lambda planted: decide(world(planted, 0.05).table, look=3),
    "a history": lambda planted: decide(
        world(planted, 0.05).table, history={"triage": History((Look("a", 100, 0.05, True, 1, None),), LATE)}
    ),
    "money": lambda planted: decide(
        planted(1, n=200).prompts().add("sft", "tune", 0.05, seeds=4, cost=0.01).table, {"cost": COST}
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_real_verdicts_are_what_the_schema_says(name: str, planted: Any) -> None:
    check(VERDICTS[name](planted))


def test_the_command_prints_them(harness: Callable[..., Ran], tmp_path: Path) -> None:
    ran = harness("verdict", "--schema", "policy")
    assert (ran.code, json.loads(ran.out)) == (0, policy_schema())
    assert json.loads(harness("verdict", "--schema", "verdict").out)["title"] == "Verdict"
    wrong = harness("verdict", "--schema", "polic")
    assert (wrong.code, "did you mean 'policy'?" in wrong.err) == (4, True)
    assert Policy.model_fields.keys() == policy_schema()["properties"].keys()
