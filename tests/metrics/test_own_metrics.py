"""Metrics from outside: the user's own functions, and modules of Hugging Face evaluate."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import BadInput, Incomplete
from harness.metrics import load_metric
from harness.metrics.hub import _number
from harness.suite import Case, Suite

CASE = Case(id="c1", input="?", reference="yes")
HOUSE = """
def polite(case, text):
    return float("please" in text)

def broken(case, text):
    return 1 / 0

LIMIT = 3
"""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    (tmp_path / "house.py").write_text(HOUSE)
    return Suite(name="t", folder=tmp_path, metric="house:polite")


def test_a_module_of_the_suite(suite: Suite) -> None:
    metric = load_metric("house:polite", suite)
    assert (metric(CASE, "please do"), metric(CASE, "do")) == (1.0, 0.0)
    before = metric.hash
    suite.path("house.py").write_text(HOUSE + "\n# changed\n")
    assert load_metric("house:polite", suite).hash != before


def test_an_installed_module(suite: Suite) -> None:
    assert load_metric("harness.metrics.text:exact_match", suite)(CASE, "yes") == 1.0


def test_a_failure_on_one_text_is_no_score(suite: Suite) -> None:
    with pytest.raises(Incomplete, match="metric 'house:broken' on case 'c1': ZeroDivisionError: division by zero"):
        load_metric("house:broken", suite)(CASE, "x")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("house:polit", "module 'house' has no function 'polit': did you mean 'polite'?"),
        ("house:LIMIT", "module 'house' has no function 'LIMIT'"),
        ("nowhere_at_all:f", "neither a metric nor a module 'nowhere_at_all' to import"),
    ],
)
def test_what_is_not_there(suite: Suite, name: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_metric(name, suite)
    assert said in str(caught.value)


def test_a_module_that_does_not_run(suite: Suite) -> None:
    suite.path("house.py").write_text("import nowhere_at_all\n")
    with pytest.raises(BadInput, match=r"house\.py: cannot be imported: ModuleNotFoundError"):
        load_metric("house:polite", suite)


RATIO = """
import datasets
import evaluate

class Ratio(evaluate.Metric):
    def _info(self):
        features = datasets.Features({"predictions": datasets.Value("string"), "references": datasets.Value("string")})
        return evaluate.MetricInfo(description="", citation="", inputs_description="", features=features)

    def _compute(self, predictions, references):
        return {"ratio": min(1.0, len(predictions[0]) / len(references[0]))}
"""
SCORE_THEM = """
from pathlib import Path
from harness.metrics import load_metric
from harness.suite import Case, Suite

suite, case = Suite(name="t", folder=Path("."), metric="evaluate:ratio"), Case(id="c1", input="?", reference="four")
ratio = load_metric("evaluate:ratio", suite)
print([ratio(case, text) for text in ("", "on", "much longer")])
for _ in range(2):
    try:
        load_metric("evaluate:exact_match", suite)(case, "four")
    except Exception as error:
        print(error)
"""


def test_evaluate_modules_offline(tmp_path: Path) -> None:
    pytest.importorskip("evaluate")
    (tmp_path / "ratio").mkdir()
    (tmp_path / "ratio" / "ratio.py").write_text(RATIO)
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCORE_THEM], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    scores, *errors = done.stdout.splitlines()
    assert scores == "[0.0, 0.5, 1.0]"
    assert len(errors) == 2
    assert errors[0] == errors[1]
    assert errors[0].startswith(
        "suite.toml: metric 'evaluate:exact_match' on case 'c1': evaluate cannot load 'exact_match' "
        "(FileNotFoundError): without the Hub, put the module's folder into the suite and write evaluate:PATH"
    )


def test_which_number_of_an_evaluate_module() -> None:
    assert _number({"accuracy": 0.5, "n": 3}, "", "accuracy") == 0.5
    assert _number({"accuracy": 0.5, "n": 3}, "n", "accuracy") == 3
    assert _number({"score": 0.25, "text": "x"}, "", "other") == 0.25
    with pytest.raises(BadInput, match=r"it computes \['rouge1', 'rougeL'\]: name one, as in evaluate:rouge#rouge1"):
        _number({"rouge1": 0.5, "rougeL": 0.5}, "", "rouge")
