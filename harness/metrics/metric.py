"""A metric, bound to a suite: a function from a case and an answer to a score, with what is known of it beforehand.

>>> metric(Case("t1", "?", "billing"), "Billing")
1.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any

from harness.contender import Contender
from harness.errors import BadInput, Incomplete
from harness.suite import Case
from harness.trial import Output

if TYPE_CHECKING:
    from harness.metrics.juror import Jury

Function = Callable[[Case, str], float]
Measure = Callable[[Case, Output], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """A named function from case and answer to a score.

    ``hash`` changes with whatever can change a score: the metric's version, its files, its package. ``where`` is the
    suite's declaration, for messages. With a ``judge`` the scores come from its replies, and the function is not called.
    ``whole`` functions are given an ``Output``; ``amount`` says that the score is no share; ``tried`` is how many cases are tried
    before anything is paid for (None: all).
    """

    name: str
    hash: str
    function: Function | Measure
    needs_reference: bool = True
    where: str = ""
    judge: Jury | None = None
    whole: bool = False
    amount: bool = False
    retrieval: bool = False
    gold: bool = False
    tried: int | None = None

    @property
    def opponent(self) -> str | None:
        """The contender with whose answers it compares, where it does."""
        return self.judge.opponent if self.judge else None

    @property
    def people(self) -> bool:
        """Whether nobody but people gives its scores."""
        return self.judge is not None and not self.judge.jurors

    def __call__(self, case: Case, answer: Output | str) -> float:
        """The score of an answer, or of a text of which nothing else is known.

        Raises:
            BadInput: when the case's reference, or a file of the metric, can never be scored.
            Incomplete: when the user's own function failed on this text, or gave no score; when what the metric measures is
                not known of this answer.
        """
        given: Any = answer
        if isinstance(answer, Output) is not self.whole:
            given = Output(answer) if isinstance(answer, str) else answer.text
        try:
            value = self.function(case, given)
        except BadInput as error:
            raise BadInput(f"{self._said(case)}: {error}") from error
        except Incomplete as error:
            raise Incomplete(f"{self._said(case)}: {error}") from error
        except Exception as error:
            raise Incomplete(f"{self._said(case)}: {type(error).__name__}: {error}") from error
        return self._score(case, value)

    def concerns(self, contender: Contender) -> bool:
        """Whether it means anything for a contender."""
        return contender.retrieves or not self.retrieval

    def covers(self, case: Case) -> bool:
        """Whether it means anything for a case."""
        return bool(case.documents) or not self.gold

    def refuse(self, cases: Iterable[Case]) -> None:
        """Refuse cases that can never be scored, before anything is paid for: an empty answer to each is tried.

        Raises:
            BadInput: naming the first of them.
        """
        if self.needs_reference and self.judge is None:
            for case in islice(filter(self.covers, cases), self.tried):
                with suppress(Incomplete):
                    self(case, "")

    def refuse_uncovered(self, cases: Iterable[Case]) -> None:
        """Refuse cases of which the metric covers none.

        Raises:
            BadInput: saying what is missing.
        """
        if self.gold and not any(map(self.covers, cases)):
            raise BadInput(
                f"{self.where}: metric {self.name!r}: no case names the documents that hold its answer: "
                'add "documents": ["…"] to cases, or leave the metric out'
            )

    def _score(self, case: Case, value: Any) -> float:
        try:
            score = float(value)
        except (TypeError, ValueError):
            score = float("nan")
        if not (isfinite(score) and score <= 0 if self.amount else 0 <= score <= 1):
            allowed = (
                "an amount is one finite float, zero or less"
                if self.amount
                else "a score is one finite float in [0, 1]"
            )
            raise Incomplete(f"{self._said(case)}: gave {value!r}: {allowed}")
        return score

    def _said(self, case: Case) -> str:
        return f"{self.where}: metric {self.name!r} on case {case.id!r}"
