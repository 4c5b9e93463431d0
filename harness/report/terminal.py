"""The report on a terminal: one line a suite, the first reason under it.

suite   answer     contender  gain (interval)       against    1,000 answers
triage  Fine-tune  sft        +21.4 (15.2 to 27.9)  few_shot   6.2 s
        sft minus few_shot: 21.4 points …
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from harness.report import merged
from harness.report.gathered import Base, Cost, Gathered, Suite
from harness.report.numbers import beside, duration, gain, money
from harness.visible import line

HEAD = ("suite", "answer", "contender", "gain (interval)", "over", "1,000 answers")


def to_terminal(gathered: Gathered) -> str:
    """Plain text without colour or control characters; numbers are points of the suite's metric."""
    blocks = [_heading(line(gathered.experiment)), *(_base(base) for base in gathered.models)]
    return "\n\n".join(blocks)


def price(cost: Cost | None) -> str:
    """A thousand answers in money where that was measured, else in seconds."""
    if cost is None:
        return "–"
    if cost.usd:
        return money(1000 * cost.usd)
    return duration(None if cost.seconds is None else 1000 * cost.seconds)


def taken(suite: Suite) -> str | None:
    """The contender to use: the one that suffices, else the one in question."""
    return suite.suffices or suite.contender


def _heading(name: str) -> str:
    return f"{name}\n{'=' * cell_len(name)}"


def _base(base: Base) -> str:
    suites = base.deciding
    lines = [f"base model {line(base.model)}", ""]
    if not suites:
        return "\n".join([*lines, "no suite decides"])
    head, *rows = _table([HEAD, *(_cells(suite) for suite in suites)])
    lines.append(head)
    for suite, row in zip(suites, rows, strict=True):
        lines += [row, *_why(suite)]
    if base.merges:
        lines += ["", *_table([merged.HEAD, *(tuple(map(line, row)) for row in merged.rows(base.merges))])]
        lines += [f"    {line(one.sentence)}" for one in base.merges]
    return "\n".join(lines)


def _cells(suite: Suite) -> tuple[str, ...]:
    hardest = suite.hardest
    return (
        line(suite.name),
        suite.answer.word if suite.answer else "",
        line(taken(suite) or "–"),
        gain(hardest.span) if hardest else "–",
        line(hardest.theirs) if hardest else "–",
        price(suite.cost(taken(suite))),
    )


def _why(suite: Suite) -> Iterator[str]:
    for reason in suite.reasons[:1]:
        yield f"    {line(reason)}"
    pair = (suite.hardest.theirs, suite.hardest.ours) if suite.hardest else ()
    for one in suite.beside if pair else ():
        if one.kind == "estimate" and all(contender in one.spans for contender in pair):
            said = "; ".join(f"{line(contender)} {beside(one, contender)}" for contender in pair)
            yield f"    {line(one.name)}: {said}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(_pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _pad(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))
