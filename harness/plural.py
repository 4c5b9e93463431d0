"""A count with its noun, as every message, memo and table writes it.

>>> plural(1, "test case"), plural(1240, "case")
('1 test case', '1,240 cases')
"""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """The noun takes an s unless the count is one; thousands are parted by commas."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
