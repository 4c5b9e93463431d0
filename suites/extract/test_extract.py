"""Claims about extraction that its gate does not make. ``pytest suites/extract`` checks both."""

import json


def test_naming_the_keys_helps(paired):
    gain = paired("keys", "zero_shot")
    assert gain.lower > 0.03, gain


def test_order_numbers_come_from_the_message(answers):
    made_up = []
    for row in answers("keys"):
        try:
            order = str(json.loads(row.actual)["order"])
        except (ValueError, TypeError, KeyError):
            continue  # not JSON: json_valid counts these
        if order not in row.input:
            made_up.append(row)
    assert len(made_up) <= 5, made_up[:5]
