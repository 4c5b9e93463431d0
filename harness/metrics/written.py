"""What an lm-eval task that writes answers makes of one: its own filters, then its own exact match, as the suite's ``scoring.json`` has them.

    suites/gsm8k/scoring.json
    {"filter": [["regex", {"regex_pattern": "#### (\\\\-?[0-9\\\\.\\\\,]+)"}], ["take_first", {}]],
     "exact_match": {"ignore_case": true, "regexes_to_ignore": [",", "\\\\$"]}, "several": false}

``harness data guard`` writes it (``harness.regression.task``). With ``several`` the reference is a JSON list, of which one must be met.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import Field

from harness.declaration import Declaration, declare
from harness.errors import BadInput, need
from harness.metrics.metric import Function
from harness.suite import SCORING_FILE, Case, Suite


class Scoring(Declaration):
    """The file. ``filter`` are lm-eval's filters by name, with what they are given."""

    filter: tuple[tuple[str, dict[str, Any]], ...]
    exact_match: dict[str, Any] = Field(default_factory=dict)
    several: bool = False


def make_written(suite: Suite, argument: str) -> tuple[Function, list[str]]:
    """The score that the task would give; 1 or 0.

    Raises:
        BadInput: when the suite has no ``scoring.json``, or lm-eval no such filter.
        MissingExtra: without lm-eval.
    """
    path = suite.path(SCORING_FILE)
    if argument:
        raise BadInput(
            f"{suite.folder}/suite.toml: metric 'lm_eval': given {argument!r}: it takes nothing, {SCORING_FILE} says all"
        )
    need("lm_eval", extra="lm-eval")
    try:
        content = path.read_text(encoding="utf-8")
        values = json.loads(content)
    except FileNotFoundError as error:
        raise BadInput(
            f"{path}: no such file: metric 'lm_eval' is for suites that `harness data guard` wrote"
        ) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read as JSON: {error}") from error
    scoring = declare(Scoring, values if isinstance(values, dict) else {}, where=str(path))
    _refuse_unknown(scoring, str(path))

    def score(case: Case, text: str) -> float:
        said = filtered(scoring, text)
        golds = json.loads(case.reference) if scoring.several else [case.reference]
        found = _exact_match()(
            predictions=[said] * len(golds), references=[str(gold) for gold in golds], **scoring.exact_match
        )
        return float(found["exact_match"] > 0)

    return score, [content]


def filtered(scoring: Scoring, text: str) -> str:
    """An answer after the filters, one after the other."""
    answers: Any = [[text]]
    for name, given in scoring.filter:
        answers = list(_filter(name, json.dumps(given, sort_keys=True)).apply(answers, [{}]))
    left = answers[0]
    return str(left[0] if isinstance(left, list) and left else left if isinstance(left, str) else "")


def _refuse_unknown(scoring: Scoring, where: str) -> None:
    for name, given in scoring.filter:
        try:
            _filter(name, json.dumps(given, sort_keys=True))
        except Exception as error:  # lm-eval's registry and filters raise what they like
            raise BadInput(f"{where}: filter {name!r}: lm-eval cannot make it of {given!r}: {error}") from error
    try:
        _exact_match()(predictions=["a"], references=["a"], **scoring.exact_match)
    except Exception as error:
        raise BadInput(f"{where}: exact_match: lm-eval takes no {dict(scoring.exact_match)!r}: {error}") from error


@cache
def _filter(name: str, given: str) -> Any:
    from lm_eval.api.registry import get_filter

    import_filters()
    made: Mapping[str, Any] = json.loads(given)
    return get_filter(name)(**made)


def import_filters() -> None:
    """lm-eval's filters are known once they are imported."""
    import lm_eval.filters  # noqa: F401


@cache
def _exact_match() -> Any:
    from lm_eval.api.metrics import exact_match_hf_evaluate

    return exact_match_hf_evaluate
