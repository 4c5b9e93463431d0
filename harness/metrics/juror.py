"""Jurors: models that judge answers by a suite's rubric, and the jury that several of them are.

    jury = load_judge(suite, graders)
    trial = jury.jurors[0].ask(Subject("5f0c…", case, "We will send …"), 0)       # a question, to be answered like any other
    jury.jurors[0].read('{"tone": {"reason": "…", "score": 4}}')                    # 0.75

What a juror is asked, and how its reply is read, is a subclass's: ``harness.metrics.judge`` grades an answer by itself,
``harness.metrics.pairwise`` compares two.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

from harness.errors import BadInput
from harness.experiment import Model
from harness.fingerprint import fingerprint
from harness.metrics.rubric import Criterion, load_rubric
from harness.suite import Case, Suite
from harness.trial import Message, Trial

VERSION = 2
"""Raised when what is asked changes: other scores are then not taken for the same."""
TOKENS_A_REASON, SPOKEN = 80, 200
"""Tokens that a grading may take: for each criterion, and besides."""


@dataclass(frozen=True, slots=True)
class Grader:
    """Who judges, and how often: ``identity`` is the model's hash, ``tries`` how often an unreadable reply is asked for."""

    model: Model
    identity: str
    repeats: int = 1
    tries: int = 3


@dataclass(frozen=True, slots=True)
class Subject:
    """An answer to be graded, to which case and of which trial. ``rival`` is another answer to the case, where two are compared;
    ``fault`` says why this one cannot be graded.
    """

    trial_id: str
    case: Case
    text: str
    rival: str | None = None
    fault: str | None = None


@dataclass(frozen=True)
class Juror:
    """One model with a suite's rubric: what it is asked of a subject, and what its replies say.

    A grading takes as many ``orders`` as there are ways to show what is graded.
    """

    grader: Grader
    criteria: tuple[Criterion, ...]
    suite: str

    orders: ClassVar[int] = 1

    @property
    def questions(self) -> int:
        """How many a subject takes."""
        return self.grader.repeats * self.orders

    @property
    @abstractmethod
    def hash(self) -> str:
        """Fingerprint of all that can change a score: the model, the rubric, what is asked and how often."""

    @property
    @abstractmethod
    def schema(self) -> str:
        """What a reply must be, as a JSON Schema; the least that every vendor's structured output takes."""

    @abstractmethod
    def messages(self, subject: Subject, order: int) -> tuple[Message, ...]:
        """What is asked of a subject, shown in one of its orders."""

    @abstractmethod
    def read(self, reply: str) -> float:
        """The score in [0, 1] that a reply gives to what it was shown.

        Raises:
            ValueError: saying what is wrong with the reply.
        """

    def settled(self, subject: Subject) -> float | None:
        """The score of a subject that nobody needs to be asked about."""
        return None

    def gradings(self, read: Sequence[float]) -> list[float]:
        """The subject's score by each repeat, from what its questions' replies gave in their order."""
        return list(read)

    def ask(self, subject: Subject, number: int, *, faults: Sequence[str] = ()) -> Trial:
        """Question ``number`` of a subject, 0 to ``questions``; ``faults`` says what was wrong with the replies before."""
        repeat, order = divmod(number, self.orders)
        messages = (*self.messages(subject, order), *_complaints(faults))
        limit, case = SPOKEN + TOKENS_A_REASON * len(self.criteria), subject.case
        return Trial(
            id=fingerprint("judge", VERSION, self.grader.identity, messages, self.schema, limit, repeat),
            suite=self.suite,
            contender="judge",
            technique="judge",
            model=self.grader.model.id,
            case_id=case.id,
            split=case.split,
            cluster=case.cluster,
            messages=messages,
            max_new_tokens=limit,
            repeat=repeat,
            schema=self.schema,
        )


@dataclass(frozen=True)
class Jury:
    """Who grades a metric: one juror, or several of whose scores the median counts. ``opponent`` is the contender with whose
    answers they compare, where they do.
    """

    jurors: tuple[Juror, ...]
    opponent: str | None = None

    @cached_property
    def hash(self) -> str:
        return fingerprint("jury", sorted(juror.hash for juror in self.jurors))

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return self.jurors[0].criteria

    @property
    def name(self) -> str:
        return ", ".join(juror.grader.model.id for juror in self.jurors)

    @property
    def questions(self) -> int:
        """How many an answer takes, of all jurors."""
        return sum(juror.questions for juror in self.jurors)

    @staticmethod
    def score(by_juror: Sequence[float]) -> float:
        """From each juror's score of one answer: the median, which one juror's whim does not move."""
        return median(by_juror)


def rubric_of(suite: Suite) -> tuple[Path, tuple[Criterion, ...]]:
    """Where the rubric of a suite lies, and its criteria.

    Raises:
        BadInput: without one.
    """
    if suite.rubric is None:
        raise BadInput('needs a rubric: add rubric = "rubric.md"')
    path = suite.path(suite.rubric)
    return path, load_rubric(path)


def content(criteria: Sequence[Criterion]) -> list[Any]:
    """What of criteria counts in an identity: not their rules, which no judge reads."""
    return [(c.id, c.weight, c.text, c.anchors) for c in criteria]


def said(criteria: Sequence[Criterion]) -> str:
    """Criteria as a judge reads them."""
    return "\n".join(_criterion(criterion) for criterion in criteria)


def asked(case: Case) -> list[str]:
    """A case as a judge reads it."""
    reference = [f"A reference answer:\n{case.reference}"] if case.reference else []
    return [f"What was asked:\n{case.input}", *reference]


def record(properties: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of an object with these keys and no other."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def parsed(reply: str) -> dict[str, Any]:
    """A reply as JSON: all of it, and nothing that stands in it.

    Raises:
        ValueError: when it is something else, or says one thing twice.
    """
    try:
        given = json.loads(reply, object_pairs_hook=_once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError("it was not JSON") from error
    if not isinstance(given, dict):
        raise ValueError("it was not a JSON object")
    return given


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(key for key, _ in pairs if [key for key, _ in pairs].count(key) > 1)
        raise ValueError(f"it said {twice[:40]!r} twice")
    return made


def _criterion(criterion: Criterion) -> str:
    anchors = "".join(f"\n  {score}: {meaning}" for score, meaning in criterion.anchors)
    scale = f" ({criterion.least} to {criterion.most})" if criterion.anchors else ""
    return f"- {criterion.id}{scale}: {criterion.text}{anchors}"


def _complaints(faults: Sequence[str]) -> tuple[Message, ...]:
    if not faults:
        return ()
    said = f"Your last reply could not be used: {faults[-1]} (try {len(faults) + 1}). Reply with the JSON object alone."
    return ({"role": "user", "content": said},)
