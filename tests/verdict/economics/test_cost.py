"""The ``[cost]`` table: prices by name, what must go together, and every refusal with its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.fingerprint import fingerprint
from harness.verdict import load_policy
from harness.verdict.economics import CostPolicy, load_prices
from harness.verdict.economics.cost import NAMES, UNITS

OWN = """
date = 2026-10-01
[models.house]
input_cost_per_token = [1e-7, 2e-7, 4e-7]
output_cost_per_token = { value = 8e-7, source = "offer 12" }
source = "our own server"
[models."gpt-5.4-mini"]
input_cost_per_token = 1e-9
output_cost_per_token = 1e-9
[gpus.shed]
usd_per_hour = 0.4
"""


def cost(**given: Any) -> CostPolicy:
    found = load_policy({"cost": {"requests_per_month": 1000, **given}}).cost
    assert found is not None
    return found


def test_a_model_brings_its_prices_with_source_and_date() -> None:
    made = cost(model="gpt-5.4-mini", tuned_model="ft:gpt-4.1-mini-2025-04-14", gpu="h100", tuned_gpu="L40S")
    row = load_prices().model("gpt-5.4-mini")
    assert row is not None
    assert made.input_cost_per_token == row.input
    assert made.input_cost_per_token.source == "litellm 1.109.1, https://developers.openai.com/api/docs/pricing"
    assert (made.input_cost_per_token.date, made.input_cost_per_token.unit) == ("2026-11-22", "USD/token")
    assert made.tuned_output_cost_per_token is not None
    assert "retired on 2027-01-14" in (made.tuned_output_cost_per_token.source or "")
    assert made.gpu_hour_usd is not None
    assert made.gpu_hour_usd.low < made.gpu_hour_usd.mode < made.gpu_hour_usd.high
    assert made.tuned_gpu_hour_usd != made.gpu_hour_usd


def test_what_the_policy_says_itself_wins() -> None:
    made = cost(model="gpt-5.4-mini", output_cost_per_token=1e-6)
    assert made.output_cost_per_token is not None
    assert made.output_cost_per_token.mode == 1e-6
    assert made.input_cost_per_token == cost(model="gpt-5.4-mini").input_cost_per_token
    assert cost(model="no-such", input_cost_per_token=1e-6, output_cost_per_token=1e-6).model == "no-such"


def test_a_list_of_ones_own_lies_beside_the_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "own.toml").write_text(OWN)
    policy = tmp_path / "deep" / "policy.toml"
    policy.write_text(
        '[cost]\nrequests_per_month = 9\nmodel = "house"\ntuned_model = "gpt-5.4-mini"\ngpu = "shed"\nprices = "own.toml"\n'
    )
    monkeypatch.chdir(tmp_path)
    made = load_policy(policy).cost
    assert made is not None
    assert made.input_cost_per_token is not None
    assert (made.input_cost_per_token.low, made.input_cost_per_token.high) == (1e-7, 4e-7)
    assert (made.input_cost_per_token.source, made.input_cost_per_token.date) == ("our own server", "2026-10-01")
    assert made.output_cost_per_token is not None
    assert made.output_cost_per_token.source == "offer 12"
    assert made.tuned_input_cost_per_token is not None
    assert made.tuned_input_cost_per_token.mode == 1e-9
    assert made.gpu_hour_usd is not None
    assert made.gpu_hour_usd.mode == 0.4


def test_the_hash_covers_the_prices_and_not_where_their_list_lies(tmp_path: Path) -> None:
    hashes = []
    for folder, text in (("a", OWN), ("b", OWN), ("c", OWN.replace("4e-7", "5e-7"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.toml").write_text(text)
        (tmp_path / folder / "p.toml").write_text(
            '[cost]\nrequests_per_month = 9\nmodel = "house"\nprices = "own.toml"\n'
        )
        hashes.append(fingerprint(load_policy(tmp_path / folder / "p.toml").model_dump(mode="json")))
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"model": "gpt-5.4-mimi"}, "policy: cost: model: unknown model 'gpt-5.4-mimi': did you mean 'gpt-5.4-mini'?"),
        (
            {"tuned_model": "zzz"},
            "tuned_model: unknown model 'zzz': not in the price list: give tuned_input_cost_per_token",
        ),
        ({"gpu": "H1000"}, "gpu: unknown GPU 'H1000': did you mean 'H100'?"),
        ({"prices": "none.toml", "model": "x"}, "none.toml: no such file"),
        ({"requests_per_month": 0}, "cost.requests_per_month: given 0: more than 0 is asked"),
        ({"utilisation": 1.2}, "cost.utilisation: given 1.2 to 1.2: a share in (0, 1]"),
        ({"utilisation": [0, 0.1, 0.2]}, "a share in (0, 1] is asked"),
        ({"growth_per_month": 5}, "a share over -1 and up to 1 is asked, 0.02 for 2 %"),
        ({"hosting_usd_per_month": -1}, "cost.hosting_usd_per_month: given -1: 0 or more is asked"),
        ({"input_cost_per_token": 0.25, "output_cost_per_token": 1e-6}, "for 0.25 USD a million tokens write 2.5e-07"),
        (
            {"tuned_input_cost_per_token": 1e-6},
            "tuned_input_cost_per_token and tuned_output_cost_per_token are given tog",
        ),
        ({"labels": 10}, "labels needs label_usd"),
        ({"engineering_hours": [1, 2, 3]}, "engineering_hours needs engineering_usd_per_hour"),
        ({"training_runs": 3}, "training_runs needs training_gpu_hours"),
        ({"training_runs": 3, "training_gpu_hours": 1}, "training_runs needs gpu_hour_usd or gpu"),
        ({"retrain_usd": [1, 2, 3]}, "retrain_usd needs retrain_months"),
        ({"tuned_serving": "hosted"}, "tuned_serving 'hosted' needs hosting_usd_per_month"),
        ({"serving": "hosted"}, "serving 'hosted' needs baseline_hosting_usd_per_month"),
        ({"serving": "cloud"}, "cost.serving: given 'cloud'"),
        ({"requests": 3}, "cost.requests: unknown key"),
    ],
)
def test_what_is_refused(given: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_policy({"cost": {"requests_per_month": 1000, **given}})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_number_has_a_unit() -> None:
    plain = {name for name in NAMES if name not in UNITS}
    assert plain == {"evaluation_usd", "training_usd", "retrain_usd"}
