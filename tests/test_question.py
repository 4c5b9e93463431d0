"""Lock and ledger through the command line: what was frozen, what was looked at, and what that makes of a verdict.

The store is filled with made answers to the matrix of a project whose candidate is never trained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.evidence import evidence
from harness.experiment import load_experiment
from harness.matrix import expand
from harness.question import questions
from harness.stats.looks import unplanned_alpha
from harness.store import open_store
from tests.conftest import Project, Ran, cases, write_rows
from tests.made_project import CASES, fill, make

Harness = Callable[..., Ran]


@pytest.fixture
def tuned(project: Project) -> Project:
    return make(project)


def judged(harness: Harness, project: Project, *arguments: str) -> dict[str, Any]:
    ran = harness("verdict", project.experiment, "--json", *arguments)
    found: dict[str, Any] = json.loads(ran.out)["suites"]["sums"]
    return found


def kept(project: Project) -> list[str]:
    with open_store(project.folder / ".harness", write=False) as store:
        return [line.kind for line in store.ledger()]


def locks(harness: Harness, project: Project) -> dict[str, Any]:
    ran = harness("lock", project.experiment, "--json")
    assert ran.code == 0, ran.err
    (found,) = json.loads(ran.out)["locked"]
    return dict(found)


# --- the ledger


def test_a_verdict_is_a_look_and_reading_it_again_is_not(tuned: Project, harness: Harness) -> None:
    fill(tuned)
    first = harness("verdict", tuned.experiment, "--json")
    assert json.loads(first.out)["suites"]["sums"]["ledger"]["look"] == 1
    assert kept(tuned) == ["look"]
    assert harness("verdict", tuned.experiment, "--json").out == first.out, "identical bytes"
    assert harness("report", tuned.experiment).code == 0
    assert kept(tuned) == ["look"]


def test_a_slip_in_what_is_required_is_no_look(tuned: Project, harness: Harness) -> None:
    fill(tuned)
    for slip in ("sums", "sums=finetune", "sum=fine-tune"):
        ran = harness("verdict", tuned.experiment, "--require", slip)
        assert (ran.code, ran.out) == (4, "")
    assert kept(tuned) == []


def test_the_report_is_a_look_too(tuned: Project, harness: Harness) -> None:
    fill(tuned)
    assert harness("report", tuned.experiment).code == 0
    assert kept(tuned) == ["look"]


def test_moved_goalposts_are_a_further_look(tuned: Project, harness: Harness) -> None:
    fill(tuned)
    judged(harness, tuned)
    tuned.replace("experiment.toml", "margin = 0.03", "margin = 0.01")
    second = judged(harness, tuned)["ledger"]
    assert (second["look"], second["planned"], second["alpha"]) == (2, False, pytest.approx(unplanned_alpha(0.05, 2)))
    assert [look["alpha"] for look in second["before"]] == [0.05]
    assert kept(tuned) == ["look", "look"]
    tuned.replace("experiment.toml", "margin = 0.01", "margin = 0.03")
    assert judged(harness, tuned)["ledger"]["look"] == 1, "back to what was read before"


def test_a_renamed_suite_and_a_grown_test_set_are_the_same_question(tuned: Project, harness: Harness) -> None:
    fill(tuned)
    judged(harness, tuned)
    write_rows(tuned.folder / CASES, cases(120))
    (tuned.folder / "suites/sums").rename(tuned.folder / "suites/adding")
    tuned.replace("experiment.toml", "suites/sums", "suites/adding")
    fill(tuned)
    ran = harness("verdict", tuned.experiment, "--json")
    assert json.loads(ran.out)["suites"]["adding"]["ledger"]["look"] == 2


def test_fresh_test_cases_are_a_fresh_start(tuned: Project, harness: Harness) -> None:
    fill(tuned)
    judged(harness, tuned)
    fresh = [row | {"input": f"what is {row['input']}?"} for row in cases(108)]
    write_rows(tuned.folder / CASES, fresh)
    fill(tuned)
    assert judged(harness, tuned)["ledger"]["look"] == 1
    assert kept(tuned) == ["look", "look"]


def test_another_metric_is_another_question(tuned: Project, harness: Harness) -> None:
    suite = "suites/sums/suite.toml"
    tuned.replace(suite, 'metric = "exact_match"', 'metric = "exact_match"\nmetrics = ["token_f1"]')
    fill(tuned)
    judged(harness, tuned)
    tuned.write("experiment.toml", tuned.experiment.read_text() + '[policy.suites.sums]\nmetric = "token_f1"\n')
    assert judged(harness, tuned)["ledger"]["look"] == 1


def test_what_a_gate_forbids_is_no_look(tuned: Project, harness: Harness) -> None:
    tuned.replace("experiment.toml", "min_prompt_variants = 2", "min_prompt_variants = 9")
    fill(tuned)
    assert judged(harness, tuned)["verdict"] == "INVALID"
    assert kept(tuned) == []


def test_a_store_that_others_read_still_gives_its_verdict(tuned: Project, harness: Harness) -> None:
    fill(tuned)
    with open_store(tuned.folder / ".harness", write=False):
        ran = harness("verdict", tuned.experiment)
    assert ran.code in (0, 2)
    assert "this look was not entered in the ledger" in ran.err
    assert kept(tuned) == []


def test_trainings_tell_what_a_seed_takes(tuned: Project) -> None:
    fill(tuned)
    with evidence(load_experiment(tuned.experiment)) as found:
        assert found.histories["embedded:tiny"]["sums"].training_seconds is None


def test_an_account_has_what_was_frozen_and_the_date_of_every_look(tuned: Project, harness: Harness) -> None:
    locks(harness, tuned)
    fill(tuned)
    first = judged(harness, tuned)["ledger"]
    tuned.replace("experiment.toml", "margin = 0.03", "margin = 0.01")
    second = judged(harness, tuned)["ledger"]
    with evidence(load_experiment(tuned.experiment)) as found:
        account = found.accounts["embedded:tiny"]["sums"]
    assert (account.frozen["margin"], account.now["margin"]) == (0.03, 0.01)
    assert [look.rows for _, look in account.looks] == [first["rows"], second["rows"]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", when) for when, _ in account.looks)


def test_the_page_has_the_lock_and_the_looks(tuned: Project, harness: Harness) -> None:
    locks(harness, tuned)
    fill(tuned)
    assert harness("report", tuned.experiment).code == 0
    page = (tuned.folder / "reports/sums/report.html").read_text(encoding="utf-8")
    assert "Lock and looks <small>locked in time; 1 look at these test cases</small>" in page
    assert "<b>Lock</b>" not in page
    assert "<dt>test cases</dt><dd>72 (" in page
    assert "<td>now (this one)</td><td>yes</td>" in page


# --- the lock


def test_locked_before_the_first_test_score(tuned: Project, harness: Harness) -> None:
    found = locks(harness, tuned)
    assert (found["state"], found["new"], found["terms"]["margin"]) == ("locked", True, 0.03)
    assert found["terms"]["test_cases"].startswith("72 (")
    assert not locks(harness, tuned)["new"], "locked so already"
    assert kept(tuned) == ["lock"]
    fill(tuned)
    tuned.replace("experiment.toml", "margin = 0.03", "margin = 0.03\nrequire_lock = true")
    suite = judged(harness, tuned)
    assert suite["ledger"]["lock"]["state"] == "locked"
    assert suite["verdict"] != "INVALID"


def test_a_lock_may_be_replaced_before_anything_was_seen(tuned: Project, harness: Harness) -> None:
    locks(harness, tuned)
    tuned.replace("experiment.toml", "margin = 0.03", "margin = 0.05")
    found = locks(harness, tuned)
    assert (found["state"], found["changes"]) == ("locked", [])
    assert {change["key"] for change in found["replaced"]} == {"margin", "planned_gain"}
    assert "instead of an earlier lock: margin 0.03 → 0.05" not in harness("lock", tuned.experiment).out


def test_a_late_lock_is_called_so_and_refused_where_one_is_demanded(tuned: Project, harness: Harness) -> None:
    fill(tuned)
    tuned.replace("experiment.toml", "margin = 0.03", "margin = 0.03\nrequire_lock = true")
    assert judged(harness, tuned)["verdict"] == "INVALID"
    assert locks(harness, tuned)["state"] == "late"
    ran = harness("verdict", tuned.experiment)
    assert ran.code == 3
    assert "Test opened before the lock of " in ran.out


def test_what_was_changed_since_is_named_by_key(tuned: Project, harness: Harness) -> None:
    locks(harness, tuned)
    fill(tuned)
    tuned.replace("experiment.toml", "margin = 0.03", "margin = 0.01")
    write_rows(tuned.folder / CASES, cases(105))
    fill(tuned)
    changes = {c["key"]: (c["locked"], c["now"]) for c in judged(harness, tuned)["ledger"]["lock"]["changes"]}
    assert changes.pop("margin") == (0.03, 0.01)
    locked, now = changes.pop("test_cases")
    assert (locked[:4], now[:4]) == ("72 (", "70 (")
    assert changes == {}
    late = locks(harness, tuned)
    assert (late["state"], late["new"]) == ("changed", True), "the lock that came before the answers still holds"
    assert not locks(harness, tuned)["new"]


def test_a_test_set_that_grows_within_its_plan_is_as_it_was_locked(tuned: Project, harness: Harness) -> None:
    tuned.replace("experiment.toml", "margin = 0.03", "margin = 0.03\nlooks = 2\nn_max = 144")
    locks(harness, tuned)
    fill(tuned)
    first = judged(harness, tuned)["ledger"]
    assert (first["planned"], first["lock"]["state"]) == (True, "locked")
    write_rows(tuned.folder / CASES, cases(216))
    fill(tuned)
    second = judged(harness, tuned)["ledger"]
    assert (second["look"], second["planned"], second["lock"]["state"]) == (2, True, "locked")
    assert second["alpha"] > first["alpha"]


def test_a_guards_test_set_is_locked_as_well(tuned: Project) -> None:
    write_rows(
        tuned.folder / "suites/general/cases.jsonl",
        [{"id": f"g{i}", "input": f"{i}?", "reference": "a", "choices": ["a", "b"]} for i in range(12)],
    )
    tuned.write("suites/general/suite.toml", 'role = "guard"\nform = "choice"\nmetric = "exact_match"\n')
    tuned.replace("experiment.toml", '["suites/sums"]', '["suites/*"]')
    (question,) = questions(expand(load_experiment(tuned.experiment)))
    assert str(question.terms["general.test_cases"]).startswith("12 (")
    assert question.terms["general.noninferiority"] == 0.03


def test_prices_are_locked_by_list_and_day(tuned: Project) -> None:
    (free,) = questions(expand(load_experiment(tuned.experiment)))
    assert free.terms["prices"] is None
    tuned.write("experiment.toml", tuned.experiment.read_text() + "[policy.cost]\nrequests_per_month = 10\n")
    (priced,) = questions(expand(load_experiment(tuned.experiment)))
    name, _, day = str(priced.terms["prices"]).partition(", ")
    assert (name.startswith("litellm "), len(day)) == (True, len("2026-11-22"))


def test_the_statement_reads_well(tuned: Project, harness: Harness) -> None:
    said = harness("lock", tuned.experiment).out
    assert said.splitlines()[0].startswith("sums (embedded:tiny): locked on 20")
    assert "exact_match over every untrained contender by more than 3.0 points; alpha 0.05, recipe" in said


def test_lock_and_plan_need_no_store(tmp_path: Path, harness: Harness) -> None:
    assert harness("lock", tmp_path / "absent.toml").code == 4
