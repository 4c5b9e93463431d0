"""What is shown beside the deciding metric and never decides: amounts in their own units, estimates over all answers.

Beside("latency", "amount", {"keys": Span(0.21, 0.18, 0.25), "sft": Span(0.2, 0.17, 0.23)})
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from harness.estimates import Estimated
from harness.report.gathered import Beside, Span
from harness.verdict import Summary


def amounts(found: Mapping[tuple[str, str], Iterable[Summary]], suite: str) -> Iterator[Beside]:
    """The amounts of a suite as positive numbers: a reader thinks of seconds, not of their negative."""
    for (where, name), some in found.items():
        if where == suite:
            spans = {one.contender: one.interval for one in some}
            yield Beside(
                name, "amount", {who: Span(0 - i.estimate, 0 - i.upper, 0 - i.lower) for who, i in spans.items()}
            )


def estimated(found: Estimated, suite: str) -> Iterator[Beside]:
    """The estimates of a suite."""
    for name, intervals in found.get(suite, {}).items():
        spans = {who: Span(i.estimate, i.lower, i.upper) for who, i in intervals.items()}
        yield Beside(name, "estimate", spans)
