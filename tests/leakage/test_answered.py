"""Documents that have a case's question and its reference, word for word."""

from __future__ import annotations

import pytest

from harness.data import Match
from harness.data.answered import answered
from harness.suite import Case

LONG = "What does the seal of the old Topis pump cost today?"
SHORT = "How long?"


def case(asked: str, reference: str, name: str = "c") -> Case:
    return Case(name, asked, reference)


@pytest.mark.parametrize(
    ("asked", "reference", "document", "found"),
    [
        (LONG, "nine euros", f"# FAQ\n\n**{LONG.upper()}**\n\nNine   euros, since May.", True),
        (LONG, "nine euros", "The seal of the old Topis pump costs nine euros today.", False),  # what retrieval is for
        (LONG, "ten euros", f"{LONG} Nine euros.", False),
        (LONG, "", f"{LONG} Nine euros.", False),
        (LONG, "euro", f"{LONG} Nine euros.", False),  # words, not letters
        (SHORT, "Two days", "Hello. How long? Two days.", True),
        (SHORT, "Two days", "How long is it? Two days.", False),
        (SHORT, "Two days", "HOW LONG\nTwo days", True),
        ("多久?", "三十天", "问：\n多久？\n三十天。", True),
    ],
)
def test_question_and_reference(asked: str, reference: str, document: str, found: bool) -> None:
    expected = {"c": Match("c", "page", "verbatim")} if found else {}
    assert answered([case(asked, reference)], {"other": "Nothing.", "page": document}) == expected


def test_any_document_may_have_both() -> None:
    cases = [case(LONG, "nine euros", "a"), case(LONG, "ten euros", "b"), case(SHORT, "Now", "c")]
    pages = {"first": f"{LONG} We do not know.", "second": f"{LONG} Ten euros.", "third": f"{LONG}\nNine euros"}
    assert {name: match.where for name, match in answered(cases, pages).items()} == {"a": "third", "b": "second"}
    assert answered([], pages) == answered(cases, {}) == {}
