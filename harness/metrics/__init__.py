"""Metrics: each turns (case, text) into one finite float in [0, 1], more is better.

    >>> metric = load_metric("json_exact", suite)
    >>> metric(case, '{"team": "billing"}')
    1.0

A metric of this package is one line in ``METRICS``, or in ``MAKERS`` when it needs the suite's files or an argument
(``numeric:0.01``, ``json_exact:extract``, ``evaluate:exact_match``). ``module:function`` names one of the user's own, (case, text) -> float;
``module.py`` may lie in the suite's folder. A wrong, empty or odd text scores; it never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from harness.errors import BadInput, Incomplete, suggest
from harness.fingerprint import fingerprint
from harness.suite import Case, Suite

if TYPE_CHECKING:
    from harness.metrics.juror import Grader, Jury

Function = Callable[[Case, str], float]
Maker = Callable[[Suite, str], tuple[Function, Sequence[str]]]

METRICS: dict[str, str] = {
    "json_valid": "harness.metrics.json:valid",
    "json_exact": "harness.metrics.json:exact",
    "json_fields": "harness.metrics.json:fields",
    "exact_match": "harness.metrics.text:exact_match",
    "contains": "harness.metrics.text:contains",
    "accuracy": "harness.metrics.text:accuracy",
    "regex": "harness.metrics.text:regex",
    "squad_exact": "harness.metrics.squad:exact",
    "token_f1": "harness.metrics.squad:f1",
    "rouge_1": "harness.metrics.overlap:rouge_1",
    "rouge_2": "harness.metrics.overlap:rouge_2",
    "rouge_l": "harness.metrics.overlap:rouge_l",
    "bleu": "harness.metrics.overlap:bleu",
    "chrf": "harness.metrics.overlap:chrf",
}

# A maker takes (suite, argument) and gives the function and what else decides its numbers (contents of files).
MAKERS: dict[str, str] = {
    "json_valid": "harness.metrics.json:make_valid",
    "json_exact": "harness.metrics.json:make_exact",
    "json_fields": "harness.metrics.json:make_fields",
    "json_schema": "harness.metrics.json:make_schema",
    "numeric": "harness.metrics.text:make_numeric",
    "rubric": "harness.metrics.rubric:make_rubric",
    "evaluate": "harness.metrics.hub:make_evaluate",
}

# What a judge grades: takes (suite, graders, argument) and gives the jury. A name that is a maker's too is the judge's where there is one.
JUDGED: dict[str, str] = {
    "rubric": "harness.metrics.judge:load_judge",
    "pairwise": "harness.metrics.pairwise:load_pairwise",
}

# Raise a metric's number when its scores change: stored generations are then scored again.
VERSIONS: dict[str, int] = dict.fromkeys([*METRICS, *MAKERS], 1)

# Packages that decide a metric's numbers: another version is another metric.
PACKAGES: dict[str, str] = {
    "rouge_1": "rouge_score",
    "rouge_2": "rouge_score",
    "rouge_l": "rouge_score",
    "bleu": "sacrebleu",
    "chrf": "sacrebleu",
    "json_schema": "jsonschema",
    "evaluate": "evaluate",
}

# What reads an answer that the metric refuses for its form alone.
LENIENT: dict[str, str] = {
    "json_valid": "json_valid:extract",
    "json_schema": "json_schema:extract",
    "json_exact": "json_exact:extract",
    "json_fields": "json_fields:extract",
    "exact_match": "contains",
    "squad_exact": "contains",
    "accuracy": "contains",
}

NO_REFERENCE = {"json_valid", "json_schema", "rubric"}


@dataclass(frozen=True, slots=True)
class Metric:
    """A named function from (case, text) to a score.

    ``hash`` changes with whatever can change a score: the metric's version, its files, its package. ``where`` is the
    suite's declaration, for messages. With a ``judge`` the scores come from its replies, and the function is not called.
    """

    name: str
    hash: str
    function: Function
    needs_reference: bool = True
    where: str = ""
    judge: Jury | None = None

    @property
    def opponent(self) -> str | None:
        """The contender with whose answers it compares, where it does."""
        return self.judge.opponent if self.judge else None

    @property
    def people(self) -> bool:
        """Whether nobody but people gives its scores."""
        return self.judge is not None and not self.judge.jurors

    def __call__(self, case: Case, text: str) -> float:
        """The score of ``text``.

        Raises:
            BadInput: when the case's reference, or a file of the metric, can never be scored.
            Incomplete: when the user's own function failed on this text, or gave no finite number in [0, 1].
        """
        try:
            value = self.function(case, text)
        except BadInput as error:
            raise BadInput(f"{self._said(case)}: {error}") from error
        except Exception as error:
            raise Incomplete(f"{self._said(case)}: {type(error).__name__}: {error}") from error
        return self._score(case, value)

    def _score(self, case: Case, value: Any) -> float:
        try:
            score = float(value)
        except (TypeError, ValueError):
            score = float("nan")
        if not 0 <= score <= 1:
            raise Incomplete(f"{self._said(case)}: gave {value!r}: a score is one finite float in [0, 1]")
        return score

    def _said(self, case: Case) -> str:
        return f"{self.where}: metric {self.name!r} on case {case.id!r}"


def load_metric(name: str, suite: Suite, *, graders: Sequence[Grader] = ()) -> Metric:
    """The metric called ``name``, bound to a suite's files; ``rubric`` by the graders, where there are any.

    Raises:
        BadInput: for an unknown name, a missing or broken file, or a function that is not there.
    """
    where = str(suite.folder / "suite.toml")
    head, _, argument = name.partition(":")
    try:
        if head in JUDGED and (graders or head not in MAKERS):
            jury: Jury = _load(JUDGED[head])(suite, graders, argument)
            return Metric(name, jury.hash, _never, False, where, jury)
        function, parts = _resolve(name, head, argument, suite)
    except BadInput as error:
        raise BadInput(f"{where}: metric {name!r}: {error}") from error
    identity = fingerprint(name, VERSIONS.get(head, 1), _package(head), list(parts))
    return Metric(name, identity, function, needs_reference=head not in NO_REFERENCE, where=where)


def _never(case: Case, text: str) -> float:
    raise NotImplementedError("a judge's scores are read from its replies")


def _resolve(name: str, head: str, argument: str, suite: Suite) -> tuple[Function, Sequence[str]]:
    if name in METRICS:
        return _load(METRICS[name]), ()
    if head in MAKERS:
        maker: Maker = _load(MAKERS[head])
        return maker(suite, argument)
    if argument and head not in METRICS:
        own: Maker = _load("harness.metrics.own:make_own")
        return own(suite, name)
    if argument:
        raise BadInput(f"{head!r} takes no argument: write {head!r}")
    raise BadInput(f"unknown metric: {suggest(name, [*METRICS, *MAKERS, 'pairwise:CONTENDER'])}")


def _load(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def _package(head: str) -> str | None:
    """The installed version of the package behind a metric, read without importing it."""
    if head not in PACKAGES:
        return None
    try:
        return version(PACKAGES[head])
    except PackageNotFoundError:
        return None
