"""Plans to count: scores with measured usage, a gain, and a policy's ``[cost]``."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.stats import Moments
from harness.verdict.board import Scores
from harness.verdict.economics import CostPolicy, economics

USAGE = {"prompt_tokens": 900.0, "output_tokens": 60.0, "seconds": 0.5}
TUNED = {"prompt_tokens": 120.0, "output_tokens": 40.0, "seconds": 0.08}
GAIN = Moments(estimate=0.08, centre=0.0796, v_case=0.0001, v_seed=0.00002, n=400, seeds=5, clusters=400, df=399)


def scores(contender: str, usage: dict[str, float], technique: str = "prompt") -> Scores:
    """One contender; only its name and its usage are looked at."""
    cases = np.arange(2)
    return Scores(contender, contender, technique, (), cases, np.zeros((1, 2)), np.zeros(2, dtype=bool), usage)


def count(
    cost: dict[str, Any],
    *,
    base: dict[str, float] | None = None,
    tuned: dict[str, float] | None = None,
    gain: Moments = GAIN,
    route: str = "quality",
) -> dict[str, Any]:
    """The economics of that ``[cost]``."""
    given = CostPolicy.model_validate(cost)
    first, second = scores("bm25", base or USAGE), scores("sft", tuned or TUNED, "tune")
    return economics(given, second, first, gain, route=route)
