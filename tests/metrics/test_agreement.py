"""The metrics that others defined give their numbers to the last digit: rouge-score, sacrebleu, the SQuAD script. Edge cases are
generated: empty, Unicode, CJK, emoji, right to left, control characters, very long. Corpora and labels: test_estimates.
"""

from __future__ import annotations

import collections
import re
import string
import warnings
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from harness.errors import BadInput
from harness.metrics import load_metric
from harness.suite import Case, Suite

SUITE = Suite(name="t", folder=Path("suites/t"), metric="bleu")

VOCABULARY = "the a an cat Cat sat mat. on, in! 1889 don't Über 你好 naïve - x' (y) eiffel's the—end İstanbul ﬁlter"
ODD = [
    "退款需要三十天。",
    "🙂👩‍👩‍👧‍👦",
    "שלום עולם",
    "\u202eمرحبا",
    "a\u0301",
    "\x00",
    "\u200b",
    "ſ",
    "K",
    "٤٢",
    "\u3000",
    "\x1c",
]
WORDS = st.sampled_from(VOCABULARY.split()) | st.sampled_from(ODD)
SPACES = st.sampled_from([" ", "  ", "\n", "\t", "\n\n", " \r\n"])
SENTENCES = (
    st.lists(WORDS, max_size=14).map(" ".join)
    | st.lists(st.tuples(WORDS, SPACES), max_size=20).map(lambda pairs: "".join(map("".join, pairs)))
    | st.text(max_size=30)
)
LONG = st.tuples(st.lists(WORDS, min_size=1, max_size=6), st.integers(100, 300)).map(
    lambda drawn: " ".join(drawn[0] * drawn[1])
)


def score(name: str, reference: str, text: str) -> float:
    return load_metric(name, SUITE)(Case(id="c1", input="?", reference=reference), text)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # nltk's import warns of what it deprecates itself
    from rouge_score.rouge_scorer import RougeScorer

ROUGE = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=False)
NAMES = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL", "rouge_lsum": "rougeLsum"}


@given(reference=SENTENCES, text=SENTENCES)
@settings(max_examples=200, deadline=None)
def test_rouge(reference: str, text: str) -> None:
    agree(reference, text, NAMES)


@given(reference=LONG, text=LONG)
@settings(max_examples=4, deadline=None)
def test_rouge_of_very_long_texts(reference: str, text: str) -> None:
    agree(reference, text, ["rouge_1", "rouge_2", "rouge_l"])


def agree(reference: str, text: str, names: Iterable[str]) -> None:
    if not re.search("[a-z0-9]", reference.lower()):
        with pytest.raises(BadInput, match="use 'chrf'"):
            score("rouge_1", reference, text)
        return
    expected = ROUGE.score(reference, text)
    for name in names:
        assert score(name, reference, text) == expected[NAMES[name]].fmeasure, name


def test_rouge_examples() -> None:
    reference, text = "the cat sat on the mat", "the cat on the mat"
    assert round(score("rouge_1", reference, text), 2) == 0.91
    assert round(score("rouge_2", reference, text), 2) == 0.67
    assert round(score("rouge_l", reference, text), 2) == 0.91
    assert score("rouge_l", "a b c d", "d c b a") == 0.25
    lines = "the cat sat\non the mat", "on the mat\nthe cat sat"
    assert (score("rouge_l", *lines), score("rouge_lsum", *lines)) == (0.5, 1.0)


@given(reference=(SENTENCES | LONG).filter(lambda text: text.strip()), text=SENTENCES | LONG)
@settings(max_examples=200, deadline=None)
def test_sacrebleu(reference: str, text: str) -> None:
    bleu = BLEU(effective_order=True).sentence_score(text, [reference]).score / 100
    chrf = CHRF().sentence_score(text, [reference]).score / 100
    assert score("bleu", reference, text) == min(bleu, 1.0)
    assert score("chrf", reference, text) == min(chrf, 1.0)


def test_chrf_serves_scripts_without_spaces() -> None:
    assert score("chrf", "退款需要三十天", "退款需要三十天") == 1.0
    assert 0 < score("chrf", "退款需要三十天", "退款需要三天") < 1


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_an_empty_reference_cannot_be_shared(name: str) -> None:
    with pytest.raises(BadInput, match="it is empty"):
        score(name, " ", "text")


# --- evaluate-v2.0.py of SQuAD, as published ---


def normalize_answer(s: str) -> str:
    def remove_articles(text: str) -> str:
        return re.compile(r"\b(a|an|the)\b", re.UNICODE).sub(" ", text)

    def white_space_fix(text: str) -> str:
        return " ".join(text.split())

    def remove_punc(text: str) -> str:
        exclude = set(string.punctuation)
        return "".join(ch for ch in text if ch not in exclude)

    return white_space_fix(remove_articles(remove_punc(s.lower())))


def compute_f1(a_gold: str, a_pred: str) -> float:
    gold_toks = normalize_answer(a_gold).split() if a_gold else []
    pred_toks = normalize_answer(a_pred).split() if a_pred else []
    common = collections.Counter(gold_toks) & collections.Counter(pred_toks)
    num_same = sum(common.values())
    if len(gold_toks) == 0 or len(pred_toks) == 0:
        return int(gold_toks == pred_toks)
    if num_same == 0:
        return 0
    precision = 1.0 * num_same / len(pred_toks)
    recall = 1.0 * num_same / len(gold_toks)
    return (2 * precision * recall) / (precision + recall)


@given(reference=SENTENCES | LONG, text=SENTENCES | LONG)
@settings(max_examples=300, deadline=None)
def test_squad(reference: str, text: str) -> None:
    assert score("token_f1", reference, text) == compute_f1(reference, text)
    assert score("squad_exact", reference, text) == float(normalize_answer(reference) == normalize_answer(text))


def test_squad_examples() -> None:
    assert score("squad_exact", "The Eiffel Tower", "eiffel tower!") == 1
    assert score("token_f1", "in the year 1889", "1889") == 0.5
