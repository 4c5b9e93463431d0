"""From a verdict to the words and values of a report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.report.browse import choose, clip, flipped
from harness.report.decided import answer_of, differences, gap
from harness.verdict import Claim, SuiteVerdict

VERDICT = SuiteVerdict("triage", "accuracy", "NOT_JUSTIFIED", "prompt", "sft", "keys", "recipe", "quality", 0.03)


@pytest.mark.parametrize(
    ("verdict", "recommendation", "technique", "word", "tone"),
    [
        ("JUSTIFIED", "fine-tune", "tune", "Fine-tune", "tuned"),
        ("JUSTIFIED", "fine-tune+rag", "tune+rag", "Fine-tune and retrieve", "tuned"),
        ("NOT_JUSTIFIED", "prompt", "prompt", "Prompting suffices", "prompt"),
        ("NOT_JUSTIFIED", "constrain", "constrain", "Constrained decoding suffices", "prompt"),
        ("NOT_JUSTIFIED", "rag", "rag", "Use retrieval", "context"),
        ("NOT_JUSTIFIED", "rag", "golden", "Use golden examples", "context"),
        ("NOT_JUSTIFIED", "none", None, "Do not fine-tune", "open"),
        ("INCONCLUSIVE", "prompt", "prompt", "Not shown yet", "open"),
        ("INCONCLUSIVE", "collect-data", "tune", "Collect more data", "open"),
        ("INVALID", "none", None, "Invalid evidence", "invalid"),
    ],
)
def test_every_verdict_has_words(
    verdict: Any, recommendation: Any, technique: str | None, word: str, tone: str
) -> None:
    answer = answer_of(replace(VERDICT, verdict=verdict, recommendation=recommendation), technique)
    assert (answer.word, answer.tone, answer.verdict) == (word, tone, verdict)
    assert answer.sentence.endswith(".")


def _claims(ours: str, theirs: str, lower: float, upper: float, ceiling: float) -> list[Claim]:
    gain = Claim(f"gain:{theirs}", f"{ours} - {theirs}", 0.02, lower, upper, 0.05, 99, 100, 3, 100)
    return [gain, replace(gain, name=f"ceiling:{theirs}", upper=ceiling)]


def test_differences_know_what_is_shown() -> None:
    claims = [
        *_claims("dpo", "keys", 0.04, 0.09, 0.1),
        *_claims("sft", "keys", 0.04, 0.09, 0.1),
        *_claims("sft", "rag - bm25", -0.04, 0.02, 0.035),
        *_claims("sft", "golden", -0.09, 0.0, 0.01),
    ]
    found = differences(replace(VERDICT, claims=tuple(claims)), 0.03)
    assert [(one.ours, one.theirs, one.state) for one in found] == [
        ("sft", "keys", "shown"),
        ("sft", "rag - bm25", "open"),
        ("sft", "golden", "refuted"),
        ("dpo", "keys", "shown"),
    ]


def test_an_interaction_is_a_difference_of_differences() -> None:
    claim = Claim("interaction", "(sft+rag - rag) - (sft - keys)", 0.02, 0.0, 0.04, 0.05, 99, 100, 3, 100)
    assert (gap(claim).ours, gap(claim).theirs) == ("(sft+rag - rag)", "(sft - keys)")
    plain = gap(replace(claim, contrast="gold - keys"))
    assert (plain.ours, plain.theirs) == ("gold", "keys")


def test_the_worst_and_the_flipped_are_chosen() -> None:
    scores = {"keys": {f"c{i:02}": i / 50 for i in range(50)}, "sft": {f"c{i:02}": 1.0 for i in range(50)}}
    chosen = choose(scores, {"keys": {"c20": 1, "c30": -1}})
    assert chosen["keys"] == [*(f"c{i:02}" for i in range(10)), "c20", "c30", "c47", "c48", "c49"]
    assert "c20" not in chosen["sft"]
    assert set(chosen["keys"]) <= set(choose(scores, {}, beside=["sft"])["sft"]) | {"c20", "c30"}


def test_a_flip_is_right_where_the_baseline_is_wrong_or_the_reverse() -> None:
    keys = {"a": 0.0, "b": 1.0, "c": 1.0, "d": None, "e": 0.4}
    assert flipped({"a": 1.0, "b": 0.33, "c": 0.67, "d": 1.0, "e": 0.5, "f": 1.0}, keys) == {"a": 1, "b": -1, "e": 1}


def test_what_was_not_measured_comes_first() -> None:
    assert choose({"keys": {"a": 0.0, "b": None}}, {})["keys"] == ["b", "a"]


def test_long_texts_are_cut() -> None:
    assert clip("abcdef", 4) == "abcd… (2 more characters)"
    assert clip("abcd", 4) == "abcd"
