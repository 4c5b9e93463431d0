"""A judge's many differences corrected by people's few: PPI++ on paired differences.

    >>> import numpy as np
    >>> judged, people = np.full(400, 0.1), np.zeros(100)          # the judge likes the tuned side by ten points
    >>> round(ppi(judged[:100], people, judged[100:]).estimate, 6)
    0.0

theta = λ·mean(J_rest) + mean(h - λ·J_labelled), λ = Cov(h, J) / (Var(J)·(1 + n/N)) held in [0, 1] and
SE² = λ²·Var(J)/N + Var(h - λ·J)/n with t on n - 1 (Angelopoulos, Duchi and Zrnic 2023, arXiv:2311.01453). N counts the
judged cases without a label, so that both means are independent. The pseudo-cases +1 and -1 enter the second mean.

Seeds: a judge who errs sees trainings closer together than they are, by the factor s of `share_seen`, so ``v_seed`` of
the judge's scores is divided by s². And when people graded only l of k trainings, those l weigh more: the variance grows
by 1 + (1 - λs)²·(k/l - 1). Without both, a judge biased by ten points and one graded training of five erred 7-8 % where
5 % were asked, in simulation.
"""

from __future__ import annotations

import numpy as np

from harness.stats.agreement import lin
from harness.stats.clusters import Codes, Floats, cluster_variance
from harness.stats.crossed import DIFFERENCE, Moments

LEAST_SEEN = 0.1
"""Less than this is no judge, and division by it no correction."""


def ppi(
    labelled: Floats,
    people: Floats,
    rest: Floats,
    *,
    clusters: Codes | None = None,
    rest_clusters: Codes | None = None,
    v_seed: float = 0.0,
    seeds: int = 0,
    graded_seeds: int | None = None,
    seen: float = 1.0,
) -> Moments:
    """Moments of the difference that people would report.

    Args:
        labelled: shape (n,), the judge's differences on the cases with a label.
        people: shape (n,), people's differences on the same cases.
        rest: shape (N,), the judge's differences on the cases without; may be empty (then people alone count).
        clusters: shape (n,), a code a labelled case.
        rest_clusters: shape (N,).
        v_seed: variance of the mean that comes from training seeds, in the judge's scores.
        seeds: training seeds behind ``v_seed``.
        graded_seeds: how many of them people saw; None for all.
        seen: of a difference between trainings the share that the judge sees, as `share_seen` finds it.

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
    found = cluster_variance(error, clusters, pseudo=DIFFERENCE)
    v_rest = weight**2 * cluster_variance(rest, rest_clusters).value if weight else 0.0
    shift = weight * float(rest.mean()) if weight else 0.0
    theta, centre = shift + float(error.mean()), shift + float(error.sum()) / (n + len(DIFFERENCE))
    if v_seed:
        v_seed *= (1 + (1 - weight * seen) ** 2 * (seeds / (graded_seeds or seeds) - 1)) / seen**2
    return Moments(theta, centre, found.value + v_rest, v_seed, n + rest.size, seeds, found.clusters, found.df)


def _weight(labelled: Floats, people: Floats, rest: Floats) -> float:
    """λ: how much the judge is listened to; 0 when it says the same of every case or nothing is left to judge."""
    if rest.size < 2 or people.size < 2 or np.ptp(labelled) == 0:
        return 0.0
    slope = float(np.cov(people, labelled)[0, 1] / labelled.var(ddof=1))
    return float(np.clip(slope / (1 + people.size / rest.size), 0.0, 1.0))


def share_seen(judge: Floats, people: Floats) -> float:
    """Of a difference in what people say, the share that shows in what the judge says: Cov(h, J)/Var(h) over answers.

    For right and wrong it is sensitivity + specificity - 1 (Youden's index; Rogan and Gladen 1978,
    doi:10.1093/oxfordjournals.aje.a112510). Held in [`LEAST_SEEN`, 1]; 1 when people say the same of everything.
    """
    spread = float(people.var())
    if spread == 0:
        return 1.0
    slope = float(np.mean((people - people.mean()) * (judge - judge.mean()))) / spread
    return float(np.clip(slope, LEAST_SEEN, 1.0))


def concordance(judge: Floats, people: Floats) -> float:
    """Lin's concordance of two graders, as `harness.stats.agreement.lin` has it with bounds."""
    return lin(judge, people).value
