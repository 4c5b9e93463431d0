"""Negative examples: rows that show when to say no.

A model that never saw a question declined answers every question. Looked for are answers that decline by the suite's own pattern
(``declining`` in suite.toml; ``harness.metrics.decline`` otherwise), that refuse, or that are JSON with nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.data.audit.entry import Entry
from harness.data.audit.finding import Finding, First
from harness.files.parse import strict
from harness.metrics.decline import DECLINING
from harness.pattern import Pattern, pattern_of
from harness.plural import plural

REFUSING = (
    r"\b(i|we)( am|'m|’m)? (sorry|afraid|not able to|unable to)\b|\b(i|we) (can't|can’t|cannot|can not|won't|won’t) "
    r"(help|assist|do|provide|share|give|discuss|comply)\b|\bout of scope\b|\bnot (supported|allowed|permitted)\b"
)
"""How English answers refuse."""
CLAIMS = 300
"""Characters: what declines says so at its beginning."""


class Declined:
    """Answers that decline. That there are none is worth a look where the suite says how its answers decline; where answers are
    ``labels``, as is known afterwards, nobody asks.
    """

    def __init__(self, declining: Pattern | None, labels: Callable[[], bool]) -> None:
        self._pattern = declining or pattern_of(f"{DECLINING}|{REFUSING}", where="declining", flags="i")
        self._labels, self._expected = labels, declining is not None
        self._rows = 0
        self._found = First[str]()

    def add(self, entry: Entry) -> None:
        self._rows += 1
        if self._pattern.found(entry.answer[:CLAIMS]) or _says_nothing(entry.answer):
            self._found.add(entry.where)

    def findings(self) -> Iterator[Finding]:
        count = self._found.count
        if count:
            told = f"{plural(count, 'answer')} of {self._rows:,} decline ({count / self._rows:.1%})"
            yield Finding("note", "negative examples", told, None, self._found.kept)
        elif not self._labels():
            told = "no answer declines: nothing shows the model when to say no"
            yield Finding("warn" if self._expected else "note", "negative examples", told)


def _says_nothing(answer: str) -> bool:
    """Whether JSON has no value in it that says anything."""
    text = answer.strip()
    if not text.startswith(("{", "[")) or len(text) > CLAIMS:
        return False
    try:
        return _empty(strict(text))
    except (ValueError, RecursionError):
        return False


def _empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_empty, value.values()))
    return all(map(_empty, value)) if isinstance(value, list) else value in (None, "")
