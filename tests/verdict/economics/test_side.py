"""What prices a request: by what the policy declares, and then by what the rows have."""

from __future__ import annotations

from typing import Any

import pytest

from harness.verdict.economics.side import UTILISATION
from tests.verdict.economics.plans import TUNED, USAGE, count

TOKENS = {"input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6}
COST = {"cost": 0.01}


def serving(**cost: Any) -> tuple[str, str]:
    usage = {"base": USAGE | COST, "tuned": TUNED | COST}
    request = count({"requests_per_month": 1000, **cost}, **usage)["request"]
    return request["baseline"]["serving"], request["tuned"]["serving"]


@pytest.mark.parametrize(
    ("cost", "how"),
    [
        ({}, ("measured", "measured")),
        (TOKENS, ("tokens", "tokens")),
        ({"gpu_hour_usd": 2}, ("measured", "measured")),
        ({"gpu_hour_usd": 2, "serving": "gpu"}, ("gpu", "gpu")),
        (TOKENS | {"tuned_gpu": "L40S"}, ("tokens", "gpu")),
        (TOKENS | {"gpu_hour_usd": 2, "tuned_serving": "gpu"}, ("tokens", "gpu")),
        (TOKENS | {"gpu_hour_usd": 2, "tuned_throughput_tokens_per_second": 900}, ("tokens", "gpu")),
        ({"gpu_hour_usd": 2, "serving": "gpu", "tuned_model": "gpt-4o"}, ("gpu", "tokens")),
        (TOKENS | {"tuned_serving": "hosted", "hosting_usd_per_month": 900}, ("tokens", "hosted")),
        (TOKENS | {"tuned_serving": "measured"}, ("tokens", "measured")),
    ],
)
def test_what_prices_a_request(cost: dict[str, Any], how: tuple[str, str]) -> None:
    assert serving(**cost) == how


def test_rows_without_tokens_fall_back_on_what_they_have() -> None:
    found = count({"requests_per_month": 1000, **TOKENS}, base=COST, tuned=COST)
    assert found["request"]["baseline"]["serving"] == "measured"


def test_tokens_cost_their_prices() -> None:
    found = count({"requests_per_month": 1000, **TOKENS, "tuned_model": "gpt-4o"})
    assert found["request"]["baseline"]["parts"] == pytest.approx({"input tokens": 9e-4, "output tokens": 2.4e-4})
    assert found["usd_per_request_baseline"] == pytest.approx(1.14e-3)
    assert found["usd_per_request_tuned"] == pytest.approx(120 * 2.5e-6 + 40 * 1e-5)


def test_gpu_time_is_divided_by_a_utilisation_that_is_never_one_unless_said() -> None:
    given: dict[str, Any] = {"requests_per_month": 1000, "gpu_hour_usd": 3.6}
    found = count(given)
    assert found["usd_per_request_tuned"] == pytest.approx(0.08 / 3600 * 3.6 / UTILISATION.mode)
    shown = next(row for row in found["inputs"] if row["input"] == "utilisation")
    assert (shown["low"], shown["high"], shown["default"]) == (0.04, 0.4, True)
    assert "arXiv 2606.11690" in shown["source"]
    assert any("fills less than one GPU" in note for note in found["notes"])
    full = count(given | {"utilisation": 1})
    assert full["usd_per_request_tuned"] == pytest.approx(0.08 / 3600 * 3.6)
    assert full["draws"] == 1


def test_a_declared_throughput_replaces_the_seconds_of_the_rows() -> None:
    found = count(
        {"requests_per_month": 1000, "gpu_hour_usd": 3.6, "utilisation": 0.5, "throughput_tokens_per_second": 400}
    )
    assert found["usd_per_request_tuned"] == pytest.approx(40 / 400 / 3600 * 3.6 / 0.5)


def test_a_tuned_side_priced_like_the_base_is_said() -> None:
    found = count({"requests_per_month": 1000, **TOKENS, "gpu_hour_usd": 2})
    assert found["notes"][0].startswith(
        "sft is priced per token like bm25; tuned_serving = 'gpu' prices it by GPU time"
    )
