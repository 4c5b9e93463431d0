"""What every metric promises: any answer gives one finite float, a share in [0, 1] or an amount of at most 0; of shares of the
reference, the reference itself scores 1.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.metrics import AMOUNTS, LENIENT, LIKELIHOOD, MAKERS, METRICS, NO_REFERENCE, RETRIEVAL, Metric, load_metric
from harness.suite import Case, Suite
from harness.trial import Output

REFERENCES = {
    "json_exact": '{"team": "billing", "urgent": true}',
    "json_fields": '{"team": "billing", "urgent": true}',
    "regex": r"refund (in|within) \d+ days",
    "numeric": "1,200.5",
    "accuracy": "billing",
}
TEXT = "The parcel left the depot on Tuesday"
EXTRACTING = ("json_valid", "json_exact", "json_fields", "json_schema")
MODELS = ("evaluate", "similarity")
"""These need a model or the Hub, and have tests of their own."""
NAMES = [name for name in dict.fromkeys([*METRICS, *MAKERS]) if name not in MODELS]
NAMES += [f"{name}:extract" for name in EXTRACTING]
NAMES += ["json_exact:0.01", "json_fields:1%", "json_exact:extract:0.01", "recall:1"]
# The reference of these is no answer, or is not looked at.
NOT_AN_ANSWER = (
    {"regex", "json_valid", "json_schema", "rubric", "stopped", "declines", "right_mass"}
    | AMOUNTS
    | LIKELIHOOD
    | RETRIEVAL
)

ODD = [
    "",
    " ",
    "\n\n\t",
    "\x00",
    "\ud800",
    "你好，世界。退款需要三十天。",
    "🙂👩‍👩‍👧‍👦",
    "a\u0301\u202e\u200b",
    "NaN",
    "Infinity",
    "[NaN, 1]",
    "1e999",
    "-1e999",
    "9" * 5000,
    '{"team": "billing", "team": "sales"}',
    "[" * 100_000,
    "[" * 5000 + "]" * 5000,
    '{"a":' * 3000 + "1" + "}" * 3000,
    "word " * 20_000,
    "x" * 200_000,
    "null",
    '"\\ud800"',
    "1_000",
    "٤٢",
    ",,,",
    ".",
    "e5",
]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    folder = tmp_path_factory.mktemp("triage")
    (folder / "scoring.json").write_text('{"filter": [["take_first", {}]]}')
    (folder / "schema.json").write_text('{"type": "object", "required": ["team"]}')
    (folder / "rubric.md").write_text(
        "- `depot` (2): Names the depot.\n  rule: /depot/\n- `short`: Short.\n  max words: 9\n"
    )
    (folder / "documents.jsonl").write_text('{"id": "d1", "text": "The parcel left."}\n')
    return make_suite(folder, schema="schema.json", rubric="rubric.md", documents="documents.jsonl")


def make_suite(folder: Path, **keys: str) -> Suite:
    return Suite.model_validate({"name": "triage", "folder": folder, "metric": "exact_match", **keys})


def a_case(name: str) -> Case:
    return Case(id="c1", input="?", reference=REFERENCES.get(name.partition(":")[0], TEXT), documents=("d1", "d2"))


def answer(text: str) -> Output:
    """An answer of which everything is known."""
    return Output(text, 12, 3, 0.25, 0.001, "stop", ["d2", "d9"], -4.5, 3)


def allowed(name: str, score: float) -> bool:
    """Whether a metric may give this score."""
    return math.isfinite(score) and (score <= 0 if name in AMOUNTS else 0 <= score <= 1)


def test_every_metric_is_under_test() -> None:
    assert {name.partition(":")[0] for name in NAMES} | set(MODELS) == set(METRICS) | set(MAKERS)
    assert set(LENIENT) | set(LENIENT.values()) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@given(text=st.text(st.characters(codec=None), max_size=200))
@settings(max_examples=40, deadline=None)
def test_any_text_scores(name: str, suite: Suite, text: str) -> None:
    assert allowed(name, load_metric(name, suite)(a_case(name), answer(text)))


@pytest.mark.parametrize("name", NAMES)
def test_odd_texts_score(name: str, suite: Suite) -> None:
    metric = load_metric(name, suite)
    for text in ODD:
        score = metric(a_case(name), answer(text))
        assert isinstance(score, float)
        assert allowed(name, score), text[:30]


@pytest.mark.parametrize("name", [name for name in NAMES if name.partition(":")[0] not in NOT_AN_ANSWER])
def test_reference_scores_one_and_nonsense_less(name: str, suite: Suite) -> None:
    metric, case = load_metric(name, suite), a_case(name)
    assert metric(case, case.reference) == 1.0
    assert metric(case, "qzx") < 1.0
    assert metric(case, "") == 0.0


@pytest.mark.parametrize("name", NAMES)
def test_hash_is_stable_and_the_metrics_own(name: str, suite: Suite) -> None:
    metric = load_metric(name, suite)
    assert metric.hash == load_metric(name, suite).hash
    assert metric.needs_reference == (name.partition(":")[0] not in NO_REFERENCE)
    assert [other for other in NAMES if load_metric(other, suite).hash == metric.hash] == [name]


@pytest.mark.parametrize(("name", "file"), [("json_schema", "schema.json"), ("rubric", "rubric.md")])
def test_hash_follows_the_file(name: str, file: str, tmp_path: Path) -> None:
    texts = {"schema.json": '{"type": "object"}', "rubric.md": "- `a`: A.\n  rule: /a/\n"}
    for each, text in texts.items():
        (tmp_path / each).write_text(text)
    suite = make_suite(tmp_path, schema="schema.json", rubric="rubric.md")
    before = load_metric(name, suite).hash
    (tmp_path / file).write_text(texts[file] + "\n")
    assert load_metric(name, suite).hash != before


def test_version_and_argument_change_the_hash(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_metric("numeric", suite).hash
    assert load_metric("numeric:0.5", suite).hash != before
    monkeypatch.setitem(__import__("harness.metrics").metrics.VERSIONS, "numeric", 2)
    assert load_metric("numeric", suite).hash != before


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("exact_mach", "unknown metric: did you mean 'exact_match'?"),
        ("rouge_1:x", "'rouge_1' takes no argument"),
        ("numeric:lots", "given the tolerance 'lots': write a number such as 0.01"),
        ("evaluate:", "name a module"),
        ("latency:x", "'latency' takes no argument: write 'latency'"),
        ("recall:many", "given 'many': write how many documents count, as in recall:5"),
        ("recall:0", "given '0': write how many documents count"),
        ("declines:x", "given 'x': it takes no argument"),
        ("similarity:", "name an embedding model"),
        ("similarity:./nowhere", "given './nowhere': no such folder"),
        ("json_exakt:x", "neither a metric nor a module 'json_exakt' to import: did you mean 'json_exact'?"),
    ],
)
def test_unknown_names_are_said_with_the_file(name: str, said: str, suite: Suite) -> None:
    with pytest.raises(BadInput) as caught:
        load_metric(name, suite)
    assert str(caught.value).startswith(f"{suite.folder}/suite.toml: metric {name!r}: {said}")


@pytest.mark.parametrize(("name", "key"), [("json_schema", "schema"), ("rubric", "rubric")])
def test_a_file_not_named_is_asked_for(name: str, key: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"needs a {key}: add {key} = "):
        load_metric(name, make_suite(tmp_path))


def test_values_of_user_functions_are_checked() -> None:
    from harness.errors import Incomplete

    for value in (float("nan"), float("inf"), 1.5, -0.1, None, "high"):
        with pytest.raises(Incomplete, match=r"a score is one finite float in \[0, 1\]"):
            Metric("own:f", "h", lambda case, text, value=value: value)(a_case("x"), "")
    assert Metric("own:f", "h", lambda case, text: True)(a_case("x"), "") == 1.0


def test_nothing_heavy_is_imported_to_load(suite: Suite) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from harness.suite import Suite; from harness.metrics import *\n"
        "from harness.metrics import METRICS, load_metric\n"
        "s = Suite(name='a', folder=Path('.'), metric='bleu')\n"
        "[load_metric(n, s) for n in [*METRICS, 'numeric', 'evaluate:exact_match', 'similarity:a/b']]\n"
        "heavy = {'torch', 'nltk', 'sacrebleu', 'evaluate', 'rouge_score', 'numpy', 'sentence_transformers'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"
