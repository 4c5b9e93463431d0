"""Metrics: each turns a case and an answer into one finite float, more is better.

    >>> metric = load_metric("json_exact", suite)
    >>> metric(case, '{"team": "billing"}')
    1.0

A metric of this package is one line in ``METRICS``, or in ``MAKERS`` when it needs the suite's files or an argument
(``numeric:0.01``, ``json_exact:extract``, ``evaluate:exact_match``). ``module:function`` names one of the user's own; ``module.py`` may
lie in the suite's folder. A function takes (case, text), or (case, output) where its second parameter is annotated ``Output``: the
text with all that is known of it. A wrong, empty or odd text scores; it never raises.

A score is a share in [0, 1], and may decide; those of ``AMOUNTS`` are negative numbers without a least (-0.21 seconds), shown
and gated but never rows of a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from typing import TYPE_CHECKING, Any

from harness.errors import BadInput, suggest
from harness.fingerprint import fingerprint
from harness.metrics.metric import Function, Measure, Metric
from harness.suite import Case, Suite

if TYPE_CHECKING:
    from harness.metrics.juror import Grader, Jury

__all__ = ["Function", "Measure", "Metric", "asks_likelihood", "load_metric", "load_metrics", "load_object"]

Maker = Callable[[Suite, str], tuple[Function | Measure, Sequence[str]]]

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
    "rouge_lsum": "harness.metrics.overlap:rouge_lsum",
    "bleu": "harness.metrics.overlap:bleu",
    "chrf": "harness.metrics.overlap:chrf",
    "latency": "harness.metrics.usage:latency",
    "cost": "harness.metrics.usage:cost",
    "prompt_tokens": "harness.metrics.usage:prompt_tokens",
    "output_tokens": "harness.metrics.usage:output_tokens",
    "words": "harness.metrics.usage:words",
    "characters": "harness.metrics.usage:characters",
    "stopped": "harness.metrics.usage:stopped",
    "perplexity": "harness.metrics.likelihood:perplexity",
    "bits_per_byte": "harness.metrics.likelihood:bits_per_byte",
    "byte_probability": "harness.metrics.likelihood:byte_probability",
    "right_mass": "harness.metrics.likelihood:right_mass",
    "mrr": "harness.metrics.retrieved:mrr",
}

# A maker takes (suite, argument) and gives the function and what else decides its numbers (contents of files).
MAKERS: dict[str, str] = {
    "json_valid": "harness.metrics.json:make_valid",
    "json_exact": "harness.metrics.json:make_exact",
    "json_fields": "harness.metrics.json:make_fields",
    "json_schema": "harness.metrics.json:make_schema",
    "numeric": "harness.metrics.text:make_numeric",
    "recall": "harness.metrics.retrieved:make_recall",
    "groundedness": "harness.metrics.grounded:make_groundedness",
    "declines": "harness.metrics.decline:make_declines",
    "similarity": "harness.metrics.similarity:make_similarity",
    "rubric": "harness.metrics.rubric:make_rubric",
    "evaluate": "harness.metrics.hub:make_evaluate",
    "lm_eval": "harness.metrics.written:make_written",
}

# What a judge grades: takes (suite, graders, argument) and gives the jury. A name that is a maker's too is the judge's where there is one.
JUDGED: dict[str, str] = {
    "rubric": "harness.metrics.judge:load_judge",
    "pairwise": "harness.metrics.pairwise:load_pairwise",
}

# Raise a metric's number when its scores change: stored generations are then scored again.
VERSIONS: dict[str, int] = dict.fromkeys([*METRICS, *MAKERS], 1) | dict.fromkeys(
    ("token_f1", "rouge_1", "rouge_2", "rouge_l"), 2
)

# Packages that decide a metric's numbers: another version is another metric.
PACKAGES: dict[str, str] = {
    "similarity": "sentence_transformers",
    "bleu": "sacrebleu",
    "chrf": "sacrebleu",
    "json_schema": "jsonschema",
    "evaluate": "evaluate",
    "lm_eval": "lm_eval",
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

# Negative numbers without a least, in their own units: no shares.
AMOUNTS = {
    "latency", "cost", "prompt_tokens", "output_tokens", "words", "characters", "perplexity", "bits_per_byte"
}  # fmt: skip

# Asked of the model beside the answer, where a suite names one of these.
LIKELIHOOD = {"perplexity", "bits_per_byte", "byte_probability"}

# Without a meaning for contenders that retrieve nothing, and for cases that name no documents: those have no score.
RETRIEVAL = {"recall", "mrr", "groundedness"}
GOLD = {"recall", "mrr"}

NO_REFERENCE = {"json_valid", "json_schema", "rubric", "stopped"} | AMOUNTS - LIKELIHOOD | RETRIEVAL

# How many cases are tried before anything is paid for; all of them by default.
TRIED = {"evaluate": 1, "similarity": 1}


def load_metrics(suite: Suite, *, graders: Sequence[Grader] = ()) -> dict[str, Metric]:
    """All metrics of a suite by name, the deciding one first.

    Raises:
        BadInput: as ``load_metric``; for a deciding metric that cannot decide, a likelihood of what is not written, or a gate
            that no score can meet.
    """
    metrics = {name: load_metric(name, suite, graders=graders) for name in suite.all_metrics}
    where = suite.folder / "suite.toml"
    for key, name in (("metric", suite.metric), ("lenient", suite.lenient)):
        if name is not None and metrics[name].amount:
            raise BadInput(
                f"{where}: {key}: given {name!r}, an amount without a least: what decides is a share in [0, 1]; decide by another "
                f"metric and add {name!r} to metrics"
            )
        if name is not None and metrics[name].retrieval:
            raise BadInput(
                f"{where}: {key}: given {name!r}, which contenders that retrieve nothing do not have: decide by a metric that all "
                f"have and add {name!r} to metrics"
            )
    likelihood = next((name for name in metrics if asks_likelihood(name)), None)
    if likelihood is not None and suite.form == "choice":
        raise BadInput(
            f"{where}: metric {likelihood!r}: it is of written answers, and this suite's form is 'choice': leave it out"
        )
    written = next((name for name in metrics if not asks_likelihood(name)), None)
    if written is not None and suite.form == "text":
        raise BadInput(
            f"{where}: metric {written!r}: it is of written answers, and a suite of the form 'text' is read: its metrics are "
            f"{', '.join(sorted(LIKELIHOOD))}"
        )
    _refuse_gates(suite, metrics)
    return metrics


def asks_likelihood(name: str) -> bool:
    """Whether a metric needs to know how likely the reference is."""
    return name.partition(":")[0] in LIKELIHOOD


def _refuse_gates(suite: Suite, metrics: Mapping[str, Metric]) -> None:
    for i, gate in enumerate(suite.gates):
        metric = metrics.get(gate.metric or suite.metric)
        if metric is None or metric.amount:
            continue
        bounds = (("minimum", gate.minimum, 0.0), ("margin", gate.margin, -1.0))
        for key, given, least in bounds:
            if given is not None and not least <= given <= 1:
                raise BadInput(
                    f"{suite.folder / 'suite.toml'}: gates.{i}.{key}: given {given:g}, but {metric.name!r} is a share: "
                    f"write {least:g} to 1"
                )


def load_metric(name: str, suite: Suite, *, graders: Sequence[Grader] = ()) -> Metric:
    """The metric called ``name``, bound to a suite's files; ``rubric`` by the graders, where there are any.

    Raises:
        BadInput: for an unknown name, a missing or broken file, or a function that is not there.
    """
    where = str(suite.folder / "suite.toml")
    head, _, argument = name.partition(":")
    try:
        if head in JUDGED and (graders or head not in MAKERS):
            jury: Jury = load_object(JUDGED[head])(suite, graders, argument)
            return Metric(name, jury.hash, _never, False, where, jury)
        function, parts = _resolve(name, head, argument, suite)
    except BadInput as error:
        raise BadInput(f"{where}: metric {name!r}: {error}") from error
    identity = fingerprint(name, VERSIONS.get(head, 1), _package(head), list(parts))
    own = head not in METRICS and head not in MAKERS
    return Metric(
        name,
        identity,
        function,
        needs_reference=head not in NO_REFERENCE,
        where=where,
        whole=_whole(function),
        amount=head in AMOUNTS,
        retrieval=head in RETRIEVAL,
        gold=head in GOLD,
        tried=0 if own else TRIED.get(head),
    )


def _whole(function: Function | Measure) -> bool:
    """Whether the second parameter is annotated ``Output``."""
    try:
        parameters = list(signature(function).parameters.values())
    except (TypeError, ValueError):  # of a function in C
        return False
    annotation = parameters[1].annotation if len(parameters) > 1 else None
    return str(getattr(annotation, "__name__", annotation)).rpartition(".")[2] == "Output"


def _never(case: Case, text: str) -> float:
    raise NotImplementedError("a judge's scores are read from its replies")


def _resolve(name: str, head: str, argument: str, suite: Suite) -> tuple[Function | Measure, Sequence[str]]:
    if name in METRICS:
        return load_object(METRICS[name]), ()
    if head in MAKERS:
        maker: Maker = load_object(MAKERS[head])
        return maker(suite, argument)
    if argument and head not in METRICS:
        own: Maker = load_object("harness.metrics.own:make_own")
        return own(suite, name)
    if argument:
        raise BadInput(f"{head!r} takes no argument: write {head!r}")
    raise BadInput(f"unknown metric: {suggest(name, [*METRICS, *MAKERS, 'pairwise:CONTENDER'])}")


def load_object(target: str) -> Any:
    """What ``module:attribute`` names in this package."""
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
