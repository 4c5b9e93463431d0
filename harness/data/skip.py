"""What is never shown as an example: inputs, with the intent behind them, that people consistently rate poorly.

{"input": "Cancel my order", "intent": "refund", "ratings": 5, "mean": 0.1}

``harness data signals`` writes such a list; ``skip = "skip.jsonl"`` in suite.toml names it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data.words import plain
from harness.errors import BadInput
from harness.files import look, rows

Combination = tuple[str, str | None]


def combination(said: str, intent: str | None) -> Combination:
    """An input and the intent behind it, as they are compared: case and white space do not count."""
    return plain(said), plain(intent) if intent else None


@dataclass(frozen=True, slots=True)
class Skips:
    """Combinations to leave out."""

    combinations: Collection[Combination] = frozenset()

    def has(self, said: str, intent: Any = None) -> bool:
        """Whether an example is on the list. One without an intent is when its input is, whatever the intent there."""
        asked, meant = combination(said, intent if isinstance(intent, str) else None)
        if meant is None:
            return any(asked == listed for listed, _ in self.combinations)
        return (asked, meant) in self.combinations or (asked, None) in self.combinations


def load_skips(path: Path) -> Skips:
    """The list in a file.

    Raises:
        BadInput: naming file and line of an entry without an input.
    """
    found = set()
    for where, row in rows(look(path)):
        said, intent = row.get("input"), row.get("intent")
        if not isinstance(said, str) or not (intent is None or isinstance(intent, str)):
            raise BadInput(f"{where}: given {sorted(row)}: an entry has an 'input' and, where it is known, an 'intent'")
        found.add(combination(said, intent))
    return Skips(frozenset(found))
