"""The policy: defaults, files, and every refusal with its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput
from harness.verdict import Policy, load_policy

TOML = """
margin = 0.02
[suites.triage]
metric = "exact_match"
margin = 0.05
[suites.general]
role = "guard"
noninferiority = 0.01
max_relative_drop = 0.1
[cost]
requests_per_month = 50_000
"""


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(TOML)
    policy = load_policy(path)
    assert (policy.margin_of("triage"), policy.margin_of("other")) == (0.05, 0.02)
    assert (policy.noninferiority_of("general"), policy.noninferiority_of("triage")) == (0.01, 0.03)
    assert policy.cost is not None
    assert load_policy(policy) is policy
    assert load_policy(None) == Policy()


def test_all_problems_together_with_their_keys(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('alpha = 0.7\nmargn = 0.1\n[suites.a]\nrole = "boss"\nmetrik = "x"\n')
    with pytest.raises(BadInput) as caught:
        load_policy(path)
    assert sorted(str(caught.value).replace(str(path), "P").splitlines()) == [
        "P: alpha: given 0.7: Input should be less than 0.5",
        "P: margn: unknown key: did you mean 'margin'?",
        "P: suites.a.metrik: unknown key: did you mean 'metric'?",
        "P: suites.a.role: given 'boss': Input should be 'decide', 'guard' or 'watch'",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"margin": float("nan")}, "margin: given nan"),
        ({"margin": 1.0}, "margin: given 1.0"),
        ({"min_seeds": 1}, "min_seeds: given 1"),
        ({"estimand": "seed"}, "estimand: given 'seed'"),
        ({"looks": 5}, "looks above 1 needs n_max"),
        ({"route": "cost"}, "route 'cost' needs a [cost] table"),
        ({"planned_gain": 0.03}, "planned_gain 0.03 is no more than the margin, 0.03"),
        ({"suites": {"a": {"role": "watch"}}}, "every listed suite only watches"),
        ({"cost": {}}, "cost.requests_per_month: missing"),
        ({"cost": {"requests_per_month": 1, "retrain_usd": 3}}, "retrain_usd needs retrain_months"),
        ({"cost": {"requests_per_month": 1, "input_cost_per_token": 1e-6}}, "given together or not at all"),
    ],
)
def test_values_outside_their_sense(given: Any, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_policy(given)
    assert message in str(caught.value)


def test_files_that_are_no_policy(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        load_policy(tmp_path / "absent.toml")
    (tmp_path / "a.toml").write_text("alpha = ")
    with pytest.raises(BadInput, match="not valid TOML"):
        load_policy(tmp_path / "a.toml")
