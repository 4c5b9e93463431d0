"""Fingerprints differ where the values do, on every machine alike."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from harness.fingerprint import fingerprint, fingerprint_each, fingerprints

TEXTS = ["", "a", "ä 退款 😀", 'quotes " and \\', "\x00\x1f\x7f\u2028", "half a pair: \ud83d"]


@pytest.mark.parametrize("text", TEXTS)
def test_each_is_the_digest_of_compact_json(text: str) -> None:
    told = json.dumps([text, "b", []], ensure_ascii=False, separators=(",", ":")) + "\n"
    expected = sha256(told.encode("utf-8", "surrogatepass") * 2).hexdigest()[:20]
    assert fingerprint_each([(text, "b", ())] * 2) == expected


def test_each_keeps_values_apart() -> None:
    rows = [["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"], [("ab", "c")], []]
    assert len({fingerprint_each(row) for row in rows}) == len(rows)


def test_a_common_part_counts() -> None:
    ours, theirs = fingerprints("model", {"limit": 8}), fingerprints("model", {"limit": 9})
    assert ours("x") == fingerprints("model", {"limit": 8})("x")
    assert len({ours("x"), ours("y"), theirs("x"), fingerprint("x"), ours(("x",))}) == 5


def test_no_identity_hangs_on_what_json_cannot_say() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        fingerprint(float("nan"))
