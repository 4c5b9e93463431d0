"""What a run would cost, before anything is paid for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.experiment import load_experiment
from harness.progress import Bill, expenses, plan_of
from harness.progress.expense import total
from harness.verdict.economics import load_prices
from tests.conftest import Project, Ran, write_rows

EXPERIMENT = 'name = "paid"\nmodels = [{models}]\nsuites = ["suites/ask"]\nbaselines = ["baselines"]\n{more}'
CASES, LONG, NEW = 10, 400, 16


def project(folder: Path, models: str, more: str = "") -> Project:
    """Ten questions of 400 characters, answers of at most 16 tokens, one prompt."""
    made = Project(folder)
    made.write("experiment.toml", EXPERIMENT.format(models=models, more=more))
    made.write("baselines/zero_shot.toml", "")
    made.write("suites/ask/suite.toml", f'metric = "exact_match"\nmax_new_tokens = {NEW}\n[prompts]\ndefault = ""\n')
    cases = [{"id": f"a{i}", "input": "x" * LONG, "reference": "y", "split": "test"} for i in range(CASES)]
    write_rows(folder / "suites" / "ask" / "cases.jsonl", cases)
    return made


def bills(folder: Path) -> tuple[Bill, ...]:
    return plan_of(load_experiment(folder / "experiment.toml")).bills


def test_a_served_model_costs_its_list_price(tmp_path: Path) -> None:
    project(tmp_path, '"openai:gpt-5.4-mini"')
    (bill,) = bills(tmp_path)
    row = load_prices().model("gpt-5.4-mini")
    assert row is not None
    asked = CASES * (LONG / 4 + 4)
    assert bill.usd == pytest.approx(asked * row.input.mode + CASES * NEW * row.output.mode)
    assert bill.said == (
        "openai:gpt-5.4-mini: at most $0.0015 for 10 answers (1,040 tokens in, 160 out; "
        "litellm 1.109.1, https://developers.openai.com/api/docs/pricing, 2026-11-22)"
    )


def test_a_price_of_ones_own_comes_first(tmp_path: Path) -> None:
    own = '{ id = "openai:gpt-5.4-mini", input_cost_per_token = 1e-6, output_cost_per_token = 2e-6 }'
    project(tmp_path, f'{own}, "openai:house"', 'prices = "own.toml"\n')
    (tmp_path / "own.toml").write_text(
        'name = "ours"\n[models.house]\ninput_cost_per_token = [1e-6, 2e-6, 3e-6]\noutput_cost_per_token = 0\n'
    )
    first, second = bills(tmp_path)
    assert first.usd == pytest.approx(1040 * 1e-6 + 160 * 2e-6)
    assert "the experiment's price" in first.said
    assert second.usd == pytest.approx(1040 * 3e-6)
    assert second.said.endswith("160 out; ours)")


def test_an_unknown_price_is_said_and_the_sum_is_not_known(tmp_path: Path) -> None:
    project(tmp_path, '"openai:gpt-5.4-mini@http://localhost:8000/v1", "openai:gpt-5.4-mini"')
    unknown, known = bills(tmp_path)
    assert unknown.usd is None
    assert "no price known: give the model input_cost_per_token and output_cost_per_token" in unknown.said
    assert total([unknown, known]) is None
    assert total([known, known]) == pytest.approx(2 * (known.usd or 0))
    assert total([]) == 0


def test_a_script_is_free(tmp_path: Path) -> None:
    project(tmp_path, '"scripted:echo"')
    assert bills(tmp_path) == ()


def test_one_price_of_two_is_refused(tmp_path: Path, harness: Callable[..., Ran]) -> None:
    made = project(tmp_path, '{ id = "openai:x", input_cost_per_token = 1e-6 }')
    ran = harness("run", made.experiment, "--dry-run")
    assert ran.code == 4
    assert "are given together or not at all" in ran.err


def test_the_dry_run_prints_them(tmp_path: Path, harness: Callable[..., Ran]) -> None:
    made = project(tmp_path, '"openai:gpt-5.4-mini"')
    said, read = harness("run", made.experiment, "--dry-run"), harness("run", made.experiment, "--dry-run", "--json")
    assert (said.code, read.code) == (0, 0)
    assert said.out.splitlines()[-1].startswith("openai:gpt-5.4-mini: at most $0.0015 for 10 answers")
    assert json.loads(read.out)["usd"] == json.loads(read.out)["bills"][0]["usd"] == pytest.approx(0.0015)


def here(price: float | None, *, pace: float | None = 0.5, policy: Any = None) -> Any:
    """A thousand local answers and 200 steps to do on one of two workers."""
    cell = SimpleNamespace(model=SimpleNamespace(id="embedded:tiny"), size=1000)
    experiment = SimpleNamespace(gpu_hour_usd=price, prices=None, folder=Path())
    matrix = SimpleNamespace(experiment=experiment, policy=SimpleNamespace(cost=policy))
    return SimpleNamespace(
        cells=(cell,), jobs=(1,), steps=200, seconds_per_trial=pace, seconds_per_step=2.0, workers=2, matrix=matrix
    )


def test_work_here_costs_its_hours_where_an_hour_has_a_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.progress.expense.gpus", lambda: 2)
    (bill,) = expenses(here(3.6))
    assert bill.usd == pytest.approx((1000 * 0.5 + 200 * 2) / 3600 * 3.6)
    assert bill.said == "this machine: $0.9 for 0.25 hours at $3.6 an hour"
    assert expenses(here(None)) == ()
    (unknown,) = expenses(here(3.6, pace=None))
    assert unknown.usd is None
    assert unknown.said.endswith("nothing was measured on this store yet")


def test_the_policys_hour_is_taken_where_the_experiment_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.progress.expense.gpus", lambda: 0)
    policy = SimpleNamespace(gpu_hour_usd=SimpleNamespace(mode=7.2))
    (bill,) = expenses(here(None, policy=policy))
    assert bill.usd == pytest.approx(900 / 2 / 3600 * 7.2)
