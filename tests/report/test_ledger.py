"""Lock and looks as values: what was frozen, what changed, which look spent what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.question import Account
from harness.report.gathered import Ledger, Look, Term
from harness.report.ledger import first, ledger
from harness.verdict import lock as locks
from harness.verdict.lock import History, Standing

TERMS: dict[str, Any] = {
    "min_seeds": 3,
    "metric": "accuracy",
    "margin": 0.03,
    "general.noninferiority": 0.02,
    "general.max_relative_drop": None,
    "prices": None,
}
OWN = locks.Look("aa", 300, 0.05, True, 1, None)
LOCK = locks.Lock("2026-01-01 08:00 UTC")


def found(*looks: locks.Look, lock: locks.Lock | None = None, counted: bool = True) -> dict[str, Any]:
    return Standing(len(looks) + 1, OWN, History(looks, lock)).as_dict(counted=counted)


def test_a_question_that_was_frozen() -> None:
    assert ledger(found(lock=LOCK), Account(TERMS, TERMS)) == Ledger(
        "locked",
        "locked on 2026-01-01 08:00 UTC, before any test score",
        "first look at these test cases, claims at alpha 0.05",
        terms=(
            Term("metric", "accuracy", "accuracy"),
            Term("margin", "0.03", "0.03"),
            Term("general.max_relative_drop", "none", "none"),
            Term("general.noninferiority", "0.02", "0.02"),
            Term("min_seeds", "3", "3"),
            Term("prices", "none", "none"),
        ),
        looks=(Look(1, "", 300, 0.05, True, here=True),),
    )


def test_what_changed_is_marked() -> None:
    changed = replace(LOCK, changes=(locks.Change("margin", 0.05, 0.03), locks.Change("route", None, "cost")))
    shown = ledger(found(lock=changed), Account(TERMS | {"margin": 0.05}, TERMS | {"route": "cost"}))
    assert shown is not None
    assert shown.state == "changed"
    marked = [term for term in shown.terms if term.changed]
    assert marked == [Term("margin", "0.05", "0.03", True), Term("route", "none", "cost", True)]


@pytest.mark.parametrize("lock", [None, replace(LOCK, late=True)])
def test_a_question_that_was_not_frozen_in_time(lock: locks.Lock | None) -> None:
    shown = ledger(found(lock=lock), None)
    assert shown is not None
    assert shown.state == ("late" if lock else "none")
    assert shown.terms == ()


def test_every_look_has_its_date() -> None:
    earlier = replace(OWN, rows="bb", alpha=0.05)
    account = Account({}, TERMS, (("2026-01-01 09:00 UTC", earlier),))
    shown = ledger(found(earlier), account)
    assert shown is not None
    assert shown.looks == (Look(1, "2026-01-01 09:00 UTC", 300, 0.05, True), Look(2, "", 300, 0.05, True, here=True))


def test_reading_again_is_the_same_look() -> None:
    shown = ledger(found(), Account({}, TERMS, (("2026-01-01 09:00 UTC", OWN),)))
    assert shown is not None
    assert shown.looks == (Look(1, "2026-01-01 09:00 UTC", 300, 0.05, True, here=True),)


def test_what_could_not_answer_is_no_look() -> None:
    shown = ledger(found(counted=False), None)
    assert shown is not None
    assert shown.looks == ()
    assert ledger({}, None) is None


def test_the_main_terms() -> None:
    shown = ledger(found(lock=LOCK), Account(TERMS, TERMS))
    assert shown is not None
    assert list(first(shown)) == [
        ("metric", "accuracy"),
        ("margin", "0.03"),
        ("guards", "general (loss under 0.02)"),
        ("prices", "none"),
    ]
