"""The snapshot says where each price is from, and a user's own list comes before it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.verdict.economics import load_prices


def test_every_row_has_source_and_date() -> None:
    found = load_prices()
    assert found.name == "litellm 1.109.1"
    assert found.date is not None
    assert len(found.models) > 50
    assert len(found.gpus) >= 8
    for name in found.models:
        row = found.model(name)
        assert row is not None
        assert (row.source or "").startswith("litellm 1.109.1")
        assert row.until is None or date.fromisoformat(row.until) > date.fromisoformat(found.date)
        assert 0 < row.input.mode <= row.output.mode < 1e-3
        assert row.output.date == "2026-11-22"
    for name in found.gpus:
        card = found.gpu(name)
        assert card is not None
        assert card.hour.source
        assert date.fromisoformat(card.hour.date or "")
        assert 0 < card.hour.low <= card.hour.mode <= card.hour.high < 20


def test_names_of_an_experiment_are_found_too() -> None:
    found = load_prices()
    assert found.model("openai:gpt-5.4-mini") == found.model("gpt-5.4-mini")
    assert found.model("ft:gpt-4.1-mini-2025-04-14") is not None
    assert found.model("mistral:gpt-5.4-mini") is None
    assert found.gpu("h100") == found.gpu("H100")


def test_a_list_of_ones_own_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('name = "ours"\n[models."gpt-5.4-mini"]\ninput_cost_per_token = 0\noutput_cost_per_token = 0\n')
    found = load_prices(own)
    ours, other = found.model("gpt-5.4-mini"), found.model("gpt-4o")
    assert ours is not None
    assert (ours.input.mode, ours.date) == (0.0, None)
    assert other == load_prices().model("gpt-4o")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[models.a]\ninput_cost_per_token = 1e-6\n", "models.a.output_cost_per_token: missing"),
        ("[models.a]\ninput_cost_per_token = 3\noutput_cost_per_token = 9\n", "for 3 USD a million tokens write 3e-06"),
        ("[gpus.a]\nusd_per_hour = -1\n", "gpus.a.usd_per_hour: given -1: 0 or more is asked"),
        ("[gpu.a]\nusd_per_hour = 1\n", "gpu: unknown key: did you mean 'gpus'?"),
        ("models = ", "not valid TOML"),
    ],
)
def test_a_list_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(BadInput) as caught:
        load_prices(own)
    assert str(own) in str(caught.value)
    assert message in str(caught.value)
