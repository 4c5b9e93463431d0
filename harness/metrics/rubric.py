"""The suite's rubric: criteria in a Markdown file, scored by rules that a program can check, or by a judge.

    # How an answer is graded

    - `thanks` (2): Thanks the customer.
      rule: /thank(s| you)/i
    - `no_promise` (1): Promises no date.
      rule: not /by (monday|tomorrow)/i
    - `short` (1): At most forty words.
      max words: 40
    - `tone` (2): Sounds calm.
      5: Calm throughout.
      1: Angry, or pleading.

A criterion is a list item: an id in backticks, a weight in brackets (1 when left out), what is asked. Under it,
indented, its rules: ``rule: /regex/`` (found in the text; flags i, m, s), ``rule: not /regex/``, ``max words: N``,
``min words: N``; all of them must hold. A criterion without a rule (``tone``) is for a judge and is left out here. The
score is the weight of the criteria met over the weight of those with rules. A line ``N: …`` is an anchor: what a judge's
score of N means (``harness.metrics.judge``). Headings and paragraphs are free, but for the heading ``Examples``: below it stand
graded examples for a judge (``harness.metrics.example``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import BadInput, suggest
from harness.metrics import Function
from harness.pattern import pattern_of
from harness.plural import plural
from harness.suite import Case, Suite

Rule = Callable[[str], bool]

_ITEM = re.compile(r"[-*]\s+`(?P<id>[^`]+)`\s*(?:\((?P<weight>[^)]*)\))?\s*:\s*(?P<text>.*)")
_RULE = re.compile(r"\s+(?:[-*]\s+)?(?P<key>[a-z]+(?: [a-z]+)?)\s*:\s*(?P<value>.*)")
_ANCHOR = re.compile(r"\s+(?:[-*]\s+)?(?P<score>\d{1,3})\s*:\s*(?P<text>\S.*)")
_HEADING = re.compile(r"(?P<depth>#{1,6})\s+(?P<title>.*?)\s*#*")
# What is meant as an anchor and is none: 1-2: …, 4.5: …, -1: …, 5) …, 1000: …
_NEARLY = re.compile(r"\s+(?:[-*]\s+)?[-+]?\d+(?:[.,]\d+)?(?:\s*(?:[-–/,]|to|or|and)\s*\d+)*\s*(?:[:=)]|[-–]\s).*")
_REGEX = re.compile(r"(?P<negated>not\s+)?/(?P<pattern>.*)/(?P<flags>[ims]*)")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a good answer does. ``rules`` is empty where only a judge can tell; ``anchors`` say what a judge's scores
    mean, the highest first. ``where`` is its file and line, for messages.
    """

    id: str
    weight: float
    text: str
    rules: tuple[Rule, ...] = ()
    anchors: tuple[tuple[int, str], ...] = ()
    where: str = ""

    @property
    def least(self) -> int:
        return self.anchors[-1][0]

    @property
    def most(self) -> int:
        return self.anchors[0][0]

    def share(self, score: object) -> float:
        """Where a judge's or a person's score lies between the least and the greatest, 0 to 1.

        Raises:
            BadInput: for what is no whole number on the scale.
        """
        if isinstance(score, bool) or not isinstance(score, int) or not self.least <= score <= self.most:
            raise BadInput(f"{self.id!r} had the score {str(score)[:40]!r}, allowed are {self.least} to {self.most}")
        return (score - self.least) / (self.most - self.least)

    def met(self, text: str) -> bool:
        return all(rule(text) for rule in self.rules)


def load_rubric(path: Path) -> tuple[Criterion, ...]:
    """The criteria of a rubric, in order.

    Raises:
        BadInput: naming file and line, for a broken item, rule or anchor, a weight that is not positive, or a duplicate id.
    """
    criteria: dict[str, Criterion] = {}
    current: str | None = None
    for where, line in sections(path, examples=False):
        if line[0] in "-*" and not line.startswith(("**", "---", "***")):
            criterion = _criterion(line, where)
            if criterion.id in criteria:
                raise BadInput(f"{where}: duplicate criterion {criterion.id!r}: give it another id")
            current = criterion.id
            criteria[current] = criterion
        elif line[0].isspace():
            _add(criteria, current, line, where)
        else:
            current = None
    if not criteria:
        raise BadInput(f"{path}: no criterion: write a list item such as - `polite` (1): Thanks the customer.")
    return tuple(criteria.values())


def refuse_unanchored(criteria: Iterable[Criterion]) -> None:
    """What judges and people grade by says what its scores mean.

    Raises:
        BadInput: naming the line of a criterion that does not.
    """
    for criterion in criteria:
        if len(criterion.anchors) < 2:
            raise BadInput(
                f"{criterion.where}: criterion {criterion.id!r} has {plural(len(criterion.anchors), 'anchor')}: who grades needs to "
                "know what its lowest and highest score mean; add lines such as 5: … and 1: … under it"
            )


