"""Where rows come from: written by a model (``"synthetic": true`` beside a row), and read by somebody since.

Reviewed is a row with ``"reviewed": true``, or with the ``feedback`` that ``harness data signals`` writes beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.data.audit.entry import Entry
from harness.data.audit.finding import Finding


class Made:
    """Synthetic rows, and reviewed ones."""

    def __init__(self) -> None:
        self._rows = self._synthetic = self._reviewed = 0

    def add(self, entry: Entry) -> None:
        self._rows += 1
        self._synthetic += entry.more.get("synthetic") is True
        self._reviewed += entry.more.get("reviewed") is True or bool(entry.more.get("feedback"))

    def findings(self) -> Iterator[Finding]:
        if not self._synthetic:
            return
        told = f"{self._synthetic:,} of {self._rows:,} rows are synthetic, {self._reviewed:,} of all were reviewed"
        alone = self._synthetic == self._rows and not self._reviewed
        more = (
            ': a model alone wrote this; let somebody read a sample (--sample), and mark what was read "reviewed": true'
        )
        yield Finding("warn" if alone else "note", "synthetic", told + (more if alone else ""))
