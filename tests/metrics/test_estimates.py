"""Estimates over all answers: against scikit-learn and sacrebleu on generated answers, and by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sklearn.metrics import accuracy_score, f1_score

from harness.errors import BadInput
from harness.metrics import load_metric
from harness.metrics.estimate import ESTIMATES, Sums, load_estimates
from harness.suite import Case, Suite
from harness.trial import Output

WORDS = st.sampled_from(
    [
        "the",
        "a",
        "cat",
        "Cat",
        "sat",
        "mat.",
        "on,",
        "in!",
        "1889",
        "don't",
        "Über",
        "你好",
        "naïve",
        "-",
        "x'",
        "🙂👩\u200d👩\u200d👧",
        "שלום",
    ]
)
SENTENCES = st.lists(WORDS, max_size=14).map(" ".join) | st.text(max_size=30)
LABELS = st.sampled_from(["a", "b", "c", "Ünal", "退款"])


def suite(*names: str, folder: Path = Path("suites/t"), **more: str) -> Suite:
    return Suite.model_validate({"name": "t", "folder": folder, "metric": "accuracy", "estimates": names, **more})


def number(name: str, pairs: list[tuple[str, str]], **more: str) -> float:
    cases = [Case(id=f"c{i}", input="?", reference=reference) for i, (reference, _) in enumerate(pairs)]
    return load_estimates(suite(name, **more))[name](cases, [Output(text, finish="stop") for _, text in pairs])


@given(pairs=st.lists(st.tuples(LABELS, LABELS | st.just("none of them")), min_size=1, max_size=30))
@settings(max_examples=300, deadline=None)
def test_labels_as_scikit_learn_has_them(pairs: list[tuple[str, str]]) -> None:
    wanted, given_ = [one for one, _ in pairs], [other for _, other in pairs]
    expected = f1_score(wanted, given_, labels=sorted(set(wanted)), average="macro", zero_division=0)
    assert number("macro_f1", pairs) == pytest.approx(expected, abs=1e-15)
    accuracy = load_metric("accuracy", suite())
    scores = [accuracy(Case(id="c", input="?", reference=one), other) for one, other in pairs]
    assert np.mean(scores) == accuracy_score(wanted, given_)


@given(pairs=st.lists(st.tuples(SENTENCES, SENTENCES), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_corpora_as_sacrebleu_has_them(pairs: list[tuple[str, str]]) -> None:
    wanted, texts = [[one for one, _ in pairs]], [other for _, other in pairs]
    assert number("corpus_bleu", pairs) == pytest.approx(BLEU().corpus_score(texts, wanted).score / 100, abs=1e-13)
    assert number("corpus_chrf", pairs) == pytest.approx(CHRF().corpus_score(texts, wanted).score / 100, abs=1e-13)


def test_a_corpus_is_no_mean_of_sentences() -> None:
    pairs = [("the cat sat on the mat today", "the cat sat on the mat today"), ("yes", "no, it was never so")]
    bleu = load_metric("bleu", suite())
    mean = np.mean([bleu(Case(id="c", input="?", reference=one), other) for one, other in pairs])
    assert abs(number("corpus_bleu", pairs) - mean) > 0.05


def test_rates() -> None:
    pairs = [
        ("I don't know.", "It is kladrun."),
        ("I don't know.", "That is not in the documents."),
        ("x", "unknown"),
        ("y", "y"),
    ]
    assert number("hallucination", pairs) == 0.5
    assert number("over_refusal", pairs) == 0.5
    assert number("hallucination", [("weiß ich nicht", "Weiß ich nicht!")], declining="weiß ich nicht") == 0.0
    assert math.isnan(number("hallucination", [("x", "x")]))
    rate = load_estimates(suite("stop_rate"))["stop_rate"]
    assert (
        rate([Case("a", "?", "x"), Case("b", "?", "x")], [Output("x", finish="length"), Output("x", finish="stop")])
        == 0.5
    )


@pytest.mark.parametrize("name", ESTIMATES)
def test_intervals(name: str) -> None:
    random = np.random.default_rng(7)
    words = ["the red boats stand here", "an old red lamp is here", "I don't know where that is"]
    cases = [Case(f"c{i}", "?", words[i % 3], cluster=f"k{i // 2}") for i in range(60)]
    trained = [
        [Output(words[random.integers(3)], finish="stop" if i % 4 else "length") for i in range(60)] for _ in range(2)
    ]
    estimate = load_estimates(suite(name))[name]
    clusters = np.unique([case.cluster for case in cases], return_inverse=True)[1]
    found = estimate.interval(cases, trained, clusters, alpha=0.05)
    assert found.estimate == pytest.approx(np.mean([estimate(cases, outputs) for outputs in trained]))
    assert 0 <= found.lower <= found.estimate <= found.upper <= 1
    assert (found.n, found.clusters, found.seeds) == (60, 30, 2)
    assert isinstance(estimate.function, Sums)


def test_one_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "house.py").write_text(
        "def longest(cases, outputs):\n    return max(len(o.text) for o in outputs) / sum(len(c.reference) for c in cases)\n"
        "def mean(cases, outputs):\n    return sum(o.text == c.reference for c, o in zip(cases, outputs)) / len(cases)\n"
    )
    found = load_estimates(suite("house:longest", "house:mean", "stop_rate", folder=tmp_path))
    cases = [Case(f"c{i}", "?", "ab") for i in range(40)]
    outputs = [Output("ab" if i % 2 else "c", finish="stop") for i in range(40)]
    assert found["house:longest"](cases, outputs) == 2 / 80
    interval = found["house:mean"].interval(cases, [outputs], np.arange(40), alpha=0.05)
    assert (interval.estimate, interval.lower < 0.5 < interval.upper) == (0.5, True)
    assert 0.2 < interval.upper - interval.lower < 0.35


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["macro_f2"], "suites/t/suite.toml: estimate 'macro_f2': unknown estimate: did you mean 'macro_f1'?"),
        (["nowhere:f"], "suites/t/suite.toml: estimate 'nowhere:f': neither a metric nor a module 'nowhere' to import"),
    ],
)
def test_unknown_names(names: list[str], said: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_estimates(suite(*names))
    assert str(caught.value).startswith(said)


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(BadInput, match=r"declining: given '\(unclosed': not a regular expression"):
        load_estimates(suite("hallucination", declining="(unclosed"))


def test_cases_of_which_there_is_no_number_are_refused() -> None:
    estimate = load_estimates(suite("hallucination"))["hallucination"]
    with pytest.raises(BadInput, match="estimate 'hallucination': no test case is of the kind that it counts"):
        estimate.refuse([Case("a", "?", "kladrun")])
    estimate.refuse([Case("a", "?", "I do not know")])
