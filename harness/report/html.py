"""The report as one HTML file that needs no network: style, script, charts and the answers to browse are inside.

    Path("report.html").write_text(to_html(gathered), encoding="utf-8")

Whatever a model wrote is hostile: templates escape, ``visible`` takes out what steers a reader's eye, answers lie in a
JSON island and reach the page as text only, and the policy in the head refuses any script but ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness.plural import plural
from harness.report import charts, ledger, merged, missing, numbers, payoff
from harness.report.browse import FLIPPED, RIGHT
from harness.report.browsed import Attempt, Browse
from harness.report.gathered import Base, Gathered
from harness.report.terminal import price, taken
from harness.verdict.economics import memo
from harness.visible import visible

FOLDER = Path(__file__).parent
PALETTE = FOLDER / "palette.css"
"""Colours and type of every page of ours."""
_PIECES = re.compile(r"^\[\d+\] |[^\n]+|\n", re.MULTILINE)
_BELOW_ZERO = re.compile(r"(?<![\w.])-(?=\d)")


def to_html(gathered: Gathered) -> str:
    """The page; the same values give the same bytes."""
    style, script = (path.read_text("utf-8") for path in (FOLDER / "style.css", FOLDER / "page.js"))
    style = PALETTE.read_text("utf-8") + style
    page = environment().get_template("page.html.j2")
    return page.render(
        gathered=gathered,
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; style-src '{sha(style)}'; script-src '{sha(script)}'; base-uri 'none'; form-action 'none'",
        island=island(gathered),
        headline=headline(gathered),
        right=f"{RIGHT:g}",
        flipped=FLIPPED,
    )


def headline(gathered: Gathered) -> str:
    """The answer over all suites, in one sentence."""
    answers = [suite.answer for base in gathered.models for suite in base.deciding if suite.answer]
    won = sum(answer.verdict == "JUSTIFIED" for answer in answers)
    if not answers:
        return "No suite decides."
    what = "suites" if len(gathered.models) == 1 else "combinations of suite and base model"
    said = "no suite" if won == 0 else "the only suite" if len(answers) == 1 else f"{won} of {len(answers)} {what}"
    left = sum(answer.verdict in ("INCONCLUSIVE", "INVALID", "NOT_COMPARED") for answer in answers)
    rest = f" {left} of {len(answers)} cannot be answered on this evidence yet." if left else ""
    return f"Fine-tuning is shown to be worth it on {said}.{rest}"


def island(gathered: Gathered) -> Markup:
    """The answers to browse as JSON that no HTML parser can mistake for markup."""
    data = _Island(several=len(gathered.models) > 1).build(gathered)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


class _Island:
    """Texts are cut at line ends and every line is kept once: prompts share most of theirs."""

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._pieces: dict[str, int] = {}
        self._texts: dict[tuple[int, ...], int] = {}
        self._prompts: dict[Any, int] = {}
        self._documents: dict[tuple[int, int], int] = {}

    def build(self, gathered: Gathered) -> dict[str, Any]:
        suites = [self._suite(base, suite.name, suite.browse) for base in gathered.models for suite in base.suites]
        return {
            "right": RIGHT,
            "suites": [suite for suite in suites if suite["attempts"]],
            "pieces": list(self._pieces),
            "texts": list(self._texts),
            "prompts": list(self._prompts),
            "documents": list(self._documents),
        }

    def _suite(self, base: Base, name: str, shown: Browse) -> dict[str, Any]:
        contenders = {contender: i for i, (contender, _) in enumerate(shown.contenders)}
        cases = {asked.id: i for i, asked in enumerate(shown.cases)}
        return {
            "name": visible(f"{base.model} · {name}" if self._several else name),
            "contenders": [[visible(contender), layer] for contender, layer in shown.contenders],
            "tuned": contenders.get(shown.tuned or ""),
            "baseline": contenders.get(shown.baseline or ""),
            "total": shown.total,
            "cases": [[visible(c.id), self._text(c.input), self._text(c.expected)] for c in shown.cases],
            "attempts": [
                self._attempt(a, contenders[a.contender], cases[a.case]) for a in shown.attempts if a.case in cases
            ],
        }

    def _attempt(self, one: Attempt, contender: int, case: int) -> list[Any]:
        said = [[self._text(s.text), list(s.seeds), _short(s.score), visible(s.note)] for s in one.said]
        prompt = tuple((self._text(role), self._text(text)) for role, text in one.prompt)
        documents = [_keep(self._documents, (self._text(name), self._text(text))) for name, text in one.documents]
        return [contender, case, _short(one.score), said, _keep(self._prompts, prompt), documents]

    def _text(self, text: str) -> int:
        return _keep(self._texts, tuple(_keep(self._pieces, piece) for piece in _PIECES.findall(visible(text))))


def _keep(table: dict[Any, int], key: Any) -> int:
    return table.setdefault(key, len(table))


def _short(score: float | None) -> float | None:
    return None if score is None else round(score, 3)


def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_finalize,
    )
    made.filters.update(
        points=numbers.points, score=numbers.score, beside=numbers.beside, gain=numbers.gain, ends=numbers.ends, duration=numbers.duration,
        money=numbers.money, count=numbers.count, decimals=numbers.decimals, signs=_signs, plain=_plain, plural=plural,
        sentence=_sentence,
        label=memo.label, amount=memo.amount, bare=memo.bare,
    )  # fmt: skip
    made.globals.update(
        charts=charts, ledger=ledger, merged=merged, missing=missing, payoff=payoff, price=price, taken=taken
    )
    return made


def _finalize(value: Any) -> Any:
    """Every text that reaches the page passes here; what is markup already is ours."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _sentence(clause: str) -> str:
    """A clause as a sentence of its own."""
    return f"{clause[:1].upper()}{clause[1:]}."


def _signs(text: str) -> str:
    """Real minus signs in a reason's sentence."""
    return _BELOW_ZERO.sub(numbers.MINUS, text)


def _plain(value: Any) -> str:
    """A configuration as indented JSON, without what was left at its default None."""
    return json.dumps(_given(value), indent=2, ensure_ascii=False, default=str)


def _given(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _given(item) for key, item in value.items() if item is not None}
    return [_given(item) for item in value] if isinstance(value, list | tuple) else value


def sha(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
