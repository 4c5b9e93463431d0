"""Pure numbers: arrays in, values out. Knows nothing of suites, files or models.

`crossed` (paired difference over seeds and cases) · `mean` (one contender) · `ppi` (a judge corrected by people) ·
`bootstrap` (what is no mean) ·
`holm` (several claims) · `look_alpha` (several looks) · `cases_needed`, `seeds_needed` (planning)
"""

from harness.stats.bootstrap import bootstrap
from harness.stats.clusters import Codes, Floats, cluster_variance
from harness.stats.crossed import DIFFERENCE, Interval, Moments, crossed, seed_variance
from harness.stats.holm import holm
from harness.stats.looks import look_alpha
from harness.stats.mean import mean
from harness.stats.power import cases_needed, seeds_needed
from harness.stats.ppi import concordance, ppi, share_seen

__all__ = [
    "DIFFERENCE",
    "Codes",
    "Floats",
    "Interval",
    "Moments",
    "bootstrap",
    "cases_needed",
    "cluster_variance",
    "concordance",
    "crossed",
    "holm",
    "look_alpha",
    "mean",
    "ppi",
    "seed_variance",
    "seeds_needed",
    "share_seen",
]
