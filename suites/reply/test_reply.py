"""Claims about replies that its gates do not make. ``pytest suites/reply`` checks both."""


def test_preferences_bring_replies_closer_to_the_rubric(paired):
    gain = paired("dpo", "sft", "rubric")
    assert gain.lower > 0, gain


def test_most_replies_are_signed(answers):
    rows = answers("dpo")
    signed = sum("Orrin and Vale" in row.actual for row in rows)
    assert signed >= 0.9 * len(rows), f"{signed} of {len(rows)}"
