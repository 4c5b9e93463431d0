"""The answer as values: what `decide` returns, what the report renders and what ``--json`` prints.

    >>> verdict = decide(rows, policy)                                      # doctest: +SKIP
    >>> verdict.suites["triage"].verdict, verdict.exit_code                 # doctest: +SKIP
    ('NOT_JUSTIFIED', 0)

One suite of ``verdict.to_json()``::

    {"verdict": "NOT_JUSTIFIED", "recommendation": "rag", "contender": "sft", "route": "quality",
     "reasons": [{"number": 1, "code": "not_better", "sentence": "sft gains at most ...", "numbers": {"upper": 0.01}}],
     "claims": [{"name": "gain:bm25", "contrast": "sft - bm25", "estimate": -0.01, "lower": -0.03, ...}], ...}
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Answer = Literal["JUSTIFIED", "NOT_JUSTIFIED", "INCONCLUSIVE", "INVALID"]
Recommendation = Literal["prompt", "constrain", "rag", "fine-tune", "fine-tune+rag", "collect-data", "none"]

EXIT_CODES: Mapping[Answer, int] = {"JUSTIFIED": 0, "NOT_JUSTIFIED": 0, "INCONCLUSIVE": 2, "INVALID": 3}
DIGITS = 10
"""Significant digits of a number in JSON: sums in another order differ from the 15th digit on."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A paired difference with its one-sided bounds, each at ``alpha``, in score units (0.05 is five points).

    ``name`` is ``gain:<baseline>`` (tuned minus baseline), ``ceiling:<baseline>`` (the same at the level of
    "not better"), ``drop:<guard suite>`` (untrained minus tuned), ``loss:<part>`` (a part minus the merge made of it),
    ``step:<contender>`` (one untrained layer minus a cheaper one) or the name of a diagnosis. ``df`` is the degrees of freedom of the case part.
    """

    name: str
    contrast: str
    estimate: float
    lower: float
    upper: float
    alpha: float
    df: float
    n: int
    seeds: int
    clusters: int


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition of the evidence; one that fails forbids a decision and makes the verdict ``outcome``."""

    name: str
    status: Literal["pass", "fail"]
    evidence: str
    outcome: Literal["INVALID", "INCONCLUSIVE"] = "INVALID"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, for a person (``sentence``) and for a program (``code``, ``numbers``)."""

    code: str
    sentence: str
    numbers: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SuiteVerdict:
    """The answer for one deciding suite.

    ``contender`` is the tuned contender that the answer is about (None when there is none), ``suffices`` the contender
    behind ``recommendation``. Of ``diagnosis``, ``learning_curve``, ``economics``, ``plan`` and ``ledger`` a key is
    there only when it was measured: an empty mapping says "nothing measured".
    """

    suite: str
    metric: str | None
    verdict: Answer
    recommendation: Recommendation
    contender: str | None
    suffices: str | None
    estimand: str
    route: str
    margin: float
    reasons: tuple[Reason, ...] = ()
    claims: tuple[Claim, ...] = ()
    gates: tuple[Gate, ...] = ()
    diagnosis: Mapping[str, Any] = field(default_factory=dict)
    learning_curve: Mapping[str, Any] = field(default_factory=dict)
    economics: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    ledger: Mapping[str, Any] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    def claim(self, name: str) -> Claim | None:
        """The claim of that name, or None."""
        return next((claim for claim in self.claims if claim.name == name), None)

    @property
    def failed(self) -> tuple[Gate, ...]:
        """The gates that failed."""
        return tuple(gate for gate in self.gates if gate.status == "fail")

    def as_dict(self) -> dict[str, Any]:
        """Plain values, floats rounded to `DIGITS`, a number that is not finite as None."""
        plain = asdict(self)
        plain["reasons"] = [{"number": i, **reason} for i, reason in enumerate(plain["reasons"], start=1)]
        return dict(_plain(plain))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for every deciding suite; ``guards`` and ``watched`` name the other suites."""

    suites: Mapping[str, SuiteVerdict]
    guards: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 decided everywhere, 2 inconclusive somewhere, 3 invalid somewhere: the worst wins."""
        return max((EXIT_CODES[suite.verdict] for suite in self.suites.values()), default=3)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "suites": {name: suite.as_dict() for name, suite in self.suites.items()},
            "guards": list(self.guards),
            "watched": list(self.watched),
            "hashes": dict(self.hashes),
            "exit_code": self.exit_code,
        }

    def to_json(self) -> bytes:
        """UTF-8 JSON with sorted keys and a final newline; the same rows and policy give the same bytes."""
        text = json.dumps(self.as_dict(), sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False)
        return text.encode("utf-8", "surrogatepass") + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return _round(float(value))
    return value


def _round(value: float) -> float | None:
    """Minus zero becomes zero: both are the same number, and the bytes must agree."""
    return float(f"{value:.{DIGITS}g}") + 0.0 if math.isfinite(value) else None
