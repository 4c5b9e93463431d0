"""Regular expressions that a suite brings, searched for in text that nobody vouches for.

    >>> pattern_of("kettle|pot", where="declining").found("the Kettle")
    False

Python's own ``re`` goes back and forth for ever over a text that a pattern such as ``(a+)+$`` nearly matches; the package ``regex`` knows
the same expressions and stops after a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import regex

from harness.errors import BadInput

SECONDS = 2.0
"""The longest search in one text; an ordinary one takes microseconds."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled expression; ``where`` is the place where it stands."""

    source: str
    where: str
    compiled: Any

    def found(self, text: str) -> bool:
        """Whether the text has a match anywhere.

        Raises:
            BadInput: when the search does not come to an end.
        """
        try:
            return self.compiled.search(text, timeout=SECONDS) is not None
        except TimeoutError as error:
            raise BadInput(
                f"{self.where}: the pattern {self.source[:60]!r} took more than {SECONDS:g} s on a text of {len(text):,} characters: "
                "it tries the same text in ever more ways; write it without repetitions inside repetitions"
            ) from error


def pattern_of(source: str, *, where: str, flags: str = "") -> Pattern:
    """``flags`` are those of ``re``, by letter: ``i``, ``m``, ``s``.

    Raises:
        BadInput: for what is no regular expression.
    """
    try:
        return Pattern(source, where, regex.compile(f"(?{flags}){source}" if flags else source))
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise BadInput(f"{where}: given {source[:60]!r}: not a regular expression: {error}") from error
