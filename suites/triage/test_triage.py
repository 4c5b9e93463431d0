"""Claims about triage that its gates do not make. ``pytest suites/triage`` checks both.

A claim uses ``lower``, never the estimate: a contender that stands exactly on the line is above it half the time.
"""


def test_tuning_beats_four_examples(paired):
    gain = paired("sft", "few_shot_4")
    assert gain.lower > 0.03, gain


def test_nearly_every_tuned_answer_is_valid(scores):
    valid = scores("sft", "json_schema")
    assert valid.lower > 0.95, valid


def test_no_tuned_answer_invents_a_desk(answers):
    desks = ("velor", "dunak", "brisol", "kemun", "trapis")
    invented = [row for row in answers("sft") if row.score == 0 and not any(desk in row.actual for desk in desks)]
    assert len(invented) <= 5, invented[:5]
