"""How likely the model finds the reference: perplexity and bits per byte, negative so that more is better, and the mean probability
of a byte, which is a share and may decide.

    a reference of 12 bytes and 3 tokens, log-probability -6    perplexity -e² = -7.39, bits_per_byte -0.72,
                                                                byte_probability 2^-0.72 = 0.61

The log-probability is that of giving the reference *as the answer*: of its tokens after the contender's own prompt in the
model's chat template, and of the token with which the answer ends, which counts as one of the tokens (Jelinek et al. 1977; for
a model without a template, as ``harness.models.chat`` renders it). Perplexity depends on the tokenizer, so it compares contenders of one
base model; bits per byte (of UTF-8) compares base models too. Only models that run here tell it. In a suite of the form ``text`` it
is that of the passage itself, after the tokenizer's first token and without a template, as lm-eval's perplexity tasks have it.
"""

from __future__ import annotations

import json
import math

from harness.errors import BadInput, Incomplete
from harness.suite import Case
from harness.trial import Output

CAP = 1e300
"""Perplexity of what the model holds for impossible: a score is finite."""


def perplexity(case: Case, output: Output) -> float:
    """exp(-log-probability / tokens)."""
    logprob, tokens = _likelihood(case, output)
    exponent = -logprob / tokens
    return -(math.exp(exponent) if exponent < math.log(CAP) else CAP)


def bits_per_byte(case: Case, output: Output) -> float:
    """-log2(probability) / bytes of the reference."""
    logprob, _ = _likelihood(case, output)
    bits = -logprob / math.log(2) / len(case.reference.encode("utf-8", "surrogatepass"))
    return -min(bits, CAP)


def byte_probability(case: Case, output: Output) -> float:
    """The geometric mean of the probabilities of the reference's bytes, 2^-bits_per_byte: perplexity a byte is one over it."""
    return math.exp2(bits_per_byte(case, output))


def right_mass(case: Case, text: str) -> float:
    """The share of the probability of all options that the right ones have together, which are those up to the reference (TruthfulQA's
    mc2, arXiv 2109.07958); ``text`` lists the options' log-likelihoods. What is no such list has none.
    """
    try:
        likelihoods = [float(value) for value in json.loads(text)]
        right = case.choices.index(case.reference) + 1
    except (ValueError, TypeError, RecursionError):
        return 0.0
    if len(likelihoods) != len(case.choices) or not all(map(math.isfinite, likelihoods)):
        return 0.0
    most = max(likelihoods)  # taken off, so that a float has room for what is left
    shares = [math.exp(value - most) for value in likelihoods]
    return min(1.0, sum(shares[:right]) / sum(shares))


def _likelihood(case: Case, output: Output) -> tuple[float, int]:
    if not case.reference:
        raise BadInput("reference: it is empty, so there is nothing whose likelihood could be told: give one")
    if output.logprob is None or not output.logprob_tokens:
        raise Incomplete("no likelihood of the reference is known: a served or scripted model gives no likelihoods")
    return output.logprob, output.logprob_tokens
