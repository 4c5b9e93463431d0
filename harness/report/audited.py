"""An audit of data for a terminal, and as one HTML file that needs no network.

    print("\\n".join(lines(checked)))
    Path("data.html").write_text(to_html(checked), encoding="utf-8")

Rows are hostile data: they are masked before they come here (``harness.data.audit.private``), what steers a reader's eye is written out,
and the page has no script at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from harness.data.audit import Finding, Line, Pair
from harness.plural import plural
from harness.report.html import FOLDER, PALETTE, environment, sha
from harness.visible import line as one_line
from harness.visible import visible

if TYPE_CHECKING:
    from harness.check import Checked, Report

STYLE = """
.facts dt::first-letter { text-transform: none; }
.side .text { max-height: 14rem; }
.finding { border-top: 1px solid var(--line); padding: 0.9rem 0; }
.finding h3 { display: flex; flex-wrap: wrap; gap: 0.3rem 0.7rem; align-items: center; }
.finding p { max-width: 60rem; }
.finding ul { margin: 0.4rem 0; padding-left: 1.2rem; font-size: 0.875rem; }
.pair { margin: 0.8rem 0 0; }
.note .pill { font-weight: 500; }
"""
LEVELS = {"fail": ("invalid", "Fails"), "warn": ("tuned", "Look at it"), "note": ("open", "For the record")}
"""A level's colour and word."""
WIDE = 100
"""Characters of a text in a terminal."""


def lines(checked: Checked) -> Iterator[str]:
    """For a terminal."""
    for report in checked.files:
        verdict = "good enough" if report.good else "NOT GOOD ENOUGH"
        yield f"{one_line(report.path)}: {report.found.said}: {verdict}"
        yield from _findings(report.findings)
    if checked.across:
        yield "across files and splits"
        yield from _findings(checked.across)


def to_html(checked: Checked) -> str:
    """The page; the same values give the same bytes."""
    style = PALETTE.read_text("utf-8") + (FOLDER / "style.css").read_text("utf-8") + STYLE
    return (
        environment()
        .get_template("audited.html.j2")
        .render(
            checked=checked,
            style=Markup(style),
            policy=f"default-src 'none'; style-src '{sha(style)}'; base-uri 'none'; form-action 'none'",
            levels=LEVELS,
            limit=limit,
            marked=marked,
            headline=headline(checked),
            counted=counted,
        )
    )


def headline(checked: Checked) -> str:
    """The answer over all files, in one sentence."""
    bad = sum(not report.good for report in checked.files)
    files = plural(len(checked.files), "file")
    if bad == len(checked.files) == 1:
        return "This file should not be trained on or examined with as it stands."
    if bad:
        return f"{bad} of {files} should not be trained on or examined with as it stands."
    warned = sum(finding.level == "warn" for finding in _all(checked))
    return (
        f"Nothing fails in {files}; {plural(warned, 'finding')} to look at." if warned else f"Nothing fails in {files}."
    )


def counted(report: Report) -> str:
    """How many findings of each level there are."""
    counts = {level: sum(one.level == level for one in report.findings) for level in LEVELS}
    return f"{counts['fail']} fail, {counts['warn']} to look at, {counts['note']} for the record"


def limit(line: Line) -> str:
    """What a finding was held against."""
    return f"{line.key} = {line.value:g}: {line.source}"


def marked(pair: Pair, *, asked: bool) -> tuple[Markup, Markup]:
    """Both texts, with the words that only one of them has marked."""
    first, second = ((s.asked if asked else s.answer) for s in (pair.first, pair.second))
    ours, theirs = visible(first).split(" "), visible(second).split(" ")
    one, other = [], []
    for kind, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        one.append(_words(ours[a:b], "del" if kind != "equal" else ""))
        other.append(_words(theirs[c:d], "ins" if kind != "equal" else ""))
    return tuple(Markup(" ").join(filter(None, side)) for side in (one, other))  # type: ignore[return-value]


def _words(words: Sequence[str], tag: str) -> Markup:
    text = escape(" ".join(words))
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), text) if tag and words else text


def _all(checked: Checked) -> Iterator[Finding]:
    for report in checked.files:
        yield from report.findings
    yield from checked.across


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    for finding in findings:
        yield f"  {finding.level}  {finding.name}: {one_line(finding.said)}"
        if finding.line is not None and finding.level != "note":
            yield f"          line: {one_line(limit(finding.line))}"
        yield from (f"          {one_line(place)}" for place in finding.places)
        for pair in finding.pairs:
            yield from (_side(side.where, side.asked, side.answer) for side in (pair.first, pair.second))


def _side(where: str, asked: str, answer: str) -> str:
    shown = f"{one_line(asked)[:WIDE]} → {one_line(answer)[:WIDE]}" if asked or answer else ""
    return f"          {one_line(where)}  {shown}".rstrip()
