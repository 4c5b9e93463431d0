"""The same locked cases asked again over time, and whether the answers have drifted: ``harness watch triage=zero_shot``.

    watch(load_experiment(Path("experiment.toml")), [("triage", "zero_shot")])   # asks one more round, and says what all of them show
    seen(load_experiment(Path("experiment.toml")), [("triage", "zero_shot")])    # says it, and asks nothing

Round 0 is what ``harness run`` stored. Later rounds lie apart from it (``harness.store.again``): no verdict is made of them.
"""

from harness.watch.drift import Drift, Stretch, Told
from harness.watch.page import to_html
from harness.watch.round import seen, watch
from harness.watch.said import as_dict, lines

__all__ = ["Drift", "Stretch", "Told", "as_dict", "lines", "seen", "to_html", "watch"]
