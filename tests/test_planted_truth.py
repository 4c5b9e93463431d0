"""The verdict on planted worlds, in short: seeds are fixed, and an error rate that is clearly broken fails.

``python benchmarks/planted_truth.py`` is the long form. A rate fails here when its count would come up once in ten
thousand runs of a procedure that only just keeps the promise.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from benchmarks.planted import leaks, texts
from benchmarks.planted.catalogue import BY_NAME, CATALOGUE, plain
from benchmarks.planted.goals import judged, mark
from benchmarks.planted.page import page, tables
from benchmarks.planted.properties import CHECKS, NAME, properties
from benchmarks.planted.ranges import FAMILIES
from benchmarks.planted.rows import drawn
from benchmarks.planted.rules import BEST_MCNEMAR, HIGHER, mcnemar, paired_t
from benchmarks.planted.trial import Tally, trials
from benchmarks.planted.world import GUARD, TASK, Contender, World
from harness.data.surprise import Surprise, surprise_of
from harness.stats import Moments, crossed

ROOT = Path(__file__).parent.parent
SEED = 20261122
UNLIKELY = 1e-4


def tally_of(name: str, count: int, **changes: Any) -> Tally:
    return trials(replace(BY_NAME[name].source, **changes), seed=SEED, first=0, count=count)


def too_often(count: int, n: int, bound: float) -> bool:
    return bool(stats.binomtest(count, n, bound, alternative="greater").pvalue < UNLIKELY)


def too_rarely(count: int, n: int, bound: float) -> bool:
    return bool(stats.binomtest(count, n, bound, alternative="less").pvalue < UNLIKELY)


UNJUSTIFIED = {
    "true null": 60,
    "seed lottery": 60,
    "leak": 20,
    "weak default prompt": 10,
    "missing outputs": 10,
    "general drop": 40,
    "biased judge, at the margin": 80,
    "biased judge, one seed graded": 80,
    "margin, 400 cases, 3 seeds, SD 4, clusters of 1": 150,
    "margin, 100 cases, 5 seeds, SD 2, clusters of 10": 150,
    "margin, one source of half the cases": 150,
    "margin, three recipes, no dev": 60,
    "margin, five recipes, 3 seeds": 100,
}


@pytest.mark.parametrize("name", UNJUSTIFIED)
def test_a_false_justified_is_rare(name: str) -> None:
    tally = tally_of(name, UNJUSTIFIED[name])
    assert tally["unjustified"] == tally["draws"] == UNJUSTIFIED[name]
    assert not too_often(tally["false:JUSTIFIED"], tally["draws"], 0.05), tally


@pytest.mark.parametrize(
    "name", ["clear, 100 cases, 3 seeds, SD 4", "clear, 400 cases, 5 seeds, SD 0", "clear, clusters of 10"]
)
def test_a_false_not_justified_is_rare(name: str) -> None:
    tally = tally_of(name, 100)
    assert tally["clear"] == 100
    assert not too_often(tally["false:NOT_JUSTIFIED"], 100, 0.05), tally


def test_intervals_cover() -> None:
    tally = tally_of("margin, 400 cases, 5 seeds, SD 2, clusters of 1", 200) + tally_of("knowledge gap", 50)
    assert tally["gain:intervals"] > 250
    assert not too_rarely(tally["gain:covered"], tally["gain:intervals"], 0.87), tally
    assert not too_often(tally["gain:covered"], tally["gain:intervals"], 0.96), tally


@pytest.mark.parametrize(
    ("name", "least"), [("gain +8, 800 cases", 0.8), ("gain +10, 400 cases", 0.8), ("gain +15, 200 cases", 0.9)]
)
def test_a_large_gain_is_seen(name: str, least: float) -> None:
    tally = tally_of(name, 60)
    assert not too_rarely(tally["answer:JUSTIFIED"], 60, least), tally


@pytest.mark.parametrize("name", [entry.name for entry in CATALOGUE if "G5" in entry.goals])
def test_the_right_remedy_is_named(name: str) -> None:
    tally = tally_of(name, 30)
    assert not too_rarely(tally["right remedy"], 30, 0.9), tally


def test_five_looks_err_no_more_than_one() -> None:
    tally = tally_of("five looks, 5 seeds, SD 0", 60)
    assert not too_often(tally["false:JUSTIFIED"], 60, 0.05), tally


def test_nothing_depends_on_order_or_names_and_sides_negate() -> None:
    tally = properties(seed=SEED, first=0, count=15)
    assert {check: tally[f"changed:{check}"] for check in ("bytes", "order", "cases", "swap")} == dict.fromkeys(
        ("bytes", "order", "cases", "swap"), 0
    )
    assert tally["flip"] >= 10
    assert tally["changed:flip"] + tally["changed:flip all"] <= 2


def test_the_leak_detector_sees_copies_and_no_templates() -> None:
    tally = leaks.leaks(seed=SEED, first=0, count=8)
    for kind in (kind for kind, copy in leaks.COPIES.items() if copy.promised):
        assert not too_rarely(tally[f"found:{kind}"], tally[f"planted:{kind}"], 0.95), kind
    for kind in (*leaks.CLEAN, "prose"):
        assert tally[f"clean:{kind}"] > 100
        assert not too_often(tally[f"false:{kind}"], tally[f"clean:{kind}"], 0.01), kind


def every_word_alike(grams: Any, **sizes: int) -> Surprise:
    found = surprise_of(grams, **sizes)
    return replace(found, bits=np.full_like(found.bits, 9.0))


def test_a_detector_that_takes_templates_for_copies_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.data.leakage.surprise_of", every_word_alike)
    tally = leaks.leaks(seed=SEED, first=5, count=1)
    assert too_often(tally["false:letters"], tally["clean:letters"], 0.01), tally


def test_edits_are_as_many_as_was_said() -> None:
    rng = random.Random(1)
    text = texts.prose(rng, 50)
    kept = [
        len(set(texts.edited(text, 0.1, rng).split()) & set(text.split())) / len(set(text.split())) for _ in range(50)
    ]
    assert 0.88 < sum(kept) / 50 < 0.97
    assert abs(len(texts.edited(text, 0.1, rng).split()) - 50) <= 5


def without_seeds(differences: np.ndarray, clusters: Any = None, **options: Any) -> Moments:
    return crossed(np.atleast_2d(differences).mean(axis=0), clusters, **options)


def test_a_procedure_that_forgets_the_seeds_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.verdict.board.crossed", without_seeds)
    tally = tally_of("margin, 1000 cases, 3 seeds, SD 4, clusters of 1", 100)
    assert too_often(tally["false:JUSTIFIED"], 100, 0.05), tally


def test_a_procedure_that_is_never_sure_is_caught() -> None:
    tally = tally_of("gain +10, 400 cases", 30, policy={"alpha": 1e-6})
    assert too_rarely(tally["answer:JUSTIFIED"], 30, 0.8), tally


def test_rules_in_common_use_err_on_the_same_draws() -> None:
    tally = tally_of("seed lottery", 60)
    assert tally[f"rule:{HIGHER}"] > 40
    assert tally[f"rule:{BEST_MCNEMAR}"] > 15


def test_mcnemar_and_the_paired_t_test_match_the_textbooks() -> None:
    rng = np.random.default_rng(4)
    ours, theirs = (rng.random(80) < 0.7).astype(float), (rng.random(80) < 0.5).astype(float)
    wins, losses = int(((ours - theirs) > 0).sum()), int(((ours - theirs) < 0).sum())
    assert mcnemar(ours - theirs) == pytest.approx(reference_mcnemar([[0, wins], [losses, 0]], exact=True).pvalue)
    assert paired_t(ours - theirs) == pytest.approx(stats.ttest_rel(ours, theirs).pvalue)
    assert (mcnemar(np.zeros(5)), paired_t(np.zeros(5))) == (1.0, 1.0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cluster": 7, "uneven": True},
        {"tail": "t3", "seed_sd": 0.04},
        {"tail": "collapse", "seed_sd": 0.04},
        {"graded": 4},
    ],
)
def test_a_level_is_what_the_answers_come_to(changes: Mapping[str, Any]) -> None:
    world = replace(plain("levels", "", 0.1, base=0.7, cases=2000, seeds=4), **changes)
    means = [drawn(world, np.random.default_rng(i)).test("sft").mean() for i in range(60)]
    assert np.mean(means) == pytest.approx(0.8, abs=4 * np.std(means) / np.sqrt(60))


def test_a_draw_plants_what_the_world_says() -> None:
    leak = drawn(replace(BY_NAME["leak"].source, cases=4000), np.random.default_rng(1))
    assert leak.test("sft")[:, leak.flagged[leak.world.dev :]].mean() == pytest.approx(0.97, abs=0.02)
    assert leak.flagged.mean() == pytest.approx(0.3 * 0.95 + 0.7 * 0.01, abs=0.03)
    judged_ = drawn(replace(BY_NAME["biased judge"].source, cases=4000, seed_sd=0.0), np.random.default_rng(2))
    truth = judged_.answers[TASK, "sft", 1.0][:, judged_.world.dev :]
    seen, base = judged_.test("sft"), judged_.test("few_shot")
    assert truth.mean() == pytest.approx(0.6, abs=0.03)
    assert seen.mean() - base.mean() == pytest.approx(0.1, abs=0.03)
    half = drawn(replace(BY_NAME["margin, one source of half the cases"].source, cases=100), np.random.default_rng(3))
    counts = Counter(half.table().filter(half.table()["split"].to_numpy() == "test")["cluster"].to_pylist())
    assert counts.most_common(1)[0][1] == 50 * 6


def world_of(*contenders: Contender, **more: Any) -> World:
    return World("made", contenders, **more)


def test_the_right_answer_comes_from_the_levels() -> None:
    prompt, rag = Contender("p", "prompt", 0.6), Contender("r", "rag", 0.7)
    assert world_of(prompt, Contender("t", "tune", 0.63)).justified is False
    assert world_of(prompt, Contender("t", "tune", 0.64)).justified is True
    assert world_of(prompt, Contender("t", "tune", 0.7), untried=0.68).justified is False
    assert world_of(prompt, Contender("t", "tune", 0.7, guard=0.47), guard=0.5).justified is False
    assert world_of(prompt, rag, Contender("t", "tune", 0.7)).remedy == "rag"
    assert world_of(prompt, Contender("c", "constrain", 0.7), rag, Contender("t", "tune", 0.7)).remedy == "constrain"
    assert (
        world_of(prompt, rag, Contender("t", "tune", 0.74), Contender("b", "tune+rag", 0.78)).remedy == "fine-tune+rag"
    )
    assert world_of(prompt, rag, Contender("t", "tune", 0.74), Contender("b", "tune+rag", 0.76)).remedy == "fine-tune"
    assert world_of(prompt, Contender("t", "tune", 0.6, slope=0.02)).remedy == "collect-data"
    assert world_of(prompt, Contender("t", "tune", 0.6, slope=0.01)).remedy == "prompt"


def test_families_stay_in_their_ranges() -> None:
    worlds = [family.draw(np.random.default_rng(i)) for i in range(200) for family in FAMILIES]
    assert all(30 <= w.cases <= 1000 and 3 <= w.seeds <= 5 and 0 <= w.seed_sd <= 0.04 for w in worlds)
    assert all(0 < c.level < 1 for w in worlds for c in w.contenders)
    assert all(-0.05 <= w.gain("sft") <= 0.15 for w in worlds)
    assert {w.gain("sft") for w in worlds if w.name == "drawn, at the margin"} == {0.03}
    assert not any(w.justified for w in worlds if w.name == "drawn, at the margin")
    assert {w.guard is not None for w in worlds} == {True, False}
    assert GUARD in worlds[[w.guard is not None for w in worlds].index(True)].declared["suites"]


def test_the_number_of_chunks_changes_nothing() -> None:
    world = BY_NAME["true null"].source
    assert trials(world, seed=3, first=0, count=4) == trials(world, seed=3, first=0, count=1) + trials(
        world, seed=3, first=1, count=3
    )
    family = BY_NAME["drawn"].source
    assert trials(family, seed=3, first=0, count=8) == trials(family, seed=3, first=0, count=3) + trials(
        family, seed=3, first=3, count=5
    )


def test_the_command_counts_what_one_process_counts(tmp_path: Path) -> None:
    command = [
        "benchmarks/planted_truth.py",
        "--worlds",
        "true null",
        "--replicates",
        "60",
        "--seed",
        "5",
        "--out",
        tmp_path,
    ]
    ran = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True)
    kept = json.loads((tmp_path / "planted_truth.json").read_text())
    assert kept["tallies"] == {"true null": dict(trials(BY_NAME["true null"].source, seed=5, first=0, count=60))}
    assert (tmp_path / "planted_truth.md").read_text() in ran.stdout
    wrong = subprocess.run(
        [sys.executable, "benchmarks/planted_truth.py", "--worlds", "nowhere"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no world's name holds 'nowhere'; there are: true null, " in wrong.stderr


def result_of(**tallies: Mapping[str, int]) -> dict[str, Any]:
    about = {"date": "2026-11-22", "minutes": 3.2, "machine": "2 cores", "versions": {"Python": "3.11"}}
    return {"command": "python it", "replicates": 2000, "seed": 1, "about": about, "tallies": tallies}


def test_marks_are_met_or_missed() -> None:
    assert mark(0.05, 2000) == pytest.approx(0.05 + 1.645 * np.sqrt(0.05 * 0.95 / 2000))
    fine, bad = (
        {"draws": 2000, "unjustified": 2000, "false:JUSTIFIED": 116},
        {"draws": 2000, "unjustified": 2000, "false:JUSTIFIED": 117},
    )
    for tally, passed in ((fine, True), (bad, False)):
        (row,) = judged({"true null": Counter(tally)})
        assert (row.goal, row.passed, row.mark) == ("G1", passed, "≤ 5.8%")
    strong = {"gain +15, 200 cases": Counter({"draws": 100, "answer:JUSTIFIED": 85})}
    assert [(row.goal, row.mark, row.passed) for row in judged(strong)] == [("G4 +15", "≥ 90%", False)]


def test_the_page_says_what_was_missed() -> None:
    tallies = {
        "true null": {
            "draws": 2000,
            "unjustified": 2000,
            "false:JUSTIFIED": 400,
            "answer:JUSTIFIED": 400,
            "justified": 400,
        },
        "leak": {"draws": 2000, "unjustified": 2000, "answer:INVALID": 2000},
        NAME: dict.fromkeys(CHECKS, 100) | {"changed:flip": 1},
    }
    text = page(result_of(**tallies))
    assert (
        "| G1 | false JUSTIFIED ≤ 5 % in every world where it is not | 2 | true null | 20.0% | ≤ 5.8% | 2,000 | **MISSED** in 1 of 2 |"
        in text
    )
    assert "| G1 | true null | tuning changes nothing; seed SD 1 pt | 20.0% | ≤ 5.8% | 2,000 |" in text
    assert "flip: 1 of 100" in text
    assert (
        "| leak | 30 % of the test cases were trained on; 95 % of them are flagged | 0.0 | 0.0 | 0.0 | 100.0 | 0.0 | 0.0 |  |"
        in text
    )
    assert "| G8 | the leak detector | | not run | | | | |" in text
    assert "**20.0%**" in tables(result_of(**tallies))
    seen = {f"planted:{kind}": 100 for kind in leaks.COPIES} | {f"found:{kind}": 95 for kind in leaks.COPIES}
    false = {f"clean:{kind}": 200 for kind in leaks.CLEAN} | {"false:tickets": 3}
    measured = page(result_of(**{leaks.NAME: seen | false}))
    assert "| 9 | verbatim, 8 words | 95.0% | ≥ 95% | 100 | PASS |" in measured
    assert "| 8 | tickets | 1.5% | ≤ 1% | 200 | **MISSED** in 1 of 8 |" in measured
    assert "| 20 % edited, 25 words | 95.0% | 100 |  |" in measured
    kept = page(result_of(leak=tallies["leak"]))
    assert "No mark was missed in this run." in kept
    told = page(result_of(leak=tallies["leak"], **{NAME: tallies[NAME]}))
    assert "No mark of a world was missed in this run; what fails of G7 is told below." in told
