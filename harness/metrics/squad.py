"""The two metrics of SQuAD, as its evaluation script evaluate-v2.0.py computes them (Rajpurkar et al. 2018).

    reference "The Eiffel Tower", text "eiffel tower!"    squad_exact 1, token_f1 1
    reference "in the year 1889", text "1889"             squad_exact 0, token_f1 0.5

Both sides are lowercased, stripped of ASCII punctuation and of a, an, the; tokens are what white space separates, so a
text in a script without spaces is one token: use ``chrf`` there.
"""

from __future__ import annotations

import re
import string
from collections import Counter

from harness.suite import Case

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))


def exact(case: Case, text: str) -> float:
    """1 when the normalised tokens are the same."""
    return float(_tokens(text) == _tokens(case.reference))


def f1(case: Case, text: str) -> float:
    """Harmonic mean of token precision and recall; where either side has no token, 1 if neither has."""
    given, wanted = _tokens(text), _tokens(case.reference)
    if not given or not wanted:
        return float(given == wanted)
    shared = (Counter(given) & Counter(wanted)).total()
    if not shared:
        return 0.0
    precision, recall = shared / len(given), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)  # in the script's order, which decides the last digit


def _tokens(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()