def graded(criteria: Sequence[Criterion], scores: Mapping[str, object]) -> float:
    """The weighted mean, 0 to 1, of where each criterion's score lies on its scale: a judge's or a person's.

    Raises:
        BadInput: for a score that is missing or off its scale.
    """
    total = math.fsum(criterion.weight for criterion in criteria)
    return min(math.fsum(c.weight * c.share(scores.get(c.id)) for c in criteria) / total, 1.0)


def make_rubric(suite: Suite, argument: str) -> tuple[Function, Sequence[str]]:
    """Weighted share of the rubric's rules that the text meets."""
    if suite.rubric is None:
        raise BadInput('needs a rubric: add rubric = "rubric.md"')
    path = suite.path(suite.rubric)
    criteria = [criterion for criterion in load_rubric(path) if criterion.rules]
    if not criteria:
        raise BadInput(
            f"{path}: no criterion has a rule: add one such as rule: /thank/ under it, or grade with a judge"
        )
    total = math.fsum(criterion.weight for criterion in criteria)

    def rubric(case: Case, text: str) -> float:
        return min(math.fsum(c.weight for c in criteria if c.met(text)) / total, 1.0)

    return rubric, [path.read_text(encoding="utf-8")]


def sections(path: Path, *, examples: bool) -> Iterator[tuple[str, str]]:
    """(file and line number, line) of a rubric's examples, or of all else in it."""
    inside = 0
    for where, line in _lines(path):
        heading = _HEADING.fullmatch(line)
        if heading and len(heading["depth"]) <= (inside or 6):
            inside = len(heading["depth"]) if heading["title"].casefold() == "examples" else 0
        if (inside > 0) is examples:
            yield where, line


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"{path}:{number}", line.rstrip()


def _criterion(line: str, where: str) -> Criterion:
    match = _ITEM.fullmatch(line)
    if match is None:
        raise BadInput(f"{where}: given {line!r}: write a criterion as - `id` (weight): what is asked")
    return Criterion(match["id"], _weight(match["weight"], where), match["text"].strip(), where=where)


def _weight(given: str | None, where: str) -> float:
    try:
        weight = 1.0 if given is None else float(given)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise BadInput(f"{where}: weight: given {given!r}: write a number above zero")
    return weight


def _add(criteria: dict[str, Criterion], current: str | None, line: str, where: str) -> None:
    """A line below a criterion: one of its rules, or more of its text."""
    match = _RULE.fullmatch(line)
    known = match and match["key"] in _RULES
    if match and not known and suggest(match["key"], _RULES).startswith("did you mean"):
        raise BadInput(f"{where}: unknown key {match['key']!r}: {suggest(match['key'], _RULES)}")
    if current is None:
        if known:
            raise BadInput(f"{where}: a rule without a criterion: put it under - `id` (weight): what is asked")
        return
    criterion = criteria[current]
    anchor = _ANCHOR.fullmatch(line)
    if anchor:
        criteria[current] = _anchored(criterion, int(anchor["score"]), anchor["text"].strip(), where)
    elif _NEARLY.fullmatch(line):
        raise BadInput(
            f"{where}: scale of {criterion.id!r}: given {line.strip()!r}: write one whole number of 0 to 999, a colon and what it "
            "means, such as 5: Calm throughout."
        )
    elif match and known:
        rule = _RULES[match["key"]](match["value"].strip(), where)
        criteria[current] = replace(criterion, rules=(*criterion.rules, rule))
    else:
        criteria[current] = replace(criterion, text=f"{criterion.text} {line.strip()}".strip())


def _anchored(criterion: Criterion, score: int, text: str, where: str) -> Criterion:
    if score in dict(criterion.anchors):
        raise BadInput(f"{where}: score {score} of {criterion.id!r} has two anchors: write one line for each score")
    anchors = sorted([*criterion.anchors, (score, text)], reverse=True)
    return replace(criterion, anchors=tuple(anchors))


def _regex(value: str, where: str) -> Rule:
    match = _REGEX.fullmatch(value)
    if match is None:
        raise BadInput(
            f"{where}: rule: given {value!r}: write /regex/ or not /regex/, flags i, m, s after the last slash"
        )
    try:
        pattern = pattern_of(match["pattern"], where=where, flags=match["flags"])
    except BadInput as error:
        raise BadInput(f"{where}: rule: given {value!r}: not a regular expression: {error.__cause__}") from error
    wanted = match["negated"] is None
    return lambda text: pattern.found(text) is wanted


def _words(value: str, where: str, key: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise BadInput(f"{where}: {key}: given {value!r}: write a whole number")
    return int(value)


def _max_words(value: str, where: str) -> Rule:
    limit = _words(value, where, "max words")
    return lambda text: len(text.split()) <= limit


def _min_words(value: str, where: str) -> Rule:
    limit = _words(value, where, "min words")
    return lambda text: len(text.split()) >= limit


_RULES: dict[str, Callable[[str, str], Rule]] = {"rule": _regex, "max words": _max_words, "min words": _min_words}
