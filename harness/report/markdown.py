"""The report for a pull request: the verdict table, the reasons, and the rest folded away.

| suite | answer | contender | gain (interval) | over | 1,000 answers |
|---|---|---|---|---|---|
| triage | **Fine-tune** | sft | +21.4 (15.2 to 27.9) | few\\_shot\\_4 | 6.2 s |
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from harness.report import merged
from harness.report.gathered import Base, Fit, Gathered, Suite
from harness.report.numbers import beside, count, duration, ends, gain, points, score
from harness.report.terminal import HEAD, price, taken
from harness.verdict.economics.memo import memo
from harness.visible import line

ICONS = {"prompt": "🟦", "context": "🟩", "tuned": "🟧", "open": "⬜", "invalid": "🟥"}
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$]|^[-+])")
_LINKS = re.compile(r"(?<=www)\.|:(?=//)", re.IGNORECASE)


def to_markdown(gathered: Gathered) -> str:
    """GitHub's Markdown; numbers are points of the suite's metric, intervals at 1 − 2·alpha."""
    lines = [f"## Is fine-tuning justified? {escaped(gathered.experiment)}", ""]
    for base in gathered.models:
        lines += _base(base)
    level = f"{100 * (1 - 2 * gathered.alpha):g} %"
    lines.append(
        f"Points of each suite's metric; every interval is a {level} interval of a paired comparison on the same cases."
    )
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """One line of text that stays text: no markup, table cell, mention or link."""
    made = _SPECIAL.sub(r"\\\1", line(text).replace("&", "&amp;"))
    made = _LINKS.sub(lambda match: f"\\{match[0]}", made)
    return re.sub(r"(?<![\w.])@(?=\w)", "@<!-- -->", made)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: int | None = None) -> Iterator[str]:
    """A table; cells must be escaped already. Columns from ``right`` on are aligned to the right."""
    marks = ["---:" if right is not None and i >= right else "---" for i in range(len(head))]
    for row in (head, marks, *rows):
        yield f"| {' | '.join(row)} |"


def _base(base: Base) -> Iterator[str]:
    yield f"Base model {escaped(base.model)}."
    yield ""
    yield from table(HEAD, (_cells(suite) for suite in base.deciding))
    yield ""
    for suite in base.deciding:
        yield from _reasons(suite)
    yield from _fold("General ability", _guards(base)) if base.drops else ()
    yield from _fold("Merged adapters", _merges(base)) if base.merges else ()
    for suite in base.deciding:
        yield from _fold(f"{suite.name}: every contender", _details(suite)) if suite.ladder else ()


def _cells(suite: Suite) -> tuple[str, ...]:
    hardest, answer = suite.hardest, suite.answer
    return (
        escaped(suite.name),
        f"{ICONS[answer.tone]} **{answer.word}**" if answer else "",
        escaped(taken(suite) or "–"),
        gain(hardest.span) if hardest else "–",
        escaped(hardest.theirs) if hardest else "–",
        price(suite.cost(taken(suite))),
    )


def _reasons(suite: Suite) -> Iterator[str]:
    yield f"**{escaped(suite.name)}.** {escaped(suite.answer.sentence if suite.answer else '')}"
    yield ""
    yield from (f"{number}. {escaped(reason)}" for number, reason in enumerate(suite.reasons, start=1))
    if suite.touched:
        yield ""
        yield escaped(suite.touched)
    if suite.answer and suite.answer.change:
        yield ""
        yield f"What would change it: {escaped(suite.answer.change)}"
    if suite.ledger and suite.ledger.state != "locked":
        yield ""
        yield f"Lock: {escaped(suite.ledger.standing)}."
    yield ""


def _fold(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"<details><summary>{html.escape(line(title))}</summary>"
    yield ""
    yield from lines
    yield ""
    yield "</details>"
    yield ""


def _guards(base: Base) -> Iterator[str]:
    words = {"holds": "holds", "broken": "broken", "open": "not shown"}
    rows = (
        (
            escaped(d.guard),
            escaped(d.contender),
            f"{points(d.span.estimate)} ({ends(d.span)})",
            points(d.limit),
            words[d.state],
        )
        for d in base.drops
    )
    yield from table(("guard", "tuned contender", "drop (interval)", "limit", "state"), rows)


def _merges(base: Base) -> Iterator[str]:
    rows = ((escaped(cell) for cell in row) for row in merged.rows(base.merges))
    yield from table(merged.HEAD, map(tuple, rows), right=4)
    yield ""
    yield from (f"- {escaped(one.sentence)}" for one in base.merges)


def _details(suite: Suite) -> Iterator[str]:
    rows = []
    for rung in suite.ladder:
        cost = suite.cost(rung.contender)
        tokens = count(cost.prompt_tokens if cost else None), count(cost.output_tokens if cost else None)
        training = duration(cost.training_seconds if cost else None)
        rows.append((rung.layer, escaped(rung.contender), score(rung.span), *tokens, price(cost), training))
    head = (
        "layer",
        "contender",
        f"{escaped(suite.metric)} (interval)",
        "prompt tokens",
        "output tokens",
        "1,000 answers",
        "training",
    )
    yield from table(head, rows, right=2)
    if suite.beside:
        yield ""
        others = ((escaped(r.contender), *(beside(one, r.contender) for one in suite.beside)) for r in suite.ladder)
        yield from table(("contender", *(escaped(one.name) for one in suite.beside)), others, right=1)
    for one in suite.judged:
        yield ""
        yield f"The judge on **{escaped(one.metric)}**, {escaped(one.judge)}:"
        yield ""
        yield from (f"- {escaped(finding)}" for finding in one.findings)
    if suite.searches:
        yield ""
        yield from (f"- Search: {escaped(search.sentence)}" for search in suite.searches)
    failed = [check for check in suite.checks if not check.passed]
    if failed:
        yield ""
        yield from (f"- **{escaped(check.name)}** failed: {escaped(check.evidence)}" for check in failed)
    if suite.fits:
        yield ""
        yield from (f"- {_over(one)}{escaped(one.finding)}" for one in suite.fits if one.finding)
        yield from (f"- {escaped(said)}" for one in suite.fits for said in one.kept)
    missed = [gate for gate in suite.gates if not gate.passed]
    if missed:
        yield ""
        yield from (
            f"- Gate **{escaped(gate.name)}**, {escaped(gate.contender)}: {escaped(gate.sentence)}" for gate in missed
        )
    for sentence in memo(suite.economics):
        yield ""
        yield escaped(sentence)


def _over(fit: Fit) -> str:
    return "**Over-fitted.** " if fit.over else ""
