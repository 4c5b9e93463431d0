"""Looks and locks as values: which look a verdict is, at which level, and what was not as it had been locked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from harness.errors import BadInput
from harness.stats import look_alpha
from harness.stats.looks import unplanned_alpha
from harness.verdict import Policy, Verdict, decide, describe
from harness.verdict.lock import Change, History, Lock, Look, changes, frozen_or_not, stand, terms

PLAN = Policy(looks=5, n_max=1000)


def justified(planted: Any, *, n: int = 400, **kind: Any) -> Any:
    return planted(1, n=n).prompts().add("bm25", "rag", -0.05).add("sft", "tune", 0.2, **({"seeds": 5} | kind))


def ledger(verdict: Verdict) -> Any:
    (suite,) = verdict.suites.values()
    return suite.ledger


def looked(verdict: Verdict) -> Look:
    return Look(**{key: ledger(verdict)[key] for key in ("rows", "cases", "alpha", "planned", "looks", "n_max")})


# --- which look it is


def test_the_first_look_has_all_of_alpha_and_later_ones_ever_less() -> None:
    history, levels = History(), []
    for number in range(1, 5):
        here = stand(history, rows=f"rows {number}", cases=300, policy=Policy())
        assert here.number == number
        levels.append(here.alpha)
        history = replace(history, looks=(*history.looks, here.look))
    assert levels == pytest.approx([0.05, *(unplanned_alpha(0.05, j) for j in (2, 3, 4))])


def test_the_same_rows_are_the_same_look_whenever_they_are_read() -> None:
    first = stand(History(), rows="a", cases=300, policy=Policy())
    second = stand(History((first.look,)), rows="b", cases=300, policy=Policy())
    both = History((first.look, second.look))
    assert stand(both, rows="a", cases=300, policy=Policy()).look == first.look
    assert stand(both, rows="b", cases=300, policy=Policy()).number == 2


def test_planned_looks_go_by_the_cases_so_far() -> None:
    history, levels = History(), []
    for cases in (200, 400, 600, 800, 1000):
        here = stand(history, rows=str(cases), cases=cases, policy=PLAN)
        assert here.look.planned
        levels.append(here.alpha)
        history = History((*history.looks, here.look))
    assert levels == [look_alpha(0.05, looks=5, fraction=j / 5) for j in range(1, 6)]


def test_another_look_at_the_same_step_was_not_planned() -> None:
    first = stand(History(), rows="a", cases=400, policy=PLAN)
    again = stand(History((first.look,)), rows="b", cases=450, policy=PLAN)
    assert (again.look.planned, again.alpha) == (False, unplanned_alpha(0.05, 2))
    assert stand(History((first.look,)), rows="b", cases=600, policy=PLAN).look.planned


def test_a_plan_that_was_made_after_a_look_is_none() -> None:
    first = stand(History(), rows="a", cases=200, policy=Policy())
    late = stand(History((first.look,)), rows="b", cases=1000, policy=PLAN)
    assert (late.look.planned, late.alpha) == (False, unplanned_alpha(0.05, 2))


def test_one_planned_look_is_one_even_with_n_max() -> None:
    policy = Policy(looks=1, n_max=1000)
    first = stand(History(), rows="a", cases=400, policy=policy)
    second = stand(History((first.look,)), rows="b", cases=1000, policy=policy)
    assert (first.alpha, second.alpha) == (0.05, unplanned_alpha(0.05, 2))


def test_looks_that_nobody_noted_are_counted_by_number() -> None:
    unknown = History((Look(),) * 2)
    assert stand(unknown, rows="a", cases=600, policy=PLAN).look.planned
    assert not stand(unknown, rows="a", cases=400, policy=PLAN).look.planned


# --- through decide


def test_a_later_look_is_stricter(planted: Any) -> None:
    rows = planted(1, n=120).prompts().add("sft", "tune", 0.13, seeds=5).table
    first, tenth = decide(rows), decide(rows, look=10)
    assert [v.suites["triage"].verdict for v in (first, tenth)] == ["JUSTIFIED", "INCONCLUSIVE"]
    assert ledger(tenth)["alpha"] == unplanned_alpha(0.05, 10)
    assert len(ledger(tenth)["before"]) == 9
    with pytest.raises(BadInput, match="look: given 0: it is counted from 1"):
        decide(rows, look=0)


def test_names_and_prices_are_no_further_look_and_anything_judged_is(planted: Any) -> None:
    world = justified(planted)
    same = looked(decide(world.table)).rows
    renamed = pa.table({**world.columns, "contender": [f"x-{name}" for name in world.columns["contender"]]})
    for rows, policy in (
        (renamed, {}),
        (
            world.table.set_column(world.table.schema.get_field_index("cost"), "cost", [[0.1] * world.table.num_rows]),
            {},
        ),
        (world.table, {"cost": {"requests_per_month": 10}}),
        (world.table, {"require_lock": False, "power": 0.9}),
        (justified(planted).add("p9", "prompt", -0.5, splits=("dev",)).table, {}),
    ):
        assert looked(decide(rows, policy)).rows == same
    for rows, policy in (
        (world.table, {"margin": 0.02}),
        (world.table, {"alpha": 0.04}),
        (world.table, {"max_flagged": 0.2}),
        (justified(planted, seeds=4).table, {}),
        (justified(planted, n=401).table, {}),
        (justified(planted).add("dense", "rag", 0.1).table, {}),
    ):
        assert looked(decide(rows, policy)).rows != same


def test_another_suite_does_not_make_a_further_look(planted: Any) -> None:
    alone = looked(decide(justified(planted).table))
    other = planted(7, n=50, suite="another").prompts().add("sft2", "tune", seeds=3).table
    both = decide(pa.concat_tables([justified(planted).table, other]))
    assert both.suites["triage"].ledger["rows"] == alone.rows


def test_guards_are_looked_at_too(planted: Any) -> None:
    policy = {"suites": {"triage": {}, "general": {"role": "guard", "noninferiority": 0.05}}}

    def with_guard(seed: int) -> str | None:
        guard = planted(seed, n=300, dev=0, suite="general").add("zero_shot", "prompt").add("sft", "tune", 0.0, seeds=5)
        return looked(decide(pa.concat_tables([justified(planted).table, guard.table]), policy)).rows

    assert with_guard(9) == with_guard(9) != with_guard(8)


def test_what_a_gate_forbids_spends_nothing(planted: Any) -> None:
    assert ledger(decide(justified(planted).table))["counted"]
    unanswered = ledger(decide(justified(planted, seeds=2).table))
    assert (unanswered["counted"], unanswered["said"][0][:17]) == (False, "no look was spent")
    assert not ledger(decide(justified(planted).table, {"require_lock": True}))["counted"]


def test_a_history_goes_before_a_number(planted: Any) -> None:
    rows = justified(planted).table
    known = {"triage": History((looked(decide(rows)),))}
    assert ledger(decide(rows, history=known, look=7))["look"] == 1
    assert decide(rows, history=known).to_json() == decide(rows).to_json(), "to read again changes nothing"


# --- locks

FROZEN = Lock("2026-11-20 09:00 UTC")


@pytest.mark.parametrize(
    ("lock", "state", "passes"),
    [
        (None, "none", False),
        (FROZEN, "locked", True),
        (replace(FROZEN, late=True), "late", False),
        (replace(FROZEN, changes=(Change("margin", 0.03, 0.01),)), "changed", False),
    ],
)
def test_a_lock_is_demanded_only_where_the_policy_says_so(
    planted: Any, lock: Lock | None, state: str, passes: bool
) -> None:
    rows, history = justified(planted).table, {"triage": History(lock=lock)}
    free = decide(rows, history=history)
    assert (free.suites["triage"].verdict, ledger(free)["lock"]["state"]) == ("JUSTIFIED", state)
    strict = decide(rows, {"require_lock": True}, history=history).suites["triage"]
    assert strict.verdict == ("JUSTIFIED" if passes else "INVALID")
    assert [gate.name for gate in strict.failed] == ([] if passes else ["lock"])


def test_the_verdict_says_how_it_stands(planted: Any) -> None:
    assert ledger(decide(justified(planted).table))["said"] == [
        "first look at these test cases, claims at alpha 0.05",
        "not locked: the question was not frozen before the answers were seen",
    ]
    lock = replace(FROZEN, late=True, changes=(Change("margin", 0.03, 0.01), Change("n_max", None, 500)))
    assert frozen_or_not(lock) == (
        "test opened before the lock of 2026-11-20 09:00 UTC; changed since: margin 0.03 → 0.01; n_max none → 500"
    )
    refused = decide(justified(planted).table, {"require_lock": True})
    assert any("Not locked: the question was not frozen" in line for line in describe(refused))


def test_terms_have_every_key_that_a_suite_is_held_against() -> None:
    policy = Policy(margin=0.02, suites={"a": {"margin": 0.05}, "g": {"role": "guard", "noninferiority": 0.01}})
    found = terms(policy, "a", "f1", ["g"])
    assert (found["metric"], found["margin"], found["g.noninferiority"]) == ("f1", 0.05, 0.01)
    left = set(Policy.model_fields) - set(found)
    assert left == {"suites", "cost", "require_lock", "kinship", "data", "merge"}
    assert "merge.max_loss" not in found
    merged = Policy(merge={"max_loss": 0.1, "parts": {"all": ["sft@a", "sft@b"]}})
    assert terms(merged, "a", "f1", [])["merge.max_loss"] == 0.1


def test_changes_name_old_and_new() -> None:
    assert changes({"a": 1, "b": None}, {"a": 2, "c": "x"}) == (Change("a", 1, 2), Change("c", None, "x"))
