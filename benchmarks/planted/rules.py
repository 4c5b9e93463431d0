"""What rules in common use would say of the same draw.

    said(draw)                                   # {'best seed, higher mean': True, 'one seed, paired t-test': False, ...}

Each compares the first tuned contender with the prompt that dev liked best (or with the only one tried), on the test
cases, as graded. None looks at guards, leaks or labels: that is how they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import bdtr, stdtr

from benchmarks.planted.rows import Draw, Floats
from benchmarks.planted.world import LIMIT
from harness.verdict import SuiteVerdict

HIGHER = "best seed's mean is higher"
BEST_MCNEMAR = "best seed, McNemar p < .05"
ONE_MCNEMAR = "one seed, gain ≥ 3 pt and McNemar p < .05"
ONE_T = "one seed, paired t-test p < .05"
BEST_T = "best seed, paired t-test p < .05"
FAVOURITE = "this procedure, against dev's favourite alone"
RULES = (HIGHER, BEST_MCNEMAR, ONE_MCNEMAR, ONE_T, BEST_T, FAVOURITE)
LEAST_GAIN = 0.03
"""Three points, the gain that is usually called worthwhile."""


def said(draw: Draw, suite: SuiteVerdict) -> Mapping[str, bool]:
    """Which rules say "fine-tune"; tests are two-sided at 5 %, as they are usually run."""
    tuned = draw.world.tuned
    if not tuned:
        return dict.fromkeys(RULES, False)
    differences = draw.test(tuned[0].name) - draw.test(favourite(draw, ("prompt",)))
    gains = differences.mean(axis=1)
    best = int(np.argmax(gains))
    by_test = [(mcnemar(row) < 0.05, paired_t(row) < 0.05) for row in (differences[best], differences[0])]
    (best_mcnemar, best_t), (one_mcnemar, one_t) = by_test
    return {
        HIGHER: bool(gains[best] > 0),
        BEST_MCNEMAR: bool(gains[best] > 0 and best_mcnemar),
        ONE_MCNEMAR: bool(gains[0] >= LEAST_GAIN and one_mcnemar),
        ONE_T: bool(gains[0] > 0 and one_t),
        BEST_T: bool(gains[best] > 0 and best_t),
        FAVOURITE: against_favourite(draw, suite),
    }


def favourite(draw: Draw, techniques: tuple[str, ...]) -> str:
    """The tested contender of those techniques that has the highest mean on dev, the first of equals."""
    tested = [c.name for c in draw.world.contenders if c.technique in techniques and c.test]
    return max(tested, key=lambda name: float(draw.dev(name).mean()) if draw.world.dev else 0.0)


def against_favourite(draw: Draw, suite: SuiteVerdict) -> bool:
    """Our own claims and gates, with one baseline instead of every one."""
    gain = suite.claim(f"gain:{favourite(draw, ('prompt', 'constrain', 'rag'))}")
    drops = [claim for claim in suite.claims if claim.name.startswith("drop:")]
    kept = all(claim.upper < LIMIT for claim in drops)
    return not suite.failed and gain is not None and gain.lower > suite.margin and kept


def mcnemar(differences: Floats) -> float:
    """The exact two-sided p-value of as many wins and losses (the sign test, for scores that are not 0 or 1)."""
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    return min(1.0, 2 * float(bdtr(min(wins, losses), wins + losses, 0.5))) if wins + losses else 1.0


def paired_t(differences: Floats) -> float:
    """The two-sided p-value of Student's paired test; 1 where no pair differs from another."""
    spread: Any = differences.std(ddof=1)
    if spread == 0:
        return 1.0
    t = abs(float(differences.mean())) / (spread / np.sqrt(differences.size))
    return 2 * float(stdtr(differences.size - 1, -t))
