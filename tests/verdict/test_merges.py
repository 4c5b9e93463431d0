"""A merge that loses too much of what its parts score is reverted, on dev, for all its suites."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from harness.errors import BadInput
from harness.verdict import decide, load_policy, load_rows
from harness.verdict.decide import reverted_in
from harness.verdict.verdict import SuiteVerdict

POLICY: dict[str, Any] = {"merge": {"parts": {"all": ["sft@triage", "sft@extract"]}}}


def rows(
    planted: Any, gains: Mapping[str, float], *, splits: tuple[str, ...] = ("dev", "test"), n: int = 400
) -> pa.Table:
    """Two suites; ``sft`` gains 20 points on each, ``all`` what is said of each suite."""
    made = []
    for number, (suite, gain) in enumerate(gains.items()):
        world = planted(number + 3, n=n, dev=300, suite=suite, noise=0.1).prompts()
        world.add("sft", "tune", 0.2, seeds=3, splits=splits)
        made.append(world.add("all", "tune", gain, seeds=3, splits=splits).table)
    return pa.concat_tables(made)


def reason(suite: SuiteVerdict, code: str) -> Any:
    return next((reason for reason in suite.reasons if reason.code == code), None)


def test_one_task_that_suffers_reverts_it_for_all(planted: Any) -> None:
    """On triage the merge is the best of all, and would be the finalist."""
    table = rows(planted, {"triage": 0.3, "extract": 0.0})
    alone = decide(table).suites["triage"]
    assert alone.contender == "all"
    found = decide(table, POLICY).suites
    assert {suite.contender for suite in found.values()} == {"sft"}
    assert {suite.verdict for suite in found.values()} == {"JUSTIFIED"}
    for suite in found.values():
        told = reason(suite, "merge_reverted")
        assert told.numbers["loss"] == pytest.approx(0.25, abs=0.08)
        assert told.numbers["lower"] < told.numbers["loss"] < told.numbers["upper"]
        for part in (
            "all, merged from sft@triage and sft@extract, is reverted: of what sft@extract scores on dev of extract it loses",
            "over the 5% allowed: retrain for extract with its rows beside those of the other parts",
        ):
            assert part in told.sentence


def test_what_is_reverted_is_neither_probed_nor_shown_to_people(planted: Any) -> None:
    """Both ask for the finalists before there is a verdict; a suite without its deciding metric says nothing yet."""
    table = rows(planted, {"triage": 0.3, "extract": 0.0})
    suites = {"triage": {"metric": "exact_match"}, "extract": {"metric": "exact_match"}}
    assert reverted_in(load_rows(table), load_policy({**POLICY, "suites": suites})) == {"all"}
    unmeasured = {**suites, "extract": {"metric": "rubric"}}
    assert reverted_in(load_rows(table), load_policy({**POLICY, "suites": unmeasured})) == frozenset()
    assert reverted_in(load_rows(table), load_policy({"suites": suites})) == frozenset()


def test_a_merge_that_keeps_what_its_parts_can(planted: Any) -> None:
    found = decide(rows(planted, {"triage": 0.3, "extract": 0.19}), POLICY).suites["triage"]
    assert found.contender == "all"
    assert "stands in their place: at worst, of what sft@extract scores" in reason(found, "merge_kept").sentence
    assert reason(found, "merge_reverted") is None


def test_the_limit_is_the_policys(planted: Any) -> None:
    table = rows(planted, {"triage": 0.3, "extract": 0.1})
    strict, lenient = ({"merge": {**POLICY["merge"], "max_loss": limit}} for limit in (0.05, 0.25))
    assert decide(table, strict).suites["triage"].contender == "sft"
    assert decide(table, lenient).suites["triage"].contender == "all"


def test_a_reverted_merge_still_counts_as_tried(planted: Any) -> None:
    """It was chosen among by the trainings that test uses: the seeds' part of the bound stays that of two recipes."""
    table = rows(planted, {"triage": 0.3, "extract": 0.0})
    without = pa.Table.from_pylist([row for row in table.to_pylist() if row["contender"] != "all"], schema=table.schema)
    ours, alone = (
        decide(some, policy).suites["triage"].claim("gain:few_shot")
        for some, policy in ((table, POLICY), (without, None))
    )
    assert ours is not None
    assert alone is not None
    assert (ours.estimate, ours.lower < alone.lower) == (alone.estimate, True)


def test_nothing_is_fielded_where_only_merges_were(planted: Any) -> None:
    table = rows(planted, {"triage": 0.3, "extract": 0.0})
    kept = [row for row in table.to_pylist() if (row["suite"], row["contender"]) != ("triage", "sft")]
    found = decide(pa.Table.from_pylist(kept, schema=table.schema), POLICY).suites["triage"]
    assert found.verdict == "INCONCLUSIVE"
    assert "all lost too much of what its parts score and was reverted: field the parts" in found.reasons[0].sentence


def test_without_dev_it_is_a_claim_on_test(planted: Any) -> None:
    """Nothing was chosen, so that keeping up with the parts must be shown, like a guard's drop."""
    splits = ("test",)
    lost = decide(rows(planted, {"triage": 0.3, "extract": 0.0}, splits=splits), POLICY).suites["triage"]
    assert lost.contender == "sft", "the merge did not hold, its part did"
    kept = decide(rows(planted, {"triage": 0.4, "extract": 0.4}, splits=splits), POLICY).suites["triage"]
    claims = {claim.name: claim for claim in kept.claims if claim.name.startswith("loss:")}
    assert set(claims) == {"loss:sft@triage", "loss:sft@extract"}
    assert claims["loss:sft@extract"].contrast == "sft@extract - all on extract"
    assert claims["loss:sft@extract"].upper < 0.05


def test_on_a_guard_too(planted: Any) -> None:
    """A guard with dev rows is a task that can suffer; there one adapter of a merge stands for all of its suites."""
    guard = planted(9, n=400, dev=300, suite="general", noise=0.1).add("base", "prompt", 0.2)
    for name, gain in (("sft@triage", 0.2), ("sft@extract", 0.2), ("all@triage", -0.1), ("all@extract", -0.1)):
        guard.add(name, "tune", gain, seeds=3)
    table = pa.concat_tables([rows(planted, {"triage": 0.3, "extract": 0.2}), guard.table])
    policy = {**POLICY, "suites": {"triage": {}, "extract": {}, "general": {"role": "guard"}}}
    told = reason(decide(table, policy).suites["triage"], "merge_reverted")
    assert "scores on dev of general it loses" in told.sentence


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"al": ["sft@triage"]}, "merge.parts.al: no row has the tuned contender 'al': did you mean 'all'?"),
        ({"all": ["stf@triage"]}, "merge.parts.all: no row has the tuned contender 'stf': did you mean 'sft'?"),
        ({"all": ["sft@triag"]}, "merge.parts.all: no row is of the suite 'triag': did you mean 'triage'?"),
        ({"all": ["sft"]}, "given 'sft': write every part as CANDIDATE@SUITE"),
    ],
)
def test_what_is_not_there(planted: Any, parts: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput) as refused:
        decide(rows(planted, {"triage": 0.3, "extract": 0.0}, n=20), {"merge": {"parts": parts}})
    assert said in str(refused.value)


def test_a_policy_without_merges_says_what_it_said(planted: Any) -> None:
    table = rows(planted, {"triage": 0.3, "extract": 0.0}, n=20)
    assert decide(table).hashes == decide(table, {"merge": {"max_loss": 0.2}}).hashes
