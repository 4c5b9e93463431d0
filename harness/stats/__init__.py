"""Pure numbers: arrays in, values out. Knows nothing of suites, files or models.

`crossed` (paired difference over seeds and cases) · `mean` (one contender) · `ppi` (a judge corrected by people) ·
`holm` (several claims) · `accuracy`, `kappa`, `fleiss`, `krippendorff`, `confusion` (graders) · `look_alpha` (several looks) · `cases_needed`, `seeds_needed` (planning)
"""

from harness.stats.agreement import Agreement, Bounds, accuracy, confusion, fleiss, kappa, krippendorff
from harness.stats.clusters import cluster_variance
from harness.stats.crossed import Interval, Moments, crossed, seed_variance
from harness.stats.holm import holm
from harness.stats.looks import look_alpha
from harness.stats.mean import mean
from harness.stats.power import cases_needed, seeds_needed
from harness.stats.ppi import concordance, ppi, share_seen

__all__ = [
    "Agreement",
    "Bounds",
    "Interval",
    "Moments",
    "accuracy",
    "cases_needed",
    "cluster_variance",
    "concordance",
    "confusion",
    "crossed",
    "fleiss",
    "holm",
    "kappa",
    "krippendorff",
    "look_alpha",
    "mean",
    "ppi",
    "seed_variance",
    "seeds_needed",
    "share_seen",
]
