"""Whether the question was frozen before its answers were seen, and every look at them, as a report's values.

Ledger("locked", "locked on 2026-01-02 03:04 UTC, before any test score", "first look at these test cases, …",
       terms=(Term("margin", "0.03", "0.03"), …), looks=(Look(1, "2026-01-02 04:31 UTC", 300, 0.05, True), …))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.question import Account
from harness.report.gathered import Ledger, Look, Term
from harness.verdict.lock import say

FIRST = ("metric", "margin", "alpha", "estimand", "route", "planned_gain", "test_cases")
"""The terms that a reader asks for; guards and prices follow, the rest stands in a table."""


def ledger(found: Mapping[str, Any], account: Account | None) -> Ledger | None:
    """A verdict's ledger with the store's dates and frozen terms; None for a verdict that has none."""
    if not found:
        return None
    spent, standing = found["said"]
    frozen, now = (account.frozen, account.now) if account else ({}, {})
    changed = {change["key"] for change in found["lock"].get("changes", ())}
    keys = sorted({*frozen, *(changed & now.keys())}, key=lambda key: (_place(key), key))
    terms = tuple(Term(key, say(frozen.get(key)), say(now.get(key)), changed=key in changed) for key in keys)
    return Ledger(found["lock"]["state"], standing, spent, terms, tuple(_looks(found, account)))


def first(shown: Ledger) -> Iterator[tuple[str, str]]:
    """What was frozen, in short: name and value of the main terms."""
    values = {term.key: term.frozen for term in shown.terms}
    yield from ((key, values[key]) for key in FIRST if key in values)
    limits = {key.removesuffix(".noninferiority"): value for key, value in values.items() if "." in key}
    guards = [f"{name} (loss under {limit})" for name, limit in limits.items() if f"{name}.noninferiority" in values]
    yield "guards", ", ".join(guards) or "none"
    yield "prices", values.get("prices", "none")


def _place(key: str) -> int:
    return FIRST.index(key) if key in FIRST else len(FIRST)


def _looks(found: Mapping[str, Any], account: Account | None) -> Iterator[Look]:
    """All looks, this one marked; one that spends nothing is none."""
    known = account.looks if account else ()
    for number, (when, look) in enumerate(known, start=1):
        yield Look(number, when, look.cases, look.alpha, look.planned, here=look.rows == found["rows"])
    if found["counted"] and all(look.rows != found["rows"] for _, look in known):
        yield Look(found["look"], "", found["cases"], found["alpha"], found["planned"], here=True)
