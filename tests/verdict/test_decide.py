"""The procedure on planted worlds: what it answers, what forbids an answer, and what must not matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harness.errors import BadInput
from harness.verdict import Verdict, decide, describe, describe_suite, load_rows, paired, summaries
from harness.verdict.check import TUNED
from harness.verdict.lock import History

GUARDED = {"suites": {"triage": {}, "general": {"role": "guard", "noninferiority": 0.05}}}


def tuned_world(planted: Any, gain: float, *, seed: int = 1, n: int = 400, **kind: Any) -> Any:
    return planted(seed, n=n).prompts().add("bm25", "rag", -0.05).add("sft", "tune", gain, **({"seeds": 5} | kind))


def one(verdict: Verdict) -> Any:
    (suite,) = verdict.suites.values()
    return suite


def failed(verdict: Verdict) -> list[str]:
    return [gate.name for gate in one(verdict).failed]


def test_a_large_gain_is_justified(planted: Any) -> None:
    verdict = decide(tuned_world(planted, 0.2).table)
    suite = one(verdict)
    assert (suite.verdict, suite.recommendation, suite.contender, verdict.exit_code) == (
        "JUSTIFIED",
        "fine-tune",
        "sft",
        0,
    )
    assert suite.claim("gain:few_shot").lower > suite.margin
    assert [reason.code for reason in suite.reasons] == ["better", "levels", "single"]


def test_no_gain_is_not_justified_and_the_prompt_suffices(planted: Any) -> None:
    verdict = decide(tuned_world(planted, -0.05).table)
    suite = one(verdict)
    assert (suite.verdict, suite.recommendation, suite.suffices) == ("NOT_JUSTIFIED", "prompt", "few_shot")
    assert suite.claim("ceiling:few_shot").alpha == 0.05
    assert verdict.exit_code == 0


def test_only_the_baseline_that_dev_liked_best_may_show_not_better(planted: Any) -> None:
    world = planted(2, n=400).prompts().add("bm25", "rag", 0.2).add("sft", "tune", 0.05, seeds=5)
    ceilings = [claim for claim in one(decide(world.table)).claims if claim.name.startswith("ceiling:")]
    assert [(claim.name, claim.alpha) for claim in ceilings] == [("ceiling:bm25", 0.05)]


def test_without_dev_rows_every_baseline_may_show_it_and_pays(planted: Any) -> None:
    world = planted(2, n=400, dev=0).add("few_shot", "prompt").add("bm25", "rag", 0.2).add("sft", "tune", 0.05, seeds=5)
    suite = one(decide(world.table, {"min_prompt_variants": 0}))
    assert {claim.name: claim.alpha for claim in suite.claims if claim.name.startswith("ceiling:")} == {
        "ceiling:few_shot": 0.025,
        "ceiling:bm25": 0.025,
    }


def test_a_gain_near_the_margin_is_undecided_with_a_plan(planted: Any) -> None:
    verdict = decide(tuned_world(planted, 0.05, n=100).table)
    suite = one(verdict)
    assert (suite.verdict, verdict.exit_code) == ("INCONCLUSIVE", 2)
    assert suite.plan["cases"] > suite.plan["have_cases"] == 100


def test_rag_that_fixes_the_gap_is_recommended(planted: Any) -> None:
    world = planted(2, n=400).prompts().add("bm25", "rag", 0.2).add("sft", "tune", 0.05, seeds=5)
    suite = one(decide(world.table))
    assert (suite.verdict, suite.recommendation, suite.suffices) == ("NOT_JUSTIFIED", "rag", "bm25")


def test_constrained_decoding_is_preferred_to_rag_that_adds_nothing(planted: Any) -> None:
    world = (
        planted(3, n=400)
        .prompts()
        .add("json", "constrain", 0.2)
        .add("bm25", "rag", 0.2)
        .add("sft", "tune", 0.2, seeds=5)
    )
    assert one(decide(world.table)).recommendation == "constrain"


def test_tuning_alone_is_preferred_to_tuning_with_rag_that_adds_nothing(planted: Any) -> None:
    world = tuned_world(planted, 0.2).add("both", "tune+rag", 0.205, seeds=5)
    assert one(decide(world.table)).recommendation == "fine-tune"
    world = tuned_world(planted, 0.1).add("both", "tune+rag", 0.3, seeds=5)
    assert one(decide(world.table)).recommendation == "fine-tune+rag"


def test_more_data_is_recommended_when_the_slope_reaches_the_margin(planted: Any) -> None:
    world = tuned_world(planted, 0.0, n=800).add("sft", "tune", -0.08, seeds=5, data_fraction=0.5)
    suite = one(decide(world.table))
    assert (suite.verdict, suite.recommendation) == ("NOT_JUSTIFIED", "collect-data")
    assert [point["fraction"] for point in suite.learning_curve["points"]] == [0.5, 1.0]
    flat = tuned_world(planted, 0.0, n=800).add("sft", "tune", 0.0, seeds=5, data_fraction=0.5)
    assert one(decide(flat.table)).recommendation == "prompt"


def curve_world(planted: Any, less: dict[float, float], **more: Any) -> Any:
    world = tuned_world(planted, 0.1, n=800)
    for share, missing in less.items():
        world.add("sft", "tune", 0.1 - missing, seeds=5, data_fraction=share, **more)
    return world


def test_more_data_would_help_or_not_is_said_when_it_is_shown(planted: Any) -> None:
    rising = one(decide(curve_world(planted, {0.5: 0.08, 0.25: 0.17, 0.125: 0.27}).table))
    found = rising.learning_curve["doubled"]
    assert (rising.learning_curve["more_data"], found.contrast) == ("helps", "sft: twice the data - all data")
    (said,) = [reason for reason in rising.reasons if reason.code == "more_data"]
    assert said.sentence.startswith("More data would help: twice as much gains ")
    assert said.numbers == {"estimate": found.estimate, "lower": found.lower, "upper": found.upper}
    assert rising.learning_curve["fitted"][-1]["fraction"] == 2.0
    flat = one(decide(curve_world(planted, {0.5: 0.0, 0.25: 0.0, 0.125: 0.0}).table))
    assert flat.learning_curve["more_data"] == "too_little"
    (said,) = [reason for reason in flat.reasons if reason.code == "enough_data"]
    assert said.sentence.startswith("More data would not bring the 3.0 points asked: twice as much gains ")
    assert said.sentence.endswith("by the curve through 4 shares of it.")


def test_of_too_few_shares_or_a_curve_that_turns_nothing_is_said(planted: Any) -> None:
    few = one(decide(curve_world(planted, {0.5: 0.08, 0.25: 0.17}).table))
    turning = one(decide(curve_world(planted, {0.5: 0.3, 0.25: 0.0, 0.125: 0.3}).table))
    for suite in (few, turning):
        assert not {"doubled", "more_data"} & set(suite.learning_curve)
        assert not [reason for reason in suite.reasons if reason.code in ("more_data", "enough_data")]


def test_more_data_is_not_recommended_where_the_curve_has_come_to_its_end(planted: Any) -> None:
    world = tuned_world(planted, -0.03, n=800)
    for share, missing in {0.5: 0.035, 0.25: 0.2, 0.125: 0.45}.items():
        world.add("sft", "tune", -0.03 - missing, seeds=5, data_fraction=share)
    suite = one(decide(world.table))
    slope, doubled = suite.learning_curve["slope"], suite.learning_curve["doubled"]
    gain = next(claim for claim in suite.claims if claim.name == "gain:few_shot").estimate
    assert slope.lower > 0
    assert gain + 2 * slope.estimate >= 0.03 > gain + 2 * doubled.upper
    assert suite.recommendation == "prompt"


def test_what_a_search_tried_counts_as_configurations_of_tuning(planted: Any) -> None:
    def world(count: int) -> Any:
        made = tuned_world(planted, 0.2)
        for number in range(count):
            made.add(f"sft/{number + 1}", "probe:search", 0.3, seeds=1, splits=("dev",), data_fraction=0.25)
        return made

    few, many = one(decide(world(5).table)), one(decide(world(6).table))
    assert (few.verdict, few.contender) == ("JUSTIFIED", "sft")
    plain = one(decide(world(0).table))
    assert few.claims == plain.claims, "tries are never compared"
    assert (many.verdict, [gate.name for gate in many.failed]) == ("INVALID", ["prompt_variants"])
    assert "5 prompt variants and 6 tuning configurations tried (6 of them by a search)" in many.failed[0].evidence


def with_guard(planted: Any, drop: float, name: str = "sft@triage") -> pa.Table:
    guard = planted(9, n=1000, dev=0, suite="general").add("zero_shot", "prompt").add(name, "tune", -drop, seeds=5)
    return pa.concat_tables([tuned_world(planted, 0.2).table, guard.table])


def test_guards(planted: Any) -> None:
    kept = one(decide(with_guard(planted, 0.0), GUARDED))
    assert (kept.verdict, kept.claim("drop:general").contrast) == ("JUSTIFIED", "zero_shot - sft@triage on general")
    lost = one(decide(with_guard(planted, 0.15), GUARDED))
    assert (lost.verdict, [r.code for r in lost.reasons][:2]) == ("NOT_JUSTIFIED", ["better", "guard_broken"])
    unsure = one(decide(with_guard(planted, 0.05), GUARDED))
    assert (unsure.verdict, unsure.plan["suite"]) == ("INCONCLUSIVE", "general")
    assert one(decide(with_guard(planted, 0.0, name="sft"), GUARDED)).verdict == "JUSTIFIED"


def test_a_guard_without_the_adapter_or_not_measured_blocks(planted: Any) -> None:
    other = decide(with_guard(planted, 0.0, name="sft@other"), GUARDED)
    assert (other.exit_code, failed(other)) == (3, ["guard:general"])
    untuned = decide(planted(1, n=400).prompts().table, GUARDED)
    assert failed(untuned) == ["candidate", "guard:general"]
    absent = decide(tuned_world(planted, 0.2).table, GUARDED)
    assert (one(absent).verdict, failed(absent)) == ("INVALID", ["guard:general"])


def test_contenders_without_a_common_clean_case_show_nothing(planted: Any, table: Any) -> None:
    odd = changed(
        tuned_world(planted, 0.2), table, "flagged", lambda r: int(r["case_id"][-1]) % 2 == 0, contender="sft"
    )
    rows = odd.to_pylist()
    for row in rows:
        row["flagged"] |= row["contender"] == "bm25" and int(row["case_id"][-1]) % 2 == 1
    suite = one(decide(table({key: [row[key] for row in rows] for key in rows[0]}), {"max_flagged": 1.0}))
    assert suite.verdict == "INCONCLUSIVE"
    assert suite.claim("gain:bm25").upper == np.inf


def test_max_relative_drop_tightens_a_guard_with_a_low_baseline(planted: Any) -> None:
    tight = {"suites": {"triage": {}, "general": {"role": "guard", "noninferiority": 0.05, "max_relative_drop": 0.01}}}
    assert one(decide(with_guard(planted, 0.0), tight)).verdict == "INCONCLUSIVE"


def test_a_listed_suite_that_is_not_measured_blocks(planted: Any) -> None:
    verdict = decide(tuned_world(planted, 0.2).table, {"suites": {"triage": {}, "billing": {}}})
    assert {name: suite.verdict for name, suite in verdict.suites.items()} == {
        "triage": "JUSTIFIED",
        "billing": "INVALID",
    }
    assert verdict.exit_code == 3


def test_a_metric_that_no_row_has_is_a_typo(planted: Any) -> None:
    with pytest.raises(BadInput, match=r"suites.triage.metric: no row has the metric 'exact_mach': did you mean 'exac"):
        decide(tuned_world(planted, 0.2).table, {"suites": {"triage": {"metric": "exact_mach"}}})


def test_one_contender_is_nothing_to_compare(planted: Any) -> None:
    with pytest.raises(BadInput, match="suite 'triage': all rows are of one contender, 'sft'"):
        decide(planted(1, n=20).add("sft", "tune", seeds=3).table)


def test_several_metrics_must_be_chosen_from(planted: Any) -> None:
    world = tuned_world(planted, 0.2).add("sft", "tune", seeds=5, metric="f1")
    with pytest.raises(BadInput, match=r"has the metrics 'exact_match', 'f1': name one in the policy"):
        decide(world.table)
    assert one(decide(world.table, {"suites": {"triage": {"metric": "exact_match"}}})).verdict == "JUSTIFIED"


def test_unlisted_suites_watch_when_a_listed_one_decides(planted: Any) -> None:
    both = pa.concat_tables([tuned_world(planted, 0.2).table, planted(4, suite="extra").prompts().table])
    verdict = decide(both, {"suites": {"triage": {}}})
    assert (list(verdict.suites), verdict.watched) == (["triage"], ("extra",))
    assert sorted(decide(both).suites) == ["extra", "triage"]
    with pytest.raises(BadInput, match="no suite decides"):
        decide(both, {"suites": {"triage": {"role": "guard"}, "extra": {"role": "guard"}}})


def changed(world: Any, table: Any, name: str, wrong: Any, **where: Any) -> pa.Table:
    """The world with ``name`` set to ``wrong(row)`` in the rows that match."""
    rows = to_rows(world)
    for row in rows:
        if all(row[key] == value for key, value in where.items()):
            row[name] = wrong(row)
    return table({key: [row[key] for row in rows] for key in rows[0]})


def to_rows(world: Any) -> list[dict[str, Any]]:
    columns = world.columns
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def test_an_error_left_is_incomplete(planted: Any, table: Any) -> None:
    columns = tuned_world(planted, 0.2).columns
    columns["score"][-1], columns["error"][-1] = None, "time-out"
    verdict = decide(table(columns))
    assert (one(verdict).verdict, verdict.exit_code, failed(verdict)) == ("INVALID", 3, ["errors"])
    assert one(verdict).recommendation == "none"


def test_flagged_cases_are_left_out_and_too_many_forbid(planted: Any, table: Any) -> None:
    few = changed(tuned_world(planted, 0.2), table, "flagged", lambda r: r["case_id"].endswith("7"), contender="sft")
    suite = one(decide(few, {"max_flagged": 0.2}))
    assert suite.claim("gain:few_shot").n == 360
    assert suite.diagnosis["leakage"].n == 400
    told = suite.diagnosis["touched"]["sft"]
    scores = [(r["case_id"].endswith("7"), r["score"]) for r in few.to_pylist() if r["contender"] == "sft" and r["split"] == "test"]  # fmt: skip
    clean = [score for flagged, score in scores if not flagged]
    assert (told["flagged"], told["cases"]) == (40, 400)
    assert told["with"] == pytest.approx(sum(score for _, score in scores) / len(scores))
    assert told["without"] == pytest.approx(sum(clean) / len(clean))
    whole, gain = suite.diagnosis["gain_with_touched"], suite.claim("gain:few_shot")
    assert (whole.contrast, whole.n) == ("sft - few_shot, touched cases too", 400)
    (said,) = [line for line in describe_suite(suite) if "Touched" in line]
    assert said.startswith("  Touched test cases: 40 of 400 cases of sft, which scores ")
    gains = [f"{100 * one.estimate:+.1f}" for one in (whole, gain)]
    assert said.endswith(
        f"; sft gains {gains[0]} over few_shot with them and {gains[1]} without. Claims are made without them."
    )
    clean_world = one(decide(tuned_world(planted, 0.2).table))
    assert not clean_world.diagnosis.keys() & {"touched", "gain_with_touched"}
    assert (
        failed(decide(changed(tuned_world(planted, 0.2), table, "flagged", lambda r: True, contender="sft")))[0]
        == "flagged"
    )


def test_a_weak_default_prompt_forbids(planted: Any) -> None:
    world = planted(1, n=400).add("zero_shot", "prompt").add("sft", "tune", 0.2, seeds=5)
    assert failed(decide(world.table)) == ["prompt_variants"]
    assert one(decide(world.table, {"min_prompt_variants": 1})).verdict == "JUSTIFIED"
    many = tuned_world(planted, 0.2)
    for i in range(5):
        many.add(f"sft{i}", "tune", -0.1, seeds=1, splits=("dev",))
    assert failed(decide(many.table)) == ["prompt_variants"]


def test_splits_that_share_a_cluster_forbid(planted: Any, table: Any) -> None:
    leaky = changed(tuned_world(planted, 0.2), table, "cluster", lambda r: "c", case_id="triage-00003")
    rows = changed(tuned_world(planted, 0.2), table, "cluster", lambda r: f"c{int(r['case_id'][-5:]) % 50}")
    assert failed(decide(leaky)) == []
    assert failed(decide(rows)) == ["splits"]


def test_other_cases_forbid(planted: Any) -> None:
    given = tuned_world(planted, 0.2).table
    lost = given.slice(0, given.num_rows - 1)
    assert failed(decide(lost)) == ["same_cases"]


def test_few_seeds_and_few_clusters_are_inconclusive(planted: Any) -> None:
    few = decide(tuned_world(planted, 0.2, seeds=2).table)
    assert (one(few).verdict, failed(few), one(few).plan["seeds"]) == ("INCONCLUSIVE", ["seeds"], 3)
    single = decide(tuned_world(planted, 0.2, seeds=1).table)
    assert one(single).claim("gain:few_shot").lower == -np.inf
    assert b'"lower": null' in single.to_json()
    clustered = planted(1, n=400, dev=100, size=50).prompts().add("sft", "tune", 0.2, seeds=5)
    assert failed(decide(clustered.table)) == ["clusters"]


def test_no_candidate_is_inconclusive_with_a_recommendation(planted: Any) -> None:
    verdict = decide(planted(1, n=400).prompts().add("bm25", "rag", 0.2).table)
    assert (one(verdict).verdict, failed(verdict), verdict.exit_code) == ("INCONCLUSIVE", ["candidate"], 2)
    assert (one(verdict).reasons[0].code, one(verdict).recommendation) == ("no_candidate", "rag")


def test_who_dev_chose_must_be_tested(planted: Any) -> None:
    world = planted(1, n=400).prompts().add("strong", "prompt", 0.1, splits=("dev",)).add("sft", "tune", 0.2, seeds=5)
    assert "finalists" in failed(decide(world.table))


def test_dev_chooses_and_test_does_not(planted: Any) -> None:
    world = tuned_world(planted, 0.2)
    rows = to_rows(world.add("lucky", "tune", 0.0, seeds=5))
    for row in rows:
        if row["contender"] == "lucky" and row["split"] == "test":
            row["score"] = 1.0
    verdict = decide(pa.Table.from_pylist(rows))
    assert one(verdict).contender == "sft"


def test_without_dev_every_contender_counts_and_holm_pays(planted: Any) -> None:
    world = planted(1, n=400, dev=0)
    for name in ("p1", "p2"):
        world.add(name, "prompt")
    world.add("sft", "tune", 0.2, seeds=5).add("sft2", "tune", 0.0, seeds=5)
    suite = one(decide(world.table, {"min_prompt_variants": 2}))
    assert (suite.verdict, suite.contender) == ("JUSTIFIED", "sft")
    assert {claim.contrast for claim in suite.claims if claim.name.startswith("gain:")} == {
        "sft - p1",
        "sft - p2",
        "sft2 - p1",
        "sft2 - p2",
    }


def test_an_artefact_may_have_one_seed(planted: Any) -> None:
    suite = one(decide(tuned_world(planted, 0.2, seeds=1).table, {"estimand": "artefact"}))
    assert (suite.verdict, suite.contender) == ("JUSTIFIED", "sft#0")
    assert "dies at the next training" in suite.reasons[-1].sentence
    assert suite.claim("gain:few_shot").seeds == 1


def judged(planted: Any, table: Any, *, labels: int, bias: float = 0.0) -> pa.Table:
    """A judge that favours the tuned side in ``bias`` of the cases; people who know the truth."""
    rng = np.random.default_rng(0)
    rows = to_rows(tuned_world(planted, 0.0))
    for row in rows:
        row["source"] = "judge"
    cases = sorted({row["case_id"] for row in rows if row["split"] == "test"})[:labels]
    people = [row | {"source": "human"} for row in rows if row["case_id"] in cases]
    favoured = [r | {"score": 1.0} if r["technique"] in TUNED and rng.random() < bias else r for r in rows]
    return table({key: [row[key] for row in (*favoured, *people)] for key in rows[0]})


def test_a_judge_alone_never_justifies_and_people_correct_it(planted: Any, table: Any) -> None:
    assert failed(decide(judged(planted, table, labels=20, bias=0.5))) == ["judge"]
    raw = decide(judged(planted, table, labels=0, bias=0.5), {"min_human_labels": 2})
    assert one(raw).claim("gain:few_shot").lower > 0.05
    corrected = decide(judged(planted, table, labels=150, bias=0.5), {"judge_agreement": 0.2})
    assert one(corrected).verdict != "JUSTIFIED"
    assert abs(one(corrected).claim("gain:few_shot").estimate) < 0.1
    assert failed(decide(judged(planted, table, labels=150, bias=0.9))) == ["judge"]


COST = {"requests_per_month": 100_000, "training_usd": 1000, "hosting_usd_per_month": 50}


def priced(planted: Any, gain: float, *, base: float, tuned: float) -> pa.Table:
    world = planted(5, n=1000, noise=0.1)
    for name in ("few_shot", "p1", "p2", "p3", "p4"):
        world.add(name, "prompt", 0.0 if name == "few_shot" else -0.3, cost=base)
    return world.add("sft", "tune", gain, seeds=5, cost=tuned).table


def test_the_cost_route_asks_for_money_and_no_loss(planted: Any) -> None:
    policy = {"route": "cost", "noninferiority": 0.05, "cost": COST}
    cheaper = one(decide(priced(planted, 0.0, base=0.01, tuned=0.002), policy))
    assert (cheaper.verdict, cheaper.economics["p_npv_positive"]) == ("JUSTIFIED", 1.0)
    assert cheaper.economics["break_even_requests_per_month"] == pytest.approx((1000 / 12 + 50) / 0.008)
    dearer = one(decide(priced(planted, 0.0, base=0.01, tuned=0.02), policy))
    assert (dearer.verdict, dearer.economics["break_even_requests_per_month"]) == ("NOT_JUSTIFIED", None)


def test_the_quality_route_is_refused_where_a_right_answer_has_a_price_and_it_loses(planted: Any) -> None:
    rows = priced(planted, 0.2, base=0.01, tuned=0.5)
    assert one(decide(rows, {"cost": COST})).verdict == "JUSTIFIED"
    assert one(decide(rows, {"cost": COST | {"value_per_right_answer": 0.1}})).verdict == "INCONCLUSIVE"


def test_looks_spend_little_early(planted: Any) -> None:
    rows = tuned_world(planted, 0.15, n=200).table
    assert one(decide(rows)).verdict == "JUSTIFIED"
    early = one(decide(rows, {"looks": 5, "n_max": 1000}))
    assert early.ledger["alpha"] < 0.0001
    assert early.verdict == "INCONCLUSIVE"
    assert one(decide(rows, {"looks": 5, "n_max": 200})).ledger["alpha"] == pytest.approx(0.04, abs=0.001)


def test_identical_rows_identical_bytes_in_any_order(planted: Any) -> None:
    rows = with_guard(planted, 0.02)
    expected = decide(rows, GUARDED).to_json()
    for seed in range(3):
        mixed = rows.take(np.random.default_rng(seed).permutation(rows.num_rows))
        assert decide(mixed, GUARDED).to_json() == expected


def test_paired_negates_when_swapped_and_summaries_cover_all(planted: Any) -> None:
    rows = load_rows(tuned_world(planted, 0.1).table)
    there = paired(rows, "triage", "exact_match", "sft", "few_shot", 0.05)
    back = paired(rows, "triage", "exact_match", "few_shot", "sft", 0.05)
    assert (back.estimate, back.lower, back.upper) == pytest.approx((-there.estimate, -there.upper, -there.lower))
    assert [s.contender for s in summaries(rows)] == ["bm25", "few_shot", "sft"]
    assert all(s.interval.lower < s.interval.estimate < s.interval.upper for s in summaries(rows))
    with pytest.raises(BadInput, match="unknown contender 'stf' in the rows: did you mean 'sft'"):
        paired(rows, "triage", "exact_match", "stf", "few_shot", 0.05)


def test_a_gain_on_facts_that_training_stated_is_told_from_the_rest(planted: Any) -> None:
    world = planted(1, n=400).prompts().add("sft", "tune", 0.2, seeds=5)
    tested = sorted(set(world.cases[world.split == "test"]))
    columns = world.columns
    told = set(tested[::4])
    flat = [
        0.0 if contender == "sft" and case in told and score and i % 3 else score
        for i, (contender, case, score) in enumerate(
            zip(columns["contender"], columns["case_id"], columns["score"], strict=True)
        )
    ]
    rows = pa.table(world.table).set_column(world.table.column_names.index("score"), "score", pa.array(flat))
    plain = one(decide(rows))
    known = one(decide(rows, history={"triage": History(taught={"sft": told, "other": {"x"}})}))
    assert "memory" not in plain.diagnosis
    memory = known.diagnosis["memory"]
    assert (memory.n, memory.upper < -0.1) == (400, True)
    assert (plain.verdict, plain.claims) == (known.verdict, known.claims), "it explains, and decides nothing"
    nothing = one(decide(rows, history={"triage": History(taught={"sft": set()})}))
    assert "memory" not in nothing.diagnosis


def test_diagnosis_of_a_knowledge_gap(planted: Any) -> None:
    world = tuned_world(planted, 0.0).add("gold", "probe:gold-passage", 0.3).add("eight", "probe:pass@8", 0.2)
    found = one(decide(world.table)).diagnosis
    assert found["knowledge_gap"].lower > 0.15
    assert found["retrieval_gap"].contrast == "gold - bm25"
    assert found["latent_ability"].estimate > 0.1
    assert set(found["flips"]) == {"baseline", "fixed", "broken"}
    plain = one(decide(world.table)).as_dict()["diagnosis"]
    assert plain["knowledge_gap"]["contrast"] == "gold - few_shot"


def test_the_memo_as_a_whole(planted: Any) -> None:
    lines = describe(decide(tuned_world(planted, 0.2).table))
    assert lines[0] == "triage: fine-tuning is justified; fine-tune (sft)."
    assert lines[1].startswith("  1. sft minus few_shot: ")
    assert lines[1].endswith("more than the 3.0 asked, over the hardest of 2 baselines.")
    assert lines[2].startswith("  2. Mean scores of 100: sft 81.5; few_shot 61.8, bm25 ")
    assert lines[3].startswith("  3. Beside few_shot, sft does better on ")
    assert lines[4].startswith("  What would change it: a margin above ")


def test_false_answers_are_rare_and_true_ones_are_not(planted: Any) -> None:
    """A gain at the margin is justified in at most 5 %, one of 15 points in most; 100 worlds each, 99 % bounds."""
    policy = {"min_prompt_variants": 1}

    def share(gain: float, answer: str) -> float:
        worlds = (
            planted(100 + i, n=200, dev=0).add("p", "prompt").add("sft", "tune", gain, seeds=5, seed_sd=0.02)
            for i in range(100)
        )
        return float(np.mean([one(decide(world.table, policy)).verdict == answer for world in worlds]))

    assert share(0.03, "JUSTIFIED") <= 0.05 + 2.33 * np.sqrt(0.05 * 0.95 / 100)
    assert share(0.06, "NOT_JUSTIFIED") <= 0.05 + 2.33 * np.sqrt(0.05 * 0.95 / 100)
    assert share(0.15, "JUSTIFIED") >= 0.8


def test_of_tries_the_best_counts(planted: Any, table: Any) -> None:
    """pass@1 is the mean of its repeats, pass@3 says whether any of them is right; one that failed is not measured."""
    world = tuned_world(planted, 0.0)
    tries = planted(5)
    for repeat in range(3):
        tries.add("three", "probe:pass@3", -0.3, splits=("test",), repeat=repeat)
    columns = tries.columns
    scores = np.array(columns["score"]).reshape(3, -1)
    once = {**columns, "contender": ["one"] * scores.size, "technique": ["probe:pass@1"] * scores.size}
    plain = world.columns | {"repeat": [0] * len(world.columns["score"])}
    rows = table({key: [*plain[key], *columns[key], *once[key]] for key in plain})
    found = one(decide(rows)).diagnosis["latent_ability"]
    assert found.contrast == "three - one"
    assert found.estimate == pytest.approx(scores.max(axis=0).mean() - scores.mean(), abs=0.01)
    tested = {s.contender: s.interval.estimate for s in summaries(rows)}
    assert (tested["three"], tested["one"]) == pytest.approx((scores.max(axis=0).mean(), scores.mean()), abs=0.01)


def test_a_lenient_metric_tells_form_from_skill(planted: Any, table: Any) -> None:
    """The same answers by two metrics: what the lenient one gives back is form, what is left is skill."""
    strict, lenient = planted(3).prompts(-0.2).add("sft", "tune", 0.2, seeds=3), planted(3).prompts(0.1)
    policy = {"suites": {"triage": {"metric": "exact_match", "lenient": "contains"}}}
    other = lenient.columns | {"metric": ["contains"] * len(lenient.columns["score"])}
    rows = table({key: [*strict.columns[key], *other[key]] for key in other})
    found = one(decide(rows, policy)).diagnosis
    assert found["format_loss"].contrast == "few_shot read leniently - few_shot"
    assert found["format_loss"].estimate == pytest.approx(0.3, abs=0.08)
    assert found["skill_residual"].contrast == "1 - few_shot read leniently"
    assert found["skill_residual"].estimate == pytest.approx(0.3, abs=0.08)
    assert one(decide(rows, policy)).reasons[1].sentence.endswith("part of what is missing is form.")
    with pytest.raises(
        BadInput, match=r"suites\.triage\.lenient: no row has the metric 'contain': did you mean 'contains'"
    ):
        decide(rows, {"suites": {"triage": {"metric": "exact_match", "lenient": "contain"}}})
