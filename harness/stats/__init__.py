"""Pure numbers: arrays in, values out. Knows nothing of suites, files or models.

`crossed` (paired difference over seeds and cases) · `adjusted` (the same at equal length) · `mean` (one contender) ·
`ppi` (a judge corrected by people) · `bootstrap` (what is no mean) · `accuracy`, `kappa`, `lin`, `fleiss`, `krippendorff`,
`confusion` (how far graders agree) · `holm` (several claims) · `look_alpha` (several looks) · `alarm`, `general`, `change`, `trend` (rounds in time) ·
`cases_needed`, `seeds_needed` (planning)
"""

from harness.stats.adjusted import Adjusted, adjusted
from harness.stats.agreement import accuracy, confusion, fleiss, kappa, krippendorff, lin
from harness.stats.bootstrap import bootstrap
from harness.stats.clusters import Codes, Floats, cluster_variance
from harness.stats.crossed import DIFFERENCE, Interval, Moments, crossed, seed_variance
from harness.stats.curve import Doubling, doubling
from harness.stats.drift import Alarm, Change, General, alarm, change, general, trend
from harness.stats.holm import holm
from harness.stats.looks import look_alpha
from harness.stats.mean import mean
from harness.stats.power import cases_needed, seeds_needed
from harness.stats.ppi import concordance, ppi, share_seen
from harness.stats.statistic import Bounds, Statistic

__all__ = [
    "DIFFERENCE",
    "Adjusted",
    "Alarm",
    "Bounds",
    "Change",
    "Codes",
    "Doubling",
    "Floats",
    "General",
    "Interval",
    "Moments",
    "Statistic",
    "accuracy",
    "adjusted",
    "alarm",
    "bootstrap",
    "cases_needed",
    "change",
    "cluster_variance",
    "concordance",
    "confusion",
    "crossed",
    "doubling",
    "fleiss",
    "general",
    "holm",
    "kappa",
    "krippendorff",
    "lin",
    "look_alpha",
    "mean",
    "ppi",
    "seed_variance",
    "seeds_needed",
    "share_seen",
    "trend",
]
