"""Macro F1 of labels: the mean over labels of each one's F1, so that a rare label counts as much as a common one.

    references a, a, a, b; texts a, a, b, b    F1 of a 0.8, of b 0.67; macro_f1 0.73

Texts are labels as ``accuracy`` reads them, letter case and white space aside. The labels are those of the references, as
scikit-learn has it with ``labels=sorted(set(y_true))``: a text that is none of them is wrong, and no label of its own.
"""

from __future__ import annotations

import numpy as np

from harness.metrics.estimate import Cases, Outputs, Sums
from harness.stats import Floats
from harness.suite import Suite


def make_macro_f1(suite: Suite) -> Sums:
    """The estimate ``macro_f1``."""
    return Sums(_counted, _macro_f1)


def _label(text: str) -> str:
    return text.strip().casefold()


def _counted(cases: Cases, outputs: Outputs) -> Floats:
    """For each label: whether the answer is right, gives it, and should give it, shape (n, 3 · labels)."""
    wanted = [_label(case.reference) for case in cases]
    codes = {label: code for code, label in enumerate(sorted(set(wanted)))}
    counts = np.zeros((len(cases), 3, len(codes)))
    for row, (label, output) in enumerate(zip(wanted, outputs, strict=True)):
        said = _label(output.text)
        counts[row, 2, codes[label]] = 1
        if said in codes:
            counts[row, 1, codes[said]] = 1
            counts[row, 0, codes[said]] = said == label
    return counts.reshape(len(cases), -1)


def _macro_f1(sums: Floats) -> Floats:
    """Over the labels that are among the references drawn."""
    hits, given, wanted = np.split(sums, 3, axis=-1)
    there = wanted > 0
    f1 = np.where(there, 2 * hits / np.where(there, given + wanted, 1), 0)
    return np.asarray(f1.sum(axis=-1) / np.maximum(there.sum(axis=-1), 1))
