"""What must not matter to a verdict, and what must matter in one direction only, on rows that hypothesis draws.

Identical input gives identical bytes, in whatever order rows, columns and histories come; names of contenders are only
names; a tuned answer that turns from wrong to right never makes the verdict worse; a later look never makes it better;
swapping the sides negates the claim.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.verdict import SuiteVerdict, decide, load_rows, paired
from harness.verdict.lock import Change, History, Lock, Look

RANK = {"INVALID": 0, "NOT_JUSTIFIED": 1, "INCONCLUSIVE": 2, "JUSTIFIED": 3}
POLICY = {"min_prompt_variants": 1, "min_clusters": 2}
FEW = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Rows of a prompt, a RAG and a tuned contender with 3 seeds on 12 to 30 test cases, some in clusters."""
    n, gain = draw(st.integers(12, 30)), draw(st.sampled_from([0.0, 0.3, 0.6, 0.9]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    size = draw(st.integers(1, 3))
    rows: dict[str, list[Any]] = {key: [] for key in ("contender", "technique", "training_seed", "case_id", "score")}
    for contender, technique, seeds, level in (
        ("plain", "prompt", [None], 0.1),
        ("bm25", "rag", [None], 0.1),
        ("sft", "tune", [1, 2, 3], 0.1 + gain),
    ):
        for seed in seeds:
            rows["contender"] += [contender] * n
            rows["technique"] += [technique] * n
            rows["training_seed"] += [seed] * n
            rows["case_id"] += [f"c{i:02d}" for i in range(n)]
            rows["score"] += (rng.random(n) < level).astype(float).tolist()
    rows["cluster"] = [f"k{int(case[1:]) // size}" for case in rows["case_id"]]
    count = len(rows["score"])
    return {**rows, "suite": ["s"] * count, "metric": ["em"] * count, "split": ["test"] * count}


def table(columns: dict[str, list[Any]]) -> pa.Table:
    return pa.table({key: pa.array(v, pa.int64() if key == "training_seed" else None) for key, v in columns.items()})


def answer(columns: dict[str, list[Any]], **known: Any) -> SuiteVerdict:
    return decide(table(columns), POLICY, **known).suites["s"]


looks = st.builds(
    Look,
    rows=st.text("abc", min_size=1, max_size=4),
    cases=st.integers(2, 500),
    alpha=st.floats(0.001, 0.05),
    planned=st.booleans(),
    looks=st.just(1),
    n_max=st.none(),
)
locks = st.none() | st.builds(
    Lock, when=st.just("2026-11-20 09:00 UTC"), late=st.booleans(), changes=st.just((Change("margin", 0.03, 0.01),)) | st.just(())
)  # fmt: skip
known_histories = st.builds(History, looks=st.lists(looks, max_size=4).map(tuple), lock=locks)


@FEW
@given(tables(), st.randoms(use_true_random=False), known_histories)
def test_identical_input_identical_bytes_in_any_order(columns: Any, random: Any, history: History) -> None:
    expected = decide(table(columns), POLICY, history={"s": history}).to_json()
    order = list(range(len(columns["score"])))
    random.shuffle(order)
    keys = list(columns)
    random.shuffle(keys)
    mixed = {key: [columns[key][i] for i in order] for key in keys}
    known = {"another": History(), "s": History(history.looks, history.lock)}
    assert decide(table(mixed), POLICY, history=known).to_json() == expected


@FEW
@given(tables())
def test_names_are_only_names(columns: Any) -> None:
    renamed = {
        **columns,
        "contender": [{"plain": "zz", "bm25": "aa", "sft": "mm"}[name] for name in columns["contender"]],
    }
    was, now = answer(columns), answer(renamed)
    assert (was.verdict, was.recommendation, was.ledger) == (now.verdict, now.recommendation, now.ledger)
    assert sorted(c.lower for c in was.claims if c.name[:5] == "gain:") == pytest.approx(
        sorted(c.lower for c in now.claims if c.name[:5] == "gain:")
    )


@FEW
@given(tables(), st.data())
def test_a_tuned_answer_made_right_never_hurts(columns: Any, data: Any) -> None:
    wrong = [i for i, c in enumerate(columns["contender"]) if c == "sft" and columns["score"][i] == 0.0]
    if not wrong:
        return
    better = {**columns, "score": list(columns["score"])}
    better["score"][data.draw(st.sampled_from(wrong))] = 1.0
    number = data.draw(st.integers(1, 3))
    assert RANK[answer(better, look=number).verdict] >= RANK[answer(columns, look=number).verdict]


@FEW
@given(tables(), st.integers(1, 6), st.integers(1, 6))
def test_a_later_look_claims_nothing_that_an_earlier_one_does_not(columns: Any, first: int, more: int) -> None:
    early, late = answer(columns, look=first), answer(columns, look=first + more)
    assert late.ledger["alpha"] < early.ledger["alpha"]
    assert late.verdict in (early.verdict, "INCONCLUSIVE")
    for was, now in zip(early.claims, late.claims, strict=True):
        assert was.estimate == now.estimate
        assert now.lower <= was.lower or now.alpha == was.alpha


@FEW
@given(tables(), known_histories)
def test_reading_again_is_no_further_look(columns: Any, history: History) -> None:
    first = answer(columns, history={"s": history})
    noted = Look(**{key: first.ledger[key] for key in ("rows", "cases", "alpha", "planned", "looks", "n_max")})
    again = answer(columns, history={"s": History((*history.looks, noted), history.lock)})
    assert again.as_dict() == first.as_dict()


@FEW
@given(tables())
def test_swapping_the_sides_negates_the_claim(columns: Any) -> None:
    rows = load_rows(table(columns))
    there, back = paired(rows, "s", "em", "sft", "plain"), paired(rows, "s", "em", "plain", "sft")
    assert (back.estimate, back.lower, back.upper) == pytest.approx((-there.estimate, -there.upper, -there.lower))
