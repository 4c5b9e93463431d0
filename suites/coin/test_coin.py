"""Claims about the coin, which has no gates: what cannot be predicted must not look predicted. ``pytest suites/coin``."""


def test_no_gain_worth_having_is_shown(paired, suite):
    gain = paired("sft", "zero_shot")
    assert gain.lower <= suite.margin, gain


def test_tuning_does_not_see_through_the_coin(scores):
    right = scores("sft")
    assert right.lower <= 0.55, right
