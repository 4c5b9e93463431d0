"""How far a run is, and what it would take before it begins.

    >>> print("\\n".join(plan_lines(plan_of(load_experiment(Path("experiment.toml"))))))      # doctest: +SKIP

``harness run`` and ``harness run --dry-run`` print what is made here.
"""

from harness.progress.console import Console, clock, expected
from harness.progress.expense import Bill, expenses, hour_usd, hours
from harness.progress.planned import Planned, plan_lines, plan_of, searched

__all__ = [
    "Bill",
    "Console",
    "Planned",
    "clock",
    "expected",
    "expenses",
    "hour_usd",
    "hours",
    "plan_lines",
    "plan_of",
    "searched",
]
