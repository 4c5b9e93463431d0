"""Everything that a report shows, as plain values: what ``gather`` makes of the evidence and the renderers only read.

    Gathered(experiment="demo", models=(Base(model="embedded:tiny", suites=(Suite(name="triage", answer=…), …)),), …)

Scores stay in score units (0.05 is five points); every text is still as the model wrote it, so whoever renders escapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

from harness.report.browsed import Browse
from harness.report.layer import Layer

Tone = Literal["prompt", "context", "tuned", "open", "invalid"]
Shown = Literal["shown", "refuted", "open"]
Fate = Literal["kept", "reverted", "broken", "not shown", "not compared"]


@dataclass(frozen=True, slots=True)
class Span:
    """An estimate with its interval; the ends are infinite where a variance cannot be known (one training seed)."""

    estimate: float
    lower: float
    upper: float

    @property
    def known(self) -> bool:
        """Whether there is an interval at all."""
        return isfinite(self.lower) and isfinite(self.upper)


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict of a suite in words, and the layer whose colour it wears."""

    word: str
    tone: Tone
    verdict: str
    sentence: str
    change: str


@dataclass(frozen=True, slots=True)
class Rung:
    """One contender on the ladder of layers; ``seeds`` are the means of its single trainings."""

    contender: str
    technique: str
    layer: Layer
    span: Span
    n: int
    seeds: tuple[tuple[int, float], ...] = ()
    finalist: bool = False
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference: ours minus theirs. ``ceiling`` is the bound that "not better" is judged by."""

    ours: str
    theirs: str
    span: Span
    n: int
    seeds: int
    state: Shown = "open"
    ceiling: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """Loss by step of one training."""

    recipe: str
    seed: int
    points: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """What a recipe's trainings learnt on their rows and what of it holds on dev, as a sentence; ``over`` where too little
    does. ``kept`` says which checkpoint of each dev chose.
    """

    recipe: str
    finding: str
    over: bool
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """A condition of the evidence."""

    name: str
    passed: bool
    evidence: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """One gate of a suite for one contender; ``passed`` is None where it could not be measured."""

    name: str
    contender: str
    passed: bool | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Drop:
    """What a guard suite lost by one suite's tuned contender, against the loss no longer tolerable."""

    guard: str
    suite: str
    contender: str
    span: Span
    limit: float
    n: int
    state: Literal["holds", "broken", "open"]


@dataclass(frozen=True, slots=True)
class Lost:
    """A part's score minus the merged adapter's on one suite and split (``span``), against the loss no longer tolerable.
    ``theirs`` is the part's mean and ``ours`` the merged one's.
    """

    part: str
    suite: str
    split: Literal["dev", "test"]
    theirs: float
    ours: float
    span: Span
    limit: float
    n: int
    state: Literal["holds", "broken", "open"]


@dataclass(frozen=True, slots=True)
class Merged:
    """An adapter that was made of several, beside each of them; ``sentence`` says why it is kept or reverted."""

    name: str
    parts: tuple[str, ...]
    state: Fate
    sentence: str
    losses: tuple[Lost, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """Means an answer; None where the run measured none. ``training_seconds`` are of all seeds together."""

    contender: str
    layer: Layer
    answers: int
    prompt_tokens: float | None
    output_tokens: float | None
    seconds: float | None
    usd: float | None
    trainings: int = 0
    training_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Learning:
    """Mean by share of the training data, the gain of the last doubling, and where the curve shows it, what the next one would
    bring: ``doubled``, the ``fitted`` curve up to there, and a sentence.
    """

    contender: str
    points: tuple[tuple[float, float], ...]
    slope: Span | None
    doubled: Span | None = None
    fitted: tuple[tuple[float, float], ...] = ()
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting of a search; ``scores`` are on dev, one for each share of the data: None where it did not get so far, minus
    infinity where its training diverged.
    """

    number: int
    settings: tuple[str, ...]
    scores: tuple[float | None, ...]
    chosen: bool


@dataclass(frozen=True, slots=True)
class Searched:
    """A search for a candidate's recipe: ``names`` of settings and ``shares`` of the data are its columns."""

    candidate: str
    sentence: str
    names: tuple[str, ...]
    shares: tuple[float, ...]
    tries: tuple[Tried, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a question, as it was frozen and as it is now."""

    key: str
    frozen: str
    now: str
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """One reading of a test set at its level; ``when`` is empty for one that this report itself takes."""

    number: int
    when: str
    cases: int | None
    alpha: float | None
    planned: bool | None
    here: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """Whether the question was frozen in time (``standing`` says it), what it froze, and every look at its test set."""

    state: Literal["none", "locked", "changed", "late"]
    standing: str
    spent: str
    terms: tuple[Term, ...] = ()
    looks: tuple[Look, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """How far the judge of a metric can be believed, in sentences."""

    metric: str
    judge: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """A number beside the deciding one, of each contender that has it: an amount in its own unit, less is better, or an
    estimate over all answers.
    """

    name: str
    kind: Literal["amount", "estimate"]
    spans: Mapping[str, Span]


@dataclass(frozen=True, slots=True)
class Suite:
    """One suite's part of the page. ``floor`` is what a gain must exceed, ``hardest`` the gain over the worst baseline."""

    name: str
    role: Literal["decide", "guard", "watch"]
    description: str
    metric: str
    margin: float
    floor: float
    cases: int
    answer: Answer | None = None
    contender: str | None = None
    suffices: str | None = None
    hardest: Difference | None = None
    reasons: tuple[str, ...] = ()
    touched: str = ""
    ladder: tuple[Rung, ...] = ()
    differences: tuple[Difference, ...] = ()
    diagnosis: tuple[tuple[str, Difference], ...] = ()
    curves: tuple[Curve, ...] = ()
    fits: tuple[Fit, ...] = ()
    secondary: Mapping[str, Mapping[str, Span]] = field(default_factory=dict)
    beside: tuple[Beside, ...] = ()
    checks: tuple[Check, ...] = ()
    gates: tuple[Claimed, ...] = ()
    learning: Learning | None = None
    searches: tuple[Searched, ...] = ()
    ledger: Ledger | None = None
    economics: Mapping[str, Any] = field(default_factory=dict)
    costs: tuple[Cost, ...] = ()
    browse: Browse = field(default_factory=Browse)
    judged: tuple[Judged, ...] = ()

    def cost(self, contender: str | None) -> Cost | None:
        """What that contender costs, if it was measured."""
        return next((cost for cost in self.costs if cost.contender == contender), None)


@dataclass(frozen=True, slots=True)
class Base:
    """Everything about one base model."""

    model: str
    identity: str
    suites: tuple[Suite, ...]
    drops: tuple[Drop, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    merges: tuple[Merged, ...] = ()

    @property
    def deciding(self) -> tuple[Suite, ...]:
        """The suites with an answer."""
        return tuple(suite for suite in self.suites if suite.answer is not None)


@dataclass(frozen=True, slots=True)
class Setup:
    """What it takes to get the same numbers again. Times are UTC."""

    command: str
    config: Mapping[str, Any]
    versions: Mapping[str, str]
    hardware: Mapping[str, Any]
    seeds: tuple[int, ...]
    suites: Mapping[str, str]
    metrics: Mapping[str, str]
    started: str = ""
    finished: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A report, before it is rendered. ``alpha`` is the one-sided error of a claim."""

    experiment: str
    alpha: float
    models: tuple[Base, ...]
    setup: Setup
