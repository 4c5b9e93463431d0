"""Claims about what the base model knew, beside the gate. ``pytest suites/general`` checks both.

``sft@triage`` is the candidate that was trained for triage, asked the questions of this suite.
"""

import pytest


def test_the_base_model_knows_its_towns(scores):
    knows = scores("base")
    assert knows.lower > 0.5, knows  # a guess among four is right a quarter of the time


@pytest.mark.parametrize("tuned", ["sft@triage", "sft@extract", "dpo@reply"])
def test_tuning_forgets_little(paired, tuned):
    change = paired(tuned, "base")
    assert change.lower > -0.05, change
