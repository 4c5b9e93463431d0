"""A judge's many differences corrected by people's few: PPI++ on paired differences.

    >>> import numpy as np
    >>> judged, people = np.full(400, 0.1), np.zeros(100)          # the judge likes the tuned side by ten points
    >>> round(ppi(judged[:100], people, judged[100:]).estimate, 6)
    0.0

theta = λ·mean(J_rest) + mean(h - λ·J_labelled), λ = Cov(h, J) / (Var(J)·(1 + n/N)) held in [0, 1] and
SE² = λ²·Var(J)/N + Var(h - λ·J)/n with t on n - 1 (Angelopoulos, Duchi and Zrnic 2023, arXiv:2311.01453). N counts the
judged cases without a label, so that both means are independent. The pseudo-cases +1 and -1 enter the second mean.
"""

from __future__ import annotations

import numpy as np

from harness.stats.crossed import DIFFERENCE, Codes, Floats, Moments, case_variance


def ppi(
    labelled: Floats,
    people: Floats,
    rest: Floats,
    *,
    clusters: Codes | None = None,
    rest_clusters: Codes | None = None,
    v_seed: float = 0.0,
    seeds: int = 0,
) -> Moments:
    """Moments of the difference that people would report.

    Args:
        labelled: shape (n,), the judge's differences on the cases with a label.
        people: shape (n,), people's differences on the same cases.
        rest: shape (N,), the judge's differences on the cases without; may be empty (then people alone count).
        clusters: shape (n,), a code a labelled case.
        rest_clusters: shape (N,).
        v_seed: variance of the mean that comes from training seeds.
        seeds: training seeds behind ``v_seed``.

    Raises:
        ValueError: no label, or labelled and people of different length.
    """
    if people.size == 0 or labelled.shape != people.shape:
        raise ValueError(
            f"people has shape {people.shape}, labelled {labelled.shape}: allowed is one label or more each"
        )
    weight = _weight(labelled, people, rest)
    n = people.size
    error = people - weight * labelled
    v_people, count = case_variance(error, clusters)
    v_rest = weight**2 * case_variance(rest, rest_clusters, pseudo=())[0] if weight else 0.0
    shift = weight * float(rest.mean()) if weight else 0.0
    theta, centre = shift + float(error.mean()), shift + float(error.sum()) / (n + len(DIFFERENCE))
    return Moments(theta, centre, v_people + v_rest, v_seed, n + rest.size, seeds, count, count - 1)


def _weight(labelled: Floats, people: Floats, rest: Floats) -> float:
    """λ: how much the judge is listened to; 0 when it says the same of every case or nothing is left to judge."""
    if rest.size < 2 or people.size < 2 or np.ptp(labelled) == 0:
        return 0.0
    slope = float(np.cov(people, labelled)[0, 1] / labelled.var(ddof=1))
    return float(np.clip(slope / (1 + people.size / rest.size), 0.0, 1.0))


def concordance(judge: Floats, people: Floats) -> float:
    """Lin's concordance of two graders, -1 to 1; for labels it is the quadratically weighted kappa (Lin 1989).

    Two graders who both say one and the same thing of everything agree (1).
    """
    shift = float(judge.mean() - people.mean()) ** 2
    spread = float(judge.var() + people.var()) + shift
    if spread == 0:
        return 1.0
    return float(2 * np.mean((judge - judge.mean()) * (people - people.mean())) / spread)
