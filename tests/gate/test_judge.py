"""Gates on small tables: what is shown, what is lost, and what a sample of this size cannot say."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from harness.errors import Incomplete
from harness.gate.judge import judge
from harness.suite import Gate
from harness.verdict import load_rows
from harness.verdict.board import Board, load_board


def board(
    score: Callable[[str, int, int | None], float], *, n: int = 100, seeds: int = 3, estimand: str = "recipe"
) -> Board:
    """Contender ``base`` and ``sft`` with ``seeds`` trainings on ``n`` cases; ``score(contender, case, seed)``."""
    fielded = [("base", "prompt", None), *(("sft", "tune", seed) for seed in range(seeds))]
    rows = [
        {
            "suite": "s",
            "contender": name,
            "technique": technique,
            "metric": "m",
            "case_id": f"c{i:03}",
            "training_seed": seed,
            "split": "test",
            "score": score(name, i, seed),
        }
        for name, technique, seed in fielded
        for i in range(n)
    ]
    schema = pa.schema(
        [(k, pa.string()) for k in ("suite", "contender", "technique", "metric", "case_id")]
        + [("training_seed", pa.int64()), ("split", pa.string()), ("score", pa.float64())]
    )
    return load_board(load_rows(pa.Table.from_pylist(rows, schema=schema)), "s", "m", estimand=estimand)


def right(share: int) -> Callable[[str, int, int | None], float]:
    """``base`` is right on half of the cases, ``sft`` on ``share`` of 10."""
    return lambda name, i, seed: float(i % 2) if name == "base" else float(i % 10 < share)


def test_the_lower_end_decides() -> None:
    scores = board(right(9))
    lower = judge(Gate(name="g", minimum=0.5), scores, "sft", alpha=0.05).interval.lower
    assert lower < 0.9
    assert judge(Gate(name="g", minimum=lower), scores, "sft", alpha=0.05).passed
    assert not judge(Gate(name="g", minimum=lower + 1e-9), scores, "sft", alpha=0.05).passed


def test_a_gain_must_exceed_its_margin() -> None:
    scores = board(right(9))
    lower = judge(Gate(name="g", over="base"), scores, "sft", alpha=0.05).interval.lower
    assert 0.2 < lower < 0.4
    assert not judge(Gate(name="g", over="base", margin=lower), scores, "sft", alpha=0.05).passed
    assert judge(Gate(name="g", over="base", margin=lower - 1e-9), scores, "sft", alpha=0.05).passed


def test_two_claims_in_one_gate_must_both_hold() -> None:
    gate = Gate(name="g", minimum=0.7, over="base", margin=0.6)
    outcome = judge(gate, board(right(9)), "sft", alpha=0.05)
    assert not outcome.passed
    assert outcome.sentence.startswith("lost: m of sft over base, paired, is +0.400") or "not shown" in outcome.sentence


@pytest.mark.parametrize(
    ("share", "minimum", "said"),
    [
        (9, 0.7, "shown: m of sft is 0.900, at least 0."),
        (9, 0.89, "in all), if 0.900 is the truth"),
        (9, 0.91, "More cases can show it only if the truth is better than what was seen"),
        (5, 0.9, "lost: m of sft is 0.500, at most 0."),
    ],
)
def test_the_sentence_says_which_way(share: int, minimum: float, said: str) -> None:
    assert said in judge(Gate(name="g", minimum=minimum), board(right(share)), "sft", alpha=0.05).sentence


def test_trainings_that_differ_need_trainings_not_cases() -> None:
    def uneven(name: str, i: int, seed: int | None) -> float:
        return 1.0 if name == "base" or i % 10 < (5, 10, 10)[seed or 0] else 0.0

    outcome = judge(Gate(name="g", minimum=0.7), board(uneven), "sft", alpha=0.05)
    assert not outcome.passed
    assert "trainings differ too much: it needs about" in outcome.sentence


def test_one_training_says_nothing_about_the_next() -> None:
    outcome = judge(Gate(name="g", minimum=0.1), board(right(9), seeds=1), "sft", alpha=0.05)
    assert not outcome.passed
    assert "One training seed says nothing about the next training" in outcome.sentence


def test_every_artefact_must_hold() -> None:
    def last_is_bad(name: str, i: int, seed: int | None) -> float:
        return float(i % 10 < (3 if seed == 2 else 9))

    scores = board(last_is_bad, estimand="artefact")
    outcome = judge(Gate(name="g", minimum=0.6), scores, "sft", alpha=0.05)
    assert not outcome.passed
    assert "m of sft#2 is 0.300" in outcome.sentence


def test_the_worst_cases_name_the_worst_seed() -> None:
    def one_bad(name: str, i: int, seed: int | None) -> float:
        return 0.0 if (i, seed) == (7, 1) else 1.0

    outcome = judge(Gate(name="g", minimum=0.99), board(one_bad), "sft", alpha=0.05)
    assert [(worst.case, worst.seed) for worst in outcome.worst] == [(7, 1)]
    assert outcome.worst[0].score == pytest.approx(2 / 3)


def test_a_contender_without_rows_is_no_loss() -> None:
    with pytest.raises(Incomplete, match="no test rows of contender 'dpo' on suite 's'"):
        judge(Gate(name="g", minimum=0.1), board(right(9)), "dpo", alpha=0.05)
