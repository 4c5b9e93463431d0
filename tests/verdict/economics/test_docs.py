"""What docs/economics.md shows is what happens."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from harness.verdict.economics import CostPolicy
from harness.verdict.economics.memo import memo
from harness.verdict.economics.prices import load_prices
from tests.verdict.economics.plans import count

PAGE = (Path(__file__).parents[3] / "docs" / "economics.md").read_text(encoding="utf-8")


def test_the_example_gives_the_memo_that_is_shown() -> None:
    example, shown = re.findall(r"```(?:toml)?\n(.*?)```", PAGE, re.DOTALL)[:2]
    found = count(tomllib.loads(example)["cost"])
    assert " ".join(shown.split()) == " ".join(" ".join(memo(found)).split())


def test_every_key_and_field_is_on_the_page() -> None:
    for name in CostPolicy.model_fields:
        assert f"`{name}`" in PAGE or (name.startswith("tuned_") and "`tuned_…`" in PAGE), name
    for name in count({"requests_per_month": 10}, base={"cost": 1.0}, tuned={"cost": 1.0}):
        stem = re.sub(r"(usd_per_(request|month)_).*", r"\1…", name)
        assert stem in PAGE or name == "value_given", name
    assert load_prices().name in PAGE
    assert load_prices().date is not None
    assert (load_prices().date or "") in PAGE
